import { FieldError, isDns1123Subdomain } from '@coracle/apimachinery';

/** Names of attributes as other objects refer to them: whose they are, and an identifier as in C. */
export function domainAndName(field: string, name: string): readonly FieldError[] {
  const [domain = '', id, ...more] = name.split('/');
  if (id === undefined || more.length > 0)
    return [FieldError.invalid(field, name, 'a fully qualified name must be a domain and a name separated by a slash')];
  const faults = isDns1123Subdomain(domain).map((text) => FieldError.invalid(field, domain, text));
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(id)) return faults;
  const text =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";
  return [...faults, FieldError.invalid(field, id, text)];
}
