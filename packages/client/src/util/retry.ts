import { isConflict } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { Backoff, type BackoffOptions } from './backoff.ts';

/** `steps` tries in all. */
export interface RetryOptions extends BackoffOptions {
  readonly steps: number;
  /** Ends a wait between tries: the last error is thrown then, or the signal's reason when there was none. */
  readonly signal?: AbortSignal | undefined;
}

/** Many writers of one object, each quick (client-go util/retry DefaultRetry). */
export const defaultRetry: RetryOptions = { steps: 5, baseMs: 10, factor: 1, capMs: 10, jitter: 0.1 };
/** One writer against others that are slow (client-go util/retry DefaultBackoff). */
export const defaultBackoff: RetryOptions = { steps: 4, baseMs: 10, factor: 5, capMs: 1250, jitter: 0.1 };

/** Runs `fn` until it meets no error that `isRetriable` holds for; throws the last one, and any other at once (util/retry OnError). */
export async function retryOnError<T>(
  process: Process,
  options: RetryOptions,
  isRetriable: (error: unknown) => boolean,
  fn: () => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(process, options);
  options.signal?.throwIfAborted();
  for (let step = 1; ; step++) {
    let failure: unknown;
    try {
      return await fn();
    } catch (error) {
      if (!isRetriable(error) || step >= options.steps) throw error;
      failure = error;
    }
    try {
      await process.clock.sleep(backoff.next(), { signal: options.signal });
    } catch {
      throw failure; // aborted: what went wrong says more than that nobody waits for it any more
    }
  }
}

/** Runs `fn`, which must read the object anew each time, until it meets no conflict; throws the last one. */
export function retryOnConflict<T>(process: Process, options: RetryOptions, fn: () => Promise<T>): Promise<T> {
  return retryOnError(process, options, isConflict, fn);
}
