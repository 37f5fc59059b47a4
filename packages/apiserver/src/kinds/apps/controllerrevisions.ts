import type { ControllerRevision } from '@coracle/api';
import { FieldError } from '@coracle/apimachinery';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nonNegative } from '../rules/numbers.ts';
import { immutable } from '../rules/workload.ts';
import { hooksFor } from '../typed-hooks.ts';

export const controllerrevisions: KindHooks = hooksFor<ControllerRevision>({
  strategy: { validate, validateUpdate: (revision, old) => [...validate(revision), ...immutable('data', revision.data, old.data)] },
});

function validate({ data, revision }: ControllerRevision): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (data === undefined || data === null) faults.push(FieldError.required('data', 'data is mandatory'));
  else if (typeof data !== 'object' || Array.isArray(data)) faults.push(FieldError.required('data', 'data must be a valid JSON object'));
  return [...faults, ...nonNegative('revision', revision)];
}
