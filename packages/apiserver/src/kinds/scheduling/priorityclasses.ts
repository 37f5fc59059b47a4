import type { PriorityClass } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { supported } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const priorityclasses: KindHooks = hooksFor<PriorityClass>({
  default: (kind) => defaulted(kind, { preemptionPolicy: 'PreemptLowerPriority' }),
  strategy: {
    // Counted once and never again, as upstream does.
    prepareForCreate: (kind) => ({ ...kind, metadata: { ...kind.metadata, generation: 1 } }),
    validate,
    validateUpdate,
  },
});

/** Most that users may give; above are the classes of the system, which only the server itself makes. */
const maxUserPriority = 1_000_000_000;
const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);
const policies = ['PreemptLowerPriority', 'Never'];

function validate({ metadata, value, preemptionPolicy }: PriorityClass): readonly FieldError[] {
  const { name = '' } = metadata;
  const faults: FieldError[] = [];
  if (name.startsWith('system-')) {
    const known = systemClasses.get(name);
    if (known !== value) {
      const error = known === undefined ? `${name} is not a known system priority class` : `value of ${name} must be ${known}`;
      const text = `priority class names with 'system-' prefix are reserved for system use only. error: ${error}`;
      faults.push(FieldError.forbidden('metadata.name', text));
    }
  } else if (value > maxUserPriority) {
    faults.push(FieldError.forbidden('value', `maximum allowed value of a user defined priority is ${maxUserPriority}`));
  }
  return [...faults, ...supported('preemptionPolicy', preemptionPolicy, policies)];
}

function validateUpdate(kind: PriorityClass, old: PriorityClass): readonly FieldError[] {
  const faults: FieldError[] = kind.value === old.value ? [] : [FieldError.forbidden('value', 'may not be changed in an update.')];
  return [...faults, ...immutable('preemptionPolicy', kind.preemptionPolicy, old.preemptionPolicy)];
}
