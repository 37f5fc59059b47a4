import { FieldError } from '@coracle/apimachinery';

export function nonNegative(field: string, value: number | undefined): readonly FieldError[] {
  return value !== undefined && value < 0 ? [FieldError.invalid(field, value, 'must be greater than or equal to 0')] : [];
}

export function within(field: string, value: number, min: number, max: number): readonly FieldError[] {
  return value < min || value > max ? [FieldError.invalid(field, value, `must be between ${min} and ${max}, inclusive`)] : [];
}

export function portNumber(field: string, value: number): readonly FieldError[] {
  return within(field, value, 1, 65535);
}

/** Names of ports (IANA service names). */
export function portName(field: string, value: string): readonly FieldError[] {
  const texts: string[] = [];
  if (value.length > 15) texts.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(value)) texts.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) texts.push('must contain at least one letter (a-z)');
  if (value.includes('--')) texts.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) texts.push('must not begin or end with a hyphen');
  return texts.map((text) => FieldError.invalid(field, value, text));
}

/** A port by number or by name. */
export function portOrName(field: string, value: number | string): readonly FieldError[] {
  return typeof value === 'number' ? portNumber(field, value) : portName(field, value);
}

/** A count or a share of a whole: `3`, `25%`. */
export function countOrPercent(field: string, value: number | string): readonly FieldError[] {
  if (typeof value === 'number') return nonNegative(field, value);
  if (/^[0-9]+%$/.test(value)) return [];
  const text =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
  return [FieldError.invalid(field, value, text)];
}

export function notOver100Percent(field: string, value: number | string): readonly FieldError[] {
  const percent = percentOf(value);
  return percent !== undefined && percent > 100 ? [FieldError.invalid(field, value, 'must not be greater than 100%')] : [];
}

/** The number of `25%`; undefined for a count. */
export function percentOf(value: number | string | undefined): number | undefined {
  return typeof value === 'string' && /^[0-9]+%$/.test(value) ? Number(value.slice(0, -1)) : undefined;
}

/** Whether a count or share is nothing. */
export function isZeroAmount(value: number | string | undefined): boolean {
  return value === undefined || value === 0 || percentOf(value) === 0;
}
