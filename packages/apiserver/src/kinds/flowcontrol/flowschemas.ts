import type { FlowSchema } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { inField } from '../defaulted.ts';
import { goStruct } from '../rules/go-struct.ts';
import { hooksFor } from '../typed-hooks.ts';

export const flowschemas: KindHooks = hooksFor<FlowSchema>({
  default: (schema) => inField(schema, 'spec', (spec) => (spec.matchingPrecedence === 0 ? { ...spec, matchingPrecedence: 1000 } : spec)),
  strategy: { hasGeneration: true, validate },
});

const maxPrecedence = 10000;

function validate({ metadata, spec }: FlowSchema): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { matchingPrecedence, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec ?? {};
  const at = 'spec.matchingPrecedence';
  if (matchingPrecedence <= 0) faults.push(FieldError.invalid(at, matchingPrecedence, 'must be a positive value'));
  if (matchingPrecedence > maxPrecedence)
    faults.push(FieldError.invalid(at, matchingPrecedence, `must not be greater than ${maxPrecedence}`));
  if (matchingPrecedence === 1 && metadata.name !== 'exempt') {
    faults.push(FieldError.invalid(at, matchingPrecedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  }
  const methods = ['ByNamespace', 'ByUser'];
  if (distinguisherMethod !== undefined && !methods.includes(distinguisherMethod.type)) {
    faults.push(FieldError.notSupported('spec.distinguisherMethod.type', goStruct([['Type', 'type']], distinguisherMethod), methods));
  }
  if ((priorityLevelConfiguration?.name ?? '') === '') {
    faults.push(FieldError.required('spec.priorityLevelConfiguration.name', 'must reference a priority level'));
  }
  for (const [i, { subjects, resourceRules, nonResourceRules }] of rules.entries()) {
    if ((subjects ?? []).length === 0)
      faults.push(FieldError.required(`spec.rules[${i}].subjects`, 'subjects must contain at least one value'));
    if ((resourceRules ?? []).length === 0 && (nonResourceRules ?? []).length === 0) {
      faults.push(FieldError.required(`spec.rules[${i}]`, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
    }
  }
  return faults;
}
