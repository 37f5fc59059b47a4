import type { PriorityClass } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { hooksFor } from '../typed-hooks.ts';

export const priorityclasses: KindHooks = hooksFor<PriorityClass>({
  default: (kind) => defaulted(kind, { preemptionPolicy: 'PreemptLowerPriority' }),
  strategy: { hasGeneration: true },
});
