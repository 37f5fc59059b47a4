import type { ConfigMap } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const configmaps: KindHooks = hooksFor<ConfigMap>({ strategy: {} });
