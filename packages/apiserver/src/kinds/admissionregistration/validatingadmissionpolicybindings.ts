import type { ValidatingAdmissionPolicyBinding } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { defaultMatch } from './match-defaults.ts';
import { validateMatch, validateParamRef } from './policy-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const validatingadmissionpolicybindings: KindHooks = hooksFor<ValidatingAdmissionPolicyBinding>({
  default: (binding) => inField(binding, 'spec', (spec) => inField(spec, 'matchResources', defaultMatch)),
  strategy: { hasGeneration: true, allowUnconditionalUpdate: false, validate },
});

function validate({ spec }: ValidatingAdmissionPolicyBinding): readonly FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec ?? {};
  const faults: FieldError[] = policyName === '' ? [FieldError.required('spec.policyName')] : [];
  faults.push(...validateParamRef('spec.paramRef', paramRef));
  if (matchResources !== undefined) faults.push(...validateMatch('spec.matchResources', matchResources));
  const actions = spec?.validationActions ?? [];
  if (actions.length === 0) faults.push(FieldError.required('spec.validationActions'));
  for (const [i, action] of actions.entries()) {
    if (!['Audit', 'Deny', 'Warn'].includes(action))
      faults.push(FieldError.notSupported(`spec.validationActions[${i}]`, action, ['Audit', 'Deny', 'Warn']));
    if (actions.indexOf(action) < i) faults.push(FieldError.duplicate(`spec.validationActions[${i}]`, action));
  }
  if (actions.includes('Deny') && actions.includes('Warn')) {
    faults.push(
      FieldError.invalid(
        'spec.validationActions',
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  }
  return faults;
}
