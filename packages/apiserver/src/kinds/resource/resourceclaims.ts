import type { ResourceClaimResourceV1 as ResourceClaim } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { validateClaimSpec } from './claim-validation.ts';
import { defaultClaimSpec } from './device-requests.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const resourceclaims: KindHooks = hooksFor<ResourceClaim>({
  default: (claim) => inField(claim, 'spec', defaultClaimSpec),
  strategy: {
    validate: ({ spec }) => validateClaimSpec('spec', spec),
    validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
  },
});
