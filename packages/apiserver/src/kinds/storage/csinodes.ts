import type { CSINode } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const csinodes: KindHooks = hooksFor<CSINode>({ strategy: { allowUnconditionalUpdate: false } });
