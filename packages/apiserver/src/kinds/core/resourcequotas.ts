import type { ResourceQuota } from '@coracle/api';
import { inField } from '../defaulted.ts';
import { canonicalResources } from '../resource-lists.ts';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { validateQuota, validateQuotaStatus, validateQuotaUpdate } from './resourcequota-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const resourcequotas: KindHooks = hooksFor<ResourceQuota>({
  default(quota) {
    const result = inField(quota, 'spec', (spec) => inField(spec, 'hard', canonicalResources));
    return inField(result, 'status', (status) => inField(inField(status, 'hard', canonicalResources), 'used', canonicalResources));
  },
  strategy: { validate: validateQuota, validateUpdate: (quota, old) => [...validateQuota(quota), ...validateQuotaUpdate(quota, old)] },
  statusStrategy: { validateUpdate: validateQuotaStatus },
});
