import { FieldError } from '@coracle/apimachinery';

/** A path below something, which it may not leave. */
export function descendingPath(field: string, path: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (path.startsWith('/')) faults.push(FieldError.invalid(field, path, 'must be a relative path'));
  return [...faults, ...noBacksteps(field, path)];
}

export function noBacksteps(field: string, path: string): readonly FieldError[] {
  return path.split(/[/\\]/).includes('..') ? [FieldError.invalid(field, path, "must not contain '..'")] : [];
}

/** Below something, and not by a name that starts like a way out. */
export function nonBackstepPath(field: string, path: string): readonly FieldError[] {
  const faults = [...descendingPath(field, path)];
  if (path.startsWith('..') && !path.startsWith('../')) faults.push(FieldError.invalid(field, path, "must not start with '..'"));
  return faults;
}

/** Keys of ConfigMaps and Secrets are names of files. */
export function configMapKey(key: string): readonly string[] {
  const texts: string[] = [];
  if (key.length > 253) texts.push('must be no more than 253 characters');
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    texts.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  if (key === '.') texts.push("must not be '.'");
  else if (key === '..') texts.push("must not be '..'");
  else if (key.startsWith('..')) texts.push("must not start with '..'");
  return texts;
}
