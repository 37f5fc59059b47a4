import {
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  mapFrom,
  milliValue,
  parseQuantity,
  type WireMap,
} from '@coracle/apimachinery';

/** The quantities of a resource list as they are stored: canonical, and no finer than a thousandth (SetDefaults_ResourceList). */
export function canonicalResources<T extends WireMap>(list: T): T {
  const entries = Object.entries(list).map(([name, text]) => [name, milliQuantity(text)] as const);
  return entries.every(([name, text]) => list[name] === text) ? list : (mapFrom(entries) as T); // the same keys, texts for texts
}

function milliQuantity(text: string): string {
  // Nearly every quantity: there is nothing to be rounded.
  if (parseQuantity(text).exponent >= -3) return canonicalQuantity(text);
  return roundedToMilli(text);
}

/** The amount in thousandths, rounded away from zero. */
export function roundedToMilli(text: string): string {
  const milli = formatQuantity({ unscaled: milliValue(text), exponent: -3, format: parseQuantity(text).format });
  return compareQuantities(milli, text) === 0 ? canonicalQuantity(text) : milli;
}

export function isNegative(text: string): boolean {
  return compareQuantities(text, '0') < 0;
}

export function isPositive(text: string): boolean {
  return compareQuantities(text, '0') > 0;
}

export function isWholeNumber(text: string): boolean {
  return milliValue(text) % 1000n === 0n;
}
