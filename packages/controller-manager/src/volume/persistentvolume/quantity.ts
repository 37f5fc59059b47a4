/** 10^-9, the smallest step of a quantity. */
const nano = 1_000_000_000n;

const decimal: Readonly<Record<string, readonly [mul: bigint, div: bigint] | undefined>> = {
  n: [1n, nano],
  u: [1n, 1_000_000n],
  m: [1n, 1000n],
  '': [1n, 1n],
  k: [1000n, 1n],
  M: [1000n ** 2n, 1n],
  G: [1000n ** 3n, 1n],
  T: [1000n ** 4n, 1n],
  P: [1000n ** 5n, 1n],
  E: [1000n ** 6n, 1n],
  Ki: [1024n, 1n],
  Mi: [1024n ** 2n, 1n],
  Gi: [1024n ** 3n, 1n],
  Ti: [1024n ** 4n, 1n],
  Pi: [1024n ** 5n, 1n],
  Ei: [1024n ** 6n, 1n],
};

/**
 * A quantity of the API (`10Gi`, `1.5e9`, `500m`) in units of 10^-9, rounded up; 0 for none and for what is no quantity, which the
 * API server does not let through (apimachinery pkg/api/resource). Digits and exponent are bounded.
 */
export function nanoUnits(quantity: string | undefined): bigint {
  const match = /^([+-]?)(\d{0,40})(?:\.(\d{0,40}))?(?:([eE])([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(quantity ?? '');
  if (match === null) return 0n;
  const [, sign = '', whole = '', fraction = '', , exponent, suffix = ''] = match;
  const digits = BigInt(`${whole}${fraction}` || '0');
  const power = Number(exponent ?? 0);
  const [mul, div] = decimal[suffix] ?? [1n, 1n];
  const numerator = digits * mul * nano * 10n ** BigInt(Math.max(0, power));
  const denominator = div * 10n ** BigInt(fraction.length + Math.max(0, -power));
  const rounded = (numerator + denominator - 1n) / denominator;
  return sign === '-' ? -rounded : rounded;
}
