import type { Ingress } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const ingresses: KindHooks = hooksFor<Ingress>({ strategy: { hasGeneration: true } });
