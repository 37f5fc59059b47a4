import { isConflict } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { Backoff, type BackoffOptions } from './backoff.ts';

/** `steps` tries in all. */
export interface RetryOptions extends BackoffOptions {
  readonly steps: number;
}

/** Many writers of one object, each quick (client-go util/retry DefaultRetry). */
export const defaultRetry: RetryOptions = { steps: 5, baseMs: 10, factor: 1, capMs: 10, jitter: 0.1 };
/** One writer against others that are slow (client-go util/retry DefaultBackoff). */
export const defaultBackoff: RetryOptions = { steps: 4, baseMs: 10, factor: 5, capMs: 1250, jitter: 0.1 };

/** Runs `fn`, which must read the object anew each time, until it meets no conflict; throws the last one. */
export async function retryOnConflict<T>(process: Process, options: RetryOptions, fn: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(process, options);
  for (let step = 1; ; step++) {
    try {
      return await fn();
    } catch (error) {
      if (!isConflict(error) || step >= options.steps) throw error;
    }
    await process.clock.sleep(backoff.next());
  }
}
