import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isDns1123Label, isDns1123Subdomain } from '@coracle/apimachinery';
import type { JsonSchema } from './json-schema.ts';

type FormatTest = (text: string) => boolean;

/** Formats that are checked, by their names without dashes (apiextensions-apiserver pkg/apiserver/validation/formats.go). */
const formats: ReadonlyMap<string, FormatTest> = new Map<string, FormatTest>([
  ['bsonobjectid', matching(/^[0-9a-fA-F]{24}$/)],
  ['byte', (text) => /^(?:[A-Za-z0-9+\\/]{4})*(?:[A-Za-z0-9+\\/]{2}==|[A-Za-z0-9+\\/]{3}=|[A-Za-z0-9+\\/]{4})$/.test(text)],
  ['cidr', isCidr],
  ['creditcard', isCreditCard],
  ['date', isDate],
  ['datetime', isDateTime],
  ['duration', isDuration],
  ['email', isEmail],
  ['hexcolor', matching(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['hostname', isHostname],
  ['ipv4', (text) => isIPv4(withoutLeadingZeros(text)) || (text.includes('.') && isIPv6(text))],
  ['ipv6', (text) => isIP(text) === 6],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['k8slongname', (text) => isDns1123Subdomain(text).length === 0],
  ['k8sshortname', (text) => isDns1123Label(text).length === 0],
  [
    'mac',
    matching(
      /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4}(?:(?:\1[0-9a-fA-F]{2}){2}|(?:\1[0-9a-fA-F]{2}){14})?)$|^[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4}){2}(?:\.[0-9a-fA-F]{4}){0,1}$/,
    ),
  ],
  ['password', () => true],
  ['rgbcolor', matching(/^rgb\(\s*(?:(?:\d{1,2}|1\d\d|2(?:[0-4]\d|5[0-5]))\s*,\s*){2}(?:\d{1,2}|1\d\d|2(?:[0-4]\d|5[0-5]))\s*\)$/)],
  ['ssn', matching(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/)],
  ['uri', isRequestUri],
  ['uuid', matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ['uuid3', matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ['uuid4', matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
  ['uuid5', matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
]);

/**
 * The format of a schema where it means something for its type; undefined where it says nothing: formats that nobody knows are
 * allowed and ignored.
 */
export function effectiveFormat(schema: JsonSchema): string | undefined {
  const { format = '' } = schema;
  if (format === '') return undefined;
  const isMixed = schema['x-kubernetes-int-or-string'] === true;
  switch (isMixed ? '' : (schema.type ?? '')) {
    case '':
    case 'string':
      return formats.has(normalized(format)) ? format : undefined;
    case 'integer':
      return format === 'int32' || format === 'int64' ? format : undefined;
    case 'number':
      return format === 'float' || format === 'double' ? format : undefined;
    default:
      return undefined;
  }
}

/** Whether `text` has the format. Formats of numbers hold for any text. */
export function hasFormat(format: string, text: string): boolean {
  return formats.get(normalized(format))?.(text) ?? true;
}

function normalized(format: string): string {
  return format.replaceAll('-', '');
}

/** For patterns that cannot backtrack much: each of their parts ends where the next begins. */
function matching(pattern: RegExp): FormatTest {
  return (text) => pattern.test(text);
}

function isDate(text: string): boolean {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (year === '' || Number(month) < 1 || Number(month) > 12 || Number(day) < 1) return false;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month), 0); // the last day of the month
  return Number(day) <= date.getUTCDate();
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  const [, hour = '', minute = '', second = ''] = /^(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  return isDate(date) && hour !== '' && hour <= '23' && minute <= '59' && second <= '59';
}

/** Go's form (`1h30m`), or numbers with units as in Scala (`22 ns`, `2 days`), among whatever else. */
function isDuration(text: string): boolean {
  if (/^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) return true;
  for (const [, , unit = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const lower = unit.toLowerCase();
    if (/^(?:ns|us|µs|ms|s|m|h|hr|d|w|wk)$/.test(lower) || /^(?:nano|micro|milli|sec|min|hour|day|week)/.test(lower)) return true;
  }
  return false;
}

function isHostname(text: string): boolean {
  if (text.length > 255) return false;
  const labels = text.split('.');
  if (labels.some((label) => label.length > 63)) return false;
  const last = labels.at(-1) ?? '';
  if (labels.length === 1) return /^[a-zA-Z0-9\p{S}\p{L}](?:-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?$/u.test(text);
  if (!/^[a-zA-Z\p{L}]{2,63}$/u.test(last)) return false;
  return labels.slice(0, -1).every((label) => /^[a-zA-Z0-9\p{S}\p{L}](?:[a-zA-Z0-9\p{S}\p{L}-]{0,61}[a-zA-Z0-9\p{S}\p{L}])?$/u.test(label));
}

/** An address, alone or in angle brackets behind a name (RFC 5322 without comments). */
function isEmail(text: string): boolean {
  const angled = /^(?:"(?:[^"\\]|\\.)*"|[^<>@"]*)\s*<([^<>]+)>\s*$/s.exec(text);
  const address = angled?.[1] ?? text.trim();
  const at = address.lastIndexOf('@');
  const local = address.slice(0, Math.max(at, 0));
  const isLocal = /^"(?:[^"\\]|\\.)+"$/s.test(local) || isDotAtom(local);
  const domain = address.slice(at + 1);
  return isLocal && (isDotAtom(domain) || /^\[[^[\]\\]+\]$/.test(domain));
}

function isDotAtom(text: string): boolean {
  return text.split('.').every((atom) => /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+$/u.test(atom));
}

/** As the target of a request: an absolute URI, or an absolute path (net/url.ParseRequestURI). */
function isRequestUri(text: string): boolean {
  // Spaces and control characters are in no URI.
  if (text === '' || /[\p{Cc} ]/u.test(text) || /%(?![0-9A-Fa-f]{2})/.test(text)) return false;
  const [scheme] = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(text) ?? [];
  const rest = text.slice(scheme?.length ?? 0);
  if (!rest.startsWith('/')) return scheme !== undefined && rest !== '';
  if (!rest.startsWith('//')) return true;
  const authority = rest.slice(2).split(/[/?]/, 1)[0] ?? '';
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return /^(?:\[[0-9A-Fa-f:.%]+\]|[^[\]:<>"\\^`{|}]*)(?::\d*)?$/.test(host);
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', more] = text.split('/');
  const version = isIP(withoutLeadingZeros(address));
  return more === undefined && version !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Older Go took `010.0.0.1` for 10.0.0.1, and so does Kubernetes still. */
function withoutLeadingZeros(address: string): string {
  return address.includes(':') ? address : address.replaceAll(/\b0+(?=\d)/g, '');
}

function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/\D+/g, '');
  const issuer =
    /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;
  if (!issuer.test(digits)) return false;
  let sum = 0;
  for (const [i, digit] of Array.from(digits).reverse().entries()) {
    const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function isIsbn10(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce((total, digit, i) => total + (10 - i) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  const sum = Array.from(digits).reduce((total, digit, i) => total + Number(digit) * (i % 2 === 0 ? 1 : 3), 0);
  return sum % 10 === 0;
}
