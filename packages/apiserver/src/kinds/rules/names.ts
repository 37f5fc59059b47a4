import { FieldError, isDns1035Label, isDns1123Label, isDns1123Subdomain, isQualifiedName, isValidPathSegment } from '@coracle/apimachinery';

type Rule = (value: string) => readonly string[];

/** One fault per text that `rule` has about `value`. */
export function invalidBy(rule: Rule, field: string, value: string): readonly FieldError[] {
  return rule(value).map((text) => FieldError.invalid(field, value, text));
}

export function dnsLabel(field: string, value: string): readonly FieldError[] {
  return invalidBy(isDns1123Label, field, value);
}

export function dns1035Label(field: string, value: string): readonly FieldError[] {
  return invalidBy(isDns1035Label, field, value);
}

/** Names of most objects. */
export function dnsSubdomain(field: string, value: string): readonly FieldError[] {
  return invalidBy(isDns1123Subdomain, field, value);
}

/** Names of drivers: as of objects, but in any case. */
export function caselessSubdomain(field: string, value: string): readonly FieldError[] {
  if (isDns1123Subdomain(value.toLowerCase()).length === 0) return [];
  const text =
    "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'Example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  return [FieldError.invalid(field, value, text)];
}

export function qualifiedName(field: string, value: string): readonly FieldError[] {
  return invalidBy(isQualifiedName, field, value);
}

export function pathSegment(field: string, value: string): readonly FieldError[] {
  return invalidBy(isValidPathSegment, field, value);
}

/** Required, and then by `rule`. */
export function requiredBy(
  rule: (field: string, value: string) => readonly FieldError[],
  field: string,
  value: string | undefined,
): readonly FieldError[] {
  return value === undefined || value === '' ? [FieldError.required(field)] : rule(field, value);
}

/** `example.com/name`: a name that somebody owns. */
export function domainPrefixedPath(field: string, value: string): readonly FieldError[] {
  if (value === '') return [FieldError.required(field)];
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1)
    return [FieldError.invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const faults = [
    ...dnsSubdomain(field, value.slice(0, slash)).map(({ detail }) => FieldError.invalid(field, value.slice(0, slash), detail)),
  ];
  const path = value.slice(slash + 1);
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) {
    faults.push(FieldError.invalid(field, path, `Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`));
  }
  return faults;
}

/** One of `allowed`; '' is a fault of its own. */
export function oneOf(field: string, value: string | undefined, allowed: readonly string[]): readonly FieldError[] {
  if (value === undefined || value === '') return [FieldError.required(field)];
  return allowed.includes(value) ? [] : [FieldError.notSupported(field, value, allowed)];
}

/** One of `allowed`, whatever else it is. */
export function supported(field: string, value: string | undefined, allowed: readonly string[]): readonly FieldError[] {
  return value !== undefined && allowed.includes(value) ? [] : [FieldError.notSupported(field, value ?? '', allowed)];
}
