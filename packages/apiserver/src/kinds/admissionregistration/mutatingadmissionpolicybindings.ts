import type { MutatingAdmissionPolicyBinding } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { defaultMatch } from './match-defaults.ts';
import { validateMatch, validateParamRef } from './policy-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const mutatingadmissionpolicybindings: KindHooks = hooksFor<MutatingAdmissionPolicyBinding>({
  default: (binding) => inField(binding, 'spec', (spec) => inField(spec, 'matchResources', defaultMatch)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validate },
});

function validate({ spec }: MutatingAdmissionPolicyBinding): readonly FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec ?? {};
  const faults: FieldError[] = policyName === '' ? [FieldError.required('spec.policyName')] : [];
  faults.push(...validateParamRef('spec.paramRef', paramRef));
  if (matchResources !== undefined) faults.push(...validateMatch('spec.matchResources', matchResources));
  return faults;
}
