/**
 * Gives a function that runs every pending microtask, and those that they queue, before it returns: a fifth of the cost of a
 * turn of the event loop. Both this and that must be called from a macrotask.
 *
 * `process._tickCallback` is present in Node 20 to 26, but undocumented: undefined where it is missing or does not do that.
 * Drivers then turn the event loop.
 */
export function microtaskDrain(): (() => void) | undefined {
  const candidate: unknown = Reflect.get(process, '_tickCallback');
  if (typeof candidate !== 'function') return undefined;
  const drain: () => void = candidate.bind(process);
  let hops = 0;
  const hop = (): void => {
    hops++;
  };
  Promise.resolve().then(hop).then(hop).catch(hop); // never rejects
  drain();
  return hops === 2 ? drain : undefined;
}

/** As it was when this was loaded: the driver of the simulation turns the real event loop, whatever a guard does later. */
export const realSetImmediate: (run: () => void) => void = setImmediate;
