import type { StorageClass } from '@coracle/api';
import { FieldError, sortedEntries } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { defaulted } from '../defaulted.ts';
import { qualifiedName, requiredBy, supported } from '../rules/names.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const storageclasses: KindHooks = hooksFor<StorageClass>({
  default: (kind) => defaulted(kind, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  strategy: { validate, validateUpdate },
});

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

function validate(kind: StorageClass): readonly FieldError[] {
  const provisioner = requiredBy((field, name) => qualifiedName(field, name.toLowerCase()), 'provisioner', kind.provisioner);
  return [
    ...provisioner,
    ...validateParameters('parameters', kind.parameters),
    ...supported('reclaimPolicy', kind.reclaimPolicy, ['Delete', 'Retain']),
    ...supported('volumeBindingMode', kind.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ...validateTopologies(kind.allowedTopologies ?? []),
  ];
}

function validateUpdate(kind: StorageClass, old: StorageClass): readonly FieldError[] {
  return [
    ...shownAsNull('parameters', kind.parameters, old.parameters),
    ...shownAsNull('provisioner', kind.provisioner, old.provisioner),
    ...shownAsNull('reclaimPolicy', kind.reclaimPolicy, old.reclaimPolicy),
    ...immutable('volumeBindingMode', kind.volumeBindingMode, old.volumeBindingMode),
  ];
}

/** Upstream forgets to say what the field was to become. */
function shownAsNull(field: string, value: unknown, old: unknown): readonly FieldError[] {
  return immutable(field, value, old).map(({ detail }) => FieldError.invalid(field, null, detail));
}

export function validateParameters(field: string, parameters: StorageClass['parameters']): readonly FieldError[] {
  const entries = sortedEntries(parameters);
  if (entries.length > maxParameters) return [FieldError.tooLong(field, maxParameters)];
  const faults: FieldError[] = entries.some(([key]) => key === '') ? [FieldError.invalid(field, '', 'field can not be empty.')] : [];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return bytes > maxParameterBytes ? [...faults, FieldError.tooLong(field, maxParameterBytes)] : faults;
}

function validateTopologies(terms: NonNullable<StorageClass['allowedTopologies']>): readonly FieldError[] {
  return terms.flatMap(({ matchLabelExpressions = [] }, i) =>
    matchLabelExpressions.flatMap(({ key, values }, j) => {
      const at = `allowedTopologies[${i}].matchLabelExpressions[${j}]`;
      const given = values ?? [];
      const faults: FieldError[] = given.length === 0 ? [FieldError.required(`${at}.values`)] : [];
      for (const [n, value] of given.entries())
        if (given.indexOf(value) < n) faults.push(FieldError.duplicate(`${at}.values[${n}]`, value));
      return [...faults, ...qualifiedName(`${at}.key`, key)];
    }),
  );
}
