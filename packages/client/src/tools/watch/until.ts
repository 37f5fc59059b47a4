import type { KubeObject, WatchFrame } from '@coracle/apimachinery';
import { unlessAborted } from '@coracle/kernel';
import type { CacheInformerOptions } from '../cache/controller.ts';
import type { Store } from '../cache/indexer.ts';
import { informerWatcher } from './informer-watcher.ts';
import { type RetryWatcherOptions, retryWatcher } from './retry-watcher.ts';

/** Whether an event is what was waited for. A throw ends the wait. */
export type WatchCondition = (event: WatchFrame) => boolean;

/** The watch ended before everything that was waited for had come (tools/watch ErrWatchClosed). */
export class WatchClosedError extends Error {
  override readonly name = 'WatchClosedError';
}

/**
 * Waits until each condition has held in turn; resolves with the event that met the last one, undefined when there are no conditions
 * (tools/watch UntilWithoutRetry). The event that met one condition is shown to the next one too. Rejects with WatchClosedError, with
 * what a condition throws, or with the signal's reason.
 */
export async function untilWithoutRetry(
  events: AsyncIterable<WatchFrame>,
  conditions: readonly WatchCondition[],
  signal?: AbortSignal,
): Promise<WatchFrame | undefined> {
  let last: WatchFrame | undefined;
  let met = 0;
  const advance = (): void => {
    for (let condition = conditions[met]; last !== undefined && condition?.(last) === true; condition = conditions[met]) met++;
  };
  if (conditions.length === 0) return undefined;
  signal?.throwIfAborted();
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next.done === true) throw new WatchClosedError('The watch ended before what was waited for');
      last = next.value;
      advance();
      if (met === conditions.length) return last;
    }
  } finally {
    // Not waited for: a generator that waits for its next event ends only with its own signal.
    iterator.return?.().catch(() => undefined);
  }
}

/** As `untilWithoutRetry`, over a watch that survives a broken connection, from a version that was read before (tools/watch Until). */
export function until(options: RetryWatcherOptions, conditions: readonly WatchCondition[]): Promise<WatchFrame | undefined> {
  return untilWithoutRetry(retryWatcher(options), conditions, options.signal);
}

/**
 * Waits for a state of the world, whatever cuts the connection, also when events were missed (tools/watch UntilWithSync). `precondition`
 * is asked once, of the first list: true ends the wait, with undefined.
 */
export async function untilWithSync<T extends KubeObject>(
  options: Omit<CacheInformerOptions<T>, 'handler'> & { readonly signal?: AbortSignal },
  conditions: readonly WatchCondition[],
  precondition?: (store: Store<T>) => boolean,
): Promise<WatchFrame | undefined> {
  const { signal, ...reading } = options;
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  const watcher = informerWatcher<T>(reading);
  const task = options.process.spawn(`wait for ${options.name}`, () => watcher.run(stop.signal));
  try {
    if (precondition !== undefined) {
      await watcher.controller.whenSynced(signal);
      if (precondition(watcher.store)) return undefined;
    }
    return await untilWithoutRetry(watcher.events, conditions, signal);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stop.abort(new Error('Nobody waits any more'));
    await task.done;
  }
}
