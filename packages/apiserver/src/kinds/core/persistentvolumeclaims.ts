import type { PersistentVolumeClaim } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { hooksFor } from '../typed-hooks.ts';
import { defaultClaim, withBothSources } from './persistentvolumeclaims-defaults.ts';

export const persistentvolumeclaims: KindHooks = hooksFor<PersistentVolumeClaim>({
  default: defaultClaim,
  strategy: {
    prepareForCreate: (claim) => ({ ...claim, spec: withBothSources(claim.spec ?? {}), status: { phase: 'Pending' } }),
    prepareForUpdate: (claim) => ({ ...claim, spec: withBothSources(claim.spec ?? {}) }),
  },
});
