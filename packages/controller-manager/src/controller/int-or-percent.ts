/**
 * `3` or `"25%"` of `total` as a number (apimachinery intstr.GetScaledValueFromIntOrPercent). Throws RangeError for a text that is
 * no percentage: the API server lets none through.
 */
export function scaledValue(value: number | string, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value);
  if (match === null) throw new RangeError(`invalid value for IntOrString: invalid type: string is not a percentage: "${value}"`);
  const exact = (Number(match[1]) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
