import type { Lease } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';

export const leases: KindHooks = hooksFor<Lease>({
  strategy: { allowCreateOnUpdate: true, allowUnconditionalUpdate: false },
});
