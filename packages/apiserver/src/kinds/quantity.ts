import { mapFrom, type WireMap } from '@coracle/apimachinery';

/** Quantities are compared as whole numbers of nano units, their smallest. */
const nano = 1_000_000_000n;
const form = /^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$/;
const decimalExponents: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binaryExponents: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
/** Exponents beyond these hold nothing that a quantity can; they would only make the numbers long. */
const maxExponent = 30;

type Format = 'decimal' | 'binary' | 'exponent';

/** `text` in nano units, rounded away from zero. Texts were checked when decoded; anything else is 0. */
export function nanoValue(text: string | undefined): bigint {
  return parse(text ?? '')?.nanos ?? 0n;
}

/** Negative, zero or positive, as a - b. */
export function compareQuantities(a: string | undefined, b: string | undefined): number {
  const difference = nanoValue(a) - nanoValue(b);
  if (difference === 0n) return 0;
  return difference < 0n ? -1 : 1;
}

export function isNegative(text: string | undefined): boolean {
  return nanoValue(text) < 0n;
}

/** Thousandths, rounded up: the finest that resources are counted in. */
export function milliValue(text: string | undefined): bigint {
  return ceilDivide(nanoValue(text), 1_000_000n);
}

export function isWholeNumber(text: string | undefined): boolean {
  return milliValue(text) % 1000n === 0n;
}

/** As the real server writes it (resource.Quantity.String): the largest suffix that leaves a whole number. */
export function canonicalQuantity(text: string): string {
  const parsed = parse(text);
  return parsed === undefined ? text : written(parsed.nanos, parsed.format);
}

/** The quantities of a resource list as they are stored: canonical, and no finer than a thousandth. */
export function canonicalResources<T extends WireMap>(list: T): T {
  const entries = Object.entries(list).map(([name, text]) => [name, milliQuantity(text)] as const);
  return entries.every(([name, text]) => list[name] === text) ? list : (mapFrom(entries) as T); // the same keys, texts for texts
}

function milliQuantity(text: string): string {
  const parsed = parse(text);
  return parsed === undefined ? text : written(ceilDivide(parsed.nanos, 1_000_000n) * 1_000_000n, parsed.format);
}

function parse(text: string): { readonly nanos: bigint; readonly format: Format } | undefined {
  const [, sign = '', whole = '', fraction = '', suffix = ''] = form.exec(text) ?? [];
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  const base = binaryExponents[suffix];
  const exponent = base === undefined ? (decimalExponents[suffix] ?? Number(suffix.slice(1))) : 0;
  if (Math.abs(exponent) > maxExponent) return undefined;
  const magnitude = scaled(base === undefined ? digits : digits * 1024n ** BigInt(base), exponent + 9 - fraction.length);
  const format = base !== undefined ? 'binary' : /^[eE]/.test(suffix) ? 'exponent' : 'decimal';
  return { nanos: sign === '-' ? -magnitude : magnitude, format };
}

/** `digits` × 10^`exponent`, rounded up. */
function scaled(digits: bigint, exponent: number): bigint {
  return exponent >= 0 ? digits * 10n ** BigInt(exponent) : ceilDivide(digits, 10n ** BigInt(-exponent));
}

function written(nanos: bigint, format: Format): string {
  if (nanos === 0n) return '0';
  const whole = nanos / nano;
  // Binary suffixes are for whole numbers of at least one Ki.
  if (format === 'binary' && nanos % nano === 0n && (whole >= 1024n || whole <= -1024n)) {
    for (const [suffix, power] of Object.entries(binaryExponents).reverse()) {
      const unit = 1024n ** BigInt(power);
      if (whole % unit === 0n) return `${whole / unit}${suffix}`;
    }
    return String(whole);
  }
  for (const [suffix, power] of Object.entries(decimalExponents).reverse()) {
    const unit = 10n ** BigInt(power + 9);
    if (nanos % unit === 0n) return `${nanos / unit}${format === 'exponent' ? exponentSuffix(power) : suffix}`;
  }
  return String(whole);
}

function exponentSuffix(power: number): string {
  return power === 0 ? '' : `e${power}`;
}

function ceilDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  if (a % b === 0n) return quotient;
  return a > 0n ? quotient + 1n : quotient - 1n;
}
