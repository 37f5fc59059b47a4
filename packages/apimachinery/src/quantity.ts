/** How a quantity was written, and so how it is printed: `1500m`, `1536Mi`, `15e2`. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** An exact amount: `unscaled` × 10^`exponent`, and never finer than 10^−9. */
export interface Quantity {
  readonly unscaled: bigint;
  readonly exponent: number;
  readonly format: QuantityFormat;
  /** The text, where upstream keeps it as it is, although it would itself print another (`1.500`, `+5`, `007`). */
  readonly kept?: string;
}

const form = /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
const decimalExponents: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
/** Powers of 1024. */
const binaryExponents: ReadonlyMap<string, number> = new Map([
  ['Ki', 1],
  ['Mi', 2],
  ['Gi', 3],
  ['Ti', 4],
  ['Pi', 5],
  ['Ei', 6],
]);
const finest = -9;
/** Binary quantities are cut off at the largest int64. */
const largestBinary = 2n ** 63n - 1n;
/** Digits that upstream reads into an int64 before it turns to big numbers. */
const shortDigits = 18;
/** Ours: beyond these a text is refused, before its number takes time and memory without bound. */
const maxTextLength = 1_000;
const maxExponent = 1_000;

/** What was made of a text before. Manifests write a few texts again and again, and their numbers are slow to read. */
interface Reading {
  readonly quantity: Quantity;
  canonical?: string;
  milli?: bigint;
}

/** By text. Bounded: when it is full it starts again, which costs no more than to be without it. */
const readings = new Map<string, Reading>();
const maxReadings = 1_000;
/** Longer ones are nobody's habit, and would make the bound one of memory no more. */
const maxKeptLength = 32;

function readingOf(text: string): Reading {
  const known = readings.get(text);
  if (known !== undefined) return known;
  const reading: Reading = { quantity: Object.freeze(readQuantity(text)) };
  if (text.length > maxKeptLength) return reading;
  if (readings.size >= maxReadings) readings.clear();
  readings.set(text, reading);
  return reading;
}

/**
 * Reads a quantity (apimachinery pkg/api/resource ParseQuantity). What is finer than a billionth is rounded away from zero.
 * Throws SyntaxError in upstream's words, which say more than they mean: a sign or a suffix alone is a zero.
 */
export function parseQuantity(text: string): Quantity {
  return readingOf(text).quantity;
}

function readQuantity(text: string): Quantity {
  const match = text === '' ? null : form.exec(text);
  if (match === null) {
    throw new SyntaxError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  const digits = `${whole === '' ? '0' : whole}${fraction}`;
  const { format, exponent } = readSuffix(suffix);
  if (text.length > maxTextLength || Math.abs(exponent) > maxExponent) throw new SyntaxError('unable to parse numeric part of quantity');
  const magnitude = format === 'BinarySI' ? BigInt(digits) * 1024n ** BigInt(exponent) : BigInt(digits);
  const scale = (format === 'BinarySI' ? 0 : exponent) - fraction.length;
  const exponentKept = Math.max(scale, finest);
  const rounded = { unscaled: divideAwayFromZero(magnitude, 10n ** BigInt(exponentKept - scale)), exponent: exponentKept };
  const value = format === 'BinarySI' ? cutOff(rounded) : rounded;
  const isFraction = value.unscaled > 0n && value.unscaled < 10n ** BigInt(Math.max(0, -value.exponent));
  return {
    unscaled: sign === '-' ? -value.unscaled : value.unscaled,
    exponent: value.exponent,
    format: format === 'BinarySI' && isFraction ? 'DecimalSI' : format,
    ...(isKept({ digits, fraction, format, exponent, scale }) ? { kept: text } : {}),
  };
}

function readSuffix(suffix: string): { readonly format: QuantityFormat; readonly exponent: number } {
  const decimal = decimalExponents.get(suffix);
  if (decimal !== undefined) return { format: 'DecimalSI', exponent: decimal };
  const binary = binaryExponents.get(suffix);
  if (binary !== undefined) return { format: 'BinarySI', exponent: binary };
  if (!/^[eE][-+]?\d+$/.test(suffix)) throw new SyntaxError("unable to parse quantity's suffix");
  return { format: 'DecimalExponent', exponent: Number(suffix.slice(1)) };
}

function cutOff(amount: Amount): Amount {
  return scaledTo(amount, finest) > largestBinary * 10n ** BigInt(-finest) ? { unscaled: largestBinary, exponent: 0 } : amount;
}

/** Upstream's quick look at whether a short number is in canonical form already. */
function isKept(read: {
  readonly digits: string;
  readonly fraction: string;
  readonly format: QuantityFormat;
  readonly exponent: number;
  readonly scale: number;
}): boolean {
  const { digits, fraction, format, exponent, scale } = read;
  if (format === 'BinarySI') {
    const isShort = fraction === '' && digits.length <= 14 - 3 * exponent;
    return isShort && BigInt(digits) % 8n !== 0n;
  }
  const isShort = digits.length <= shortDigits && scale >= finest;
  return isShort && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

/**
 * The text that the real server stores for `text`: the largest suffix that leaves a whole number, in the same format; a
 * binary quantity that is small or no whole number is printed as a decimal one. Throws as `parseQuantity`.
 */
export function canonicalQuantity(text: string): string {
  const reading = readingOf(text);
  reading.canonical ??= formatQuantity(reading.quantity);
  return reading.canonical;
}

/** The canonical text of `quantity` (Quantity.String). */
export function formatQuantity(quantity: Quantity): string {
  const { unscaled, format, kept } = quantity;
  if (kept !== undefined) return kept;
  if (unscaled === 0n) return '0';
  const binary = format === 'BinarySI' ? binaryText(quantity) : undefined;
  return binary ?? decimalText(quantity, format === 'DecimalExponent');
}

function binaryText(quantity: Quantity): string | undefined {
  const whole = roundedUp(quantity, 0);
  if (compareAmounts(quantity, { unscaled: whole, exponent: 0 }) !== 0) return undefined;
  if (whole > -1024n && whole < 1024n) return undefined;
  let number = whole;
  let text = String(whole);
  for (const suffix of binaryExponents.keys()) {
    if (number % 1024n !== 0n) break;
    number /= 1024n;
    text = `${number}${suffix}`;
  }
  return text;
}

function decimalText(amount: Amount, withExponent: boolean): string {
  let { unscaled, exponent } = amount;
  while (unscaled % 10n === 0n) {
    unscaled /= 10n;
    exponent++;
  }
  for (; exponent % 3 !== 0; exponent--) unscaled *= 10n;
  if (exponent === 0) return String(unscaled);
  const suffix = withExponent ? undefined : [...decimalExponents].find(([, power]) => power === exponent)?.[0];
  // Beyond E upstream prints no suffix, and so another number.
  return `${unscaled}${suffix ?? `e${exponent}`}`;
}

/** Negative, zero or positive, as `a` is less than, equal to or more than `b`. Throws as `parseQuantity`. */
export function compareQuantities(a: string, b: string): number {
  return compareAmounts(parseQuantity(a), parseQuantity(b));
}

/** `a` + `b` as a canonical text, in the format of `a`, unless `a` is zero (Quantity.Add). */
export function addQuantities(a: string, b: string): string {
  const [left, right] = [parseQuantity(a), parseQuantity(b)];
  const exponent = Math.min(left.exponent, right.exponent);
  const unscaled = scaledTo(left, exponent) + scaledTo(right, exponent);
  return formatQuantity({ unscaled, exponent, format: left.unscaled === 0n ? right.format : left.format });
}

/** Thousandths, rounded away from zero: how CPU is counted (Quantity.MilliValue). */
export function milliValue(text: string): bigint {
  const reading = readingOf(text);
  reading.milli ??= roundedUp(reading.quantity, -3);
  return reading.milli;
}

/** Whole units, rounded away from zero: how bytes and things are counted (Quantity.Value). */
export function wholeValue(text: string): bigint {
  return roundedUp(parseQuantity(text), 0);
}

type Amount = Pick<Quantity, 'unscaled' | 'exponent'>;

function compareAmounts(a: Amount, b: Amount): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const [left, right] = [scaledTo(a, exponent), scaledTo(b, exponent)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** In units of 10^`exponent`, which is not above the amount's own. */
function scaledTo(amount: Amount, exponent: number): bigint {
  if (amount.exponent === exponent || amount.unscaled === 0n) return amount.unscaled;
  return amount.unscaled * 10n ** BigInt(amount.exponent - exponent);
}

/** In units of 10^`exponent`, rounded away from zero. */
function roundedUp(amount: Amount, exponent: number): bigint {
  if (amount.exponent >= exponent) return scaledTo(amount, exponent);
  return divideAwayFromZero(amount.unscaled, 10n ** BigInt(exponent - amount.exponent));
}

function divideAwayFromZero(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value > 0n ? quotient + 1n : quotient - 1n;
}
