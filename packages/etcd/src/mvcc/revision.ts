declare const brand: unique symbol;

/** Store revision: +1 per committed transaction that changed something. An empty store is at 1. */
export type Revision = number & { readonly [brand]: 'Revision' };

/** The only maker of revisions. Throws RangeError unless `n` is an integer in [0, 2^53). */
export function revision(n: number): Revision {
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`Not a revision: ${n}`);
  return n as Revision; // checked
}
