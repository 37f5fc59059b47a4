import { FieldError, semanticEqual } from '@coracle/apimachinery';

/** A ConfigMap or Secret that is marked immutable stays so, with all that it holds. */
export function immutableData<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): readonly FieldError[] {
  if (old.immutable !== true) return [];
  const text = 'field is immutable when `immutable` is set';
  const faults: FieldError[] = object.immutable === true ? [] : [FieldError.forbidden('immutable', text)];
  for (const field of fields) if (!semanticEqual(object[field], old[field])) faults.push(FieldError.forbidden(field, text));
  return faults;
}
