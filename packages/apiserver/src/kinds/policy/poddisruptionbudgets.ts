import type { PodDisruptionBudget } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const poddisruptionbudgets: KindHooks = hooksFor<PodDisruptionBudget>({ strategy: { hasGeneration: true, allowUnconditionalUpdate: false } });
