/** Deeply read-only by type; objects that cross a boundary are also frozen at run time. */
export type Frozen<T> = T extends (...args: never) => unknown
  ? T
  : T extends readonly (infer E)[]
    ? readonly Frozen<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

/** Freezes `value` and all below it, and returns it. Stops at objects that are frozen already: they are shared parts. */
export function deepFreeze<T>(value: T): Frozen<T> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    if (Array.isArray(value)) for (const item of value) deepFreeze(item);
    else for (const key in value) deepFreeze(value[key]);
  }
  return value as Frozen<T>; // the same object, now read-only
}
