import type { ResourceClaimResourceV1 as ResourceClaim } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { defaultClaimSpec } from './device-requests.ts';
import { hooksFor } from '../typed-hooks.ts';

export const resourceclaims: KindHooks = hooksFor<ResourceClaim>({
  default: (claim) => inField(claim, 'spec', defaultClaimSpec),
  strategy: {},
});
