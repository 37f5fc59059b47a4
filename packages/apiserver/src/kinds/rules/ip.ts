import { FieldError } from '@coracle/apimachinery';

export interface IpAddress {
  readonly family: 'IPv4' | 'IPv6';
  readonly value: bigint;
}

export interface IpRange extends IpAddress {
  readonly prefix: number;
}

const ipText = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const cidrText = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** As Go's netutils parse it: leading zeros in IPv4 are tolerated, zones are not. */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const value = parseV4(text);
    return value === undefined ? undefined : { family: 'IPv4', value };
  }
  const value = parseV6(text);
  if (value === undefined) return undefined;
  return value >> 32n === 0xffffn ? { family: 'IPv4', value: value & 0xffff_ffffn } : { family: 'IPv6', value };
}

export function parseCidr(text: string): IpRange | undefined {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const prefix = text.slice(slash + 1);
  if (ip === undefined || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bitsOf(ip)) return undefined;
  return { ...ip, prefix: Number(prefix) };
}

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function parseV6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...Array.from({ length: missing }, () => 0n), ...right].reduce((value, group) => value * 65536n + group, 0n);
}

function groups(text: string): readonly bigint[] | undefined {
  if (text === '') return [];
  const out: bigint[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part.includes('.') && i === parts.length - 1) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      out.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return out;
}

function bitsOf({ family }: IpAddress): number {
  return family === 'IPv4' ? 32 : 128;
}

export function isInRange(ip: IpAddress, range: IpRange): boolean {
  const shift = BigInt(bitsOf(range) - range.prefix);
  return ip.family === range.family && ip.value >> shift === range.value >> shift;
}

/** The canonical text (RFC 5952). */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const parts = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const run =
    parts
      .join(':')
      .match(/(?:^|:)0(?::0)+(?=:|$)/g)
      ?.reduce((best, one) => (one.length > best.length ? one : best), '') ?? '';
  const joined = parts.join(':');
  return run === ''
    ? joined
    : joined
        .replace(run, ':')
        .replace(/^:(?!:)/, '::')
        .replace(/([^:]):$/, '$1::');
}

/** The first address of a range. */
export function networkOf(range: IpRange): IpAddress {
  const shift = BigInt(bitsOf(range) - range.prefix);
  return { family: range.family, value: (range.value >> shift) << shift };
}

export function isIp(field: string, value: string): readonly FieldError[] {
  return parseIp(value) === undefined ? [FieldError.invalid(field, value, ipText)] : [];
}

export function isCidr(field: string, value: string): readonly FieldError[] {
  return parseCidr(value) === undefined ? [FieldError.invalid(field, value, cidrText)] : [];
}

/** An address that something can be reached at from elsewhere (validation.ValidateEndpointIP). */
export function isReachableIp(field: string, value: string): readonly FieldError[] {
  const ip = parseIp(value);
  if (ip === undefined) return [FieldError.invalid(field, value, ipText.replace(/, .*/, ''))];
  const refused = unreachableRanges.find(({ ranges }) => ranges.some((range) => isInRange(ip, range)));
  return refused === undefined ? [] : [FieldError.invalid(field, value, `may not be ${refused.text}`)];
}

const unreachableRanges = [
  { text: 'unspecified (0.0.0.0 or ::)', ranges: rangesOf('0.0.0.0/32', '::/128') },
  { text: 'in the loopback range (127.0.0.0/8, ::1/128)', ranges: rangesOf('127.0.0.0/8', '::1/128') },
  { text: 'in the link-local range (169.254.0.0/16, fe80::/10)', ranges: rangesOf('169.254.0.0/16', 'fe80::/10') },
  { text: 'in the link-local multicast range (224.0.0.0/24, ff02::/10)', ranges: rangesOf('224.0.0.0/24', 'ff02::/16') },
];

function rangesOf(...texts: readonly string[]): readonly IpRange[] {
  return texts.map(parseCidr).filter((range) => range !== undefined);
}

/** Strict rules of newer kinds: one text per address. */
export function isCanonicalIp(field: string, value: string): readonly FieldError[] {
  const ip = parseIp(value);
  if (ip === undefined) return [FieldError.invalid(field, value, ipText)];
  if (!value.includes(':') && value.split('.').some((part) => part.length > 1 && part.startsWith('0'))) {
    return [FieldError.invalid(field, value, 'must not have leading 0s')];
  }
  const canonical = formatIp(ip);
  return canonical === value ? [] : [FieldError.invalid(field, value, `must be in canonical form ("${canonical}")`)];
}
