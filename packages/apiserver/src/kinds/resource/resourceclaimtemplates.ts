import type { ResourceClaimTemplate } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { validateClaimSpec } from './claim-validation.ts';
import { defaultClaimSpec } from './device-requests.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const resourceclaimtemplates: KindHooks = hooksFor<ResourceClaimTemplate>({
  default: (template) => inField(template, 'spec', (spec) => inField(spec, 'spec', defaultClaimSpec)),
  strategy: {
    validate: ({ spec }) => validateClaimSpec('spec.spec', spec.spec),
    validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
  },
});
