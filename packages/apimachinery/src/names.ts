/** Rules for names (apimachinery pkg/util/validation). Each function returns what is wrong, in upstream's words. */

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const maxSubdomain = 253;
const labelPattern = new RegExp(`^${dns1123Label}$`);
const subdomainPattern = new RegExp(`^${dns1123Subdomain}$`);
const dns1035Pattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedNamePattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

/** What is wrong with a label of RFC 1123, as namespaces have them; nothing, if it is one (validation.IsDNS1123Label). */
export function isDns1123Label(value: string): readonly string[] {
  const errors: string[] = [];
  if (value.length > 63) errors.push(maxCharacters(63));
  if (!labelPattern.test(value)) {
    errors.push(
      subdomainPattern.test(value)
        ? 'must not contain dots'
        : regexError(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            dns1123Label,
            ['my-name', '123-abc'],
          ),
    );
  }
  return errors;
}

/** What is wrong with a subdomain of RFC 1123, as most objects have them; nothing, if it is one (validation.IsDNS1123Subdomain). */
export function isDns1123Subdomain(value: string): readonly string[] {
  const errors: string[] = [];
  if (value.length > maxSubdomain) errors.push(maxCharacters(maxSubdomain));
  if (!subdomainPattern.test(value)) {
    errors.push(
      regexError(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        dns1123Subdomain,
        ['example.com'],
      ),
    );
  }
  return errors;
}

/** What is wrong with a label of RFC 1035, as Services have them; nothing, if it is one (validation.IsDNS1035Label). */
export function isDns1035Label(value: string): readonly string[] {
  const errors: string[] = [];
  if (value.length > 63) errors.push(maxCharacters(63));
  if (!dns1035Pattern.test(value)) {
    errors.push(
      regexError(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        '[a-z]([-a-z0-9]*[a-z0-9])?',
        ['my-name', 'abc-123'],
      ),
    );
  }
  return errors;
}

/** Keys of labels and annotations: `prefix/name`. */
export function isQualifiedName(value: string): readonly string[] {
  const errors: string[] = [];
  const parts = value.split('/');
  let name = parts[0] ?? '';
  if (parts.length === 2) {
    const [prefix = ''] = parts;
    name = parts[1] ?? '';
    if (prefix === '') errors.push('prefix part must be non-empty');
    else {
      // The same rule in newer words.
      const texts = isDns1123Subdomain(prefix).map((text) => (text === maxCharacters(maxSubdomain) ? maxLength(maxSubdomain) : text));
      errors.push(...texts.map((text) => `prefix part ${text}`));
    }
  } else if (parts.length > 2) {
    const text =
      "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    return [
      `${regexError(text, '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]', ['MyName', 'my.name', '123-abc'])} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push(`name part ${maxLength(63)}`);
  if (!qualifiedNamePattern.test(name)) {
    errors.push(
      `name part ${regexError("must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]', ['MyName', 'my.name', '123-abc'])}`,
    );
  }
  return errors;
}

/** What is wrong with the value of a label; nothing, if it is one (validation.IsValidLabelValue). */
export function isValidLabelValue(value: string): readonly string[] {
  const errors: string[] = [];
  if (value.length > 63) errors.push(maxLength(63));
  if (!labelValuePattern.test(value)) {
    errors.push(
      regexError(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
        ['MyValue', 'my_value', '12345'],
      ),
    );
  }
  return errors;
}

/** Names that only have to fit into a path: those of RBAC objects. */
export function isValidPathSegment(value: string): readonly string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((char) => value.includes(char)).map((char) => `may not contain '${char}'`);
}

function maxCharacters(characters: number): string {
  return `must be no more than ${characters} characters`;
}

function maxLength(bytes: number): string {
  return `must be no more than ${bytes} bytes`;
}

function regexError(text: string, pattern: string, examples: readonly string[]): string {
  return `${text} (e.g. ${examples.map((example) => `'${example}'`).join(',  or ')}, regex used for validation is '${pattern}')`;
}
