import { goQuote } from './quote.ts';

/** A number, or a share of a number that the context gives: `3`, `"25%"` (apimachinery pkg/util/intstr). */
export type IntOrString = number | string;

/**
 * The number that `value` stands for: itself, or its percentage of `total` rounded as asked (upstream's
 * GetScaledValueFromIntOrPercent). `maxSurge` rounds up, `maxUnavailable` down. Throws SyntaxError in upstream's words.
 */
export function scaledIntOrPercent(value: IntOrString, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  if (!value.endsWith('%')) throw new SyntaxError('invalid value for IntOrString: invalid type: string is not a percentage');
  const digits = value.slice(0, -1);
  if (!/^[+-]?\d+$/.test(digits)) {
    const fault = `strconv.Atoi: parsing ${goQuote(digits)}: invalid syntax`;
    throw new SyntaxError(`invalid value for IntOrString: invalid value ${goQuote(value)}: ${fault}`);
  }
  const share = (Number(digits) * total) / 100;
  return round === 'up' ? Math.ceil(share) : Math.floor(share);
}
