import type { MutatingAdmissionPolicy } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted, inField } from '../defaulted.ts';
import { defaultMatch } from './match-defaults.ts';
import { validateMutatingPolicy } from './policy-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const mutatingadmissionpolicies: KindHooks = hooksFor<MutatingAdmissionPolicy>({
  default: (policy) =>
    inField(policy, 'spec', (spec) => inField(defaulted(spec, { failurePolicy: 'Fail' }), 'matchConstraints', defaultMatch)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validate: ({ spec }) => validateMutatingPolicy(spec ?? {}) },
});
