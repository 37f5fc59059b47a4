/** Thrown when an invariant of our own code does not hold: always a bug of ours, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Stops the component when `condition` is false. Stays on in production: going on with a broken invariant is worse. */
export function assert(condition: unknown, detail: string): asserts condition {
  if (!condition) throw new AssertionError(detail);
}

/** For the `default` of an exhaustive switch: compiles only while every member of the union has its case. */
export function unreachable(value: never, detail: string): never {
  throw new AssertionError(`${detail}: ${String(value)}`);
}
