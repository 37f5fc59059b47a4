import { abortReason } from './abort.ts';

/**
 * A timer is *foreground* while the thing that it drives has not reached its goal (back-off, deadlines, grace periods,
 * readiness before the first success) and *background* once it has (heartbeats, lease renewal, resync, steady probes).
 * `settle()` of a simulated cluster waits for foreground timers only.
 */
export interface TimerOptions {
  readonly background?: boolean;
}

/** How a sleep ends before its time, and whether a simulation waits for it. */
export interface SleepOptions extends TimerOptions {
  readonly signal?: AbortSignal | undefined;
}

/** An AbortSignal that aborts with a `TimeoutError` when its time is up; dispose it once the guarded work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** The only source of time. Wall time is for what is stored, monotonic time for how long something takes. */
export interface Clock {
  /** Wall time in milliseconds since the epoch; may be skewed or stepped. For timestamps in objects. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, options?: SleepOptions): Promise<void>;
  /** Runs `fire` once after `ms`, never synchronously. Disposing cancels. `fire` must not throw. */
  timer(ms: number, fire: () => void, options?: TimerOptions): Disposable;
  /** A signal that aborts after `ms`, or together with `parent`. */
  deadline(ms: number, options?: SleepOptions): Deadline;
}

/** Reason of a signal that a `Deadline` aborted. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** A delay as timers take it, not below zero. Throws RangeError when it is no number. */
export function delayOf(ms: number): number {
  if (Number.isNaN(ms)) throw new RangeError('Cannot wait for NaN ms');
  return Math.max(0, ms);
}

/** The parts of a Clock that follow from `timer`: shared by every runtime, so that they behave alike. */
export function sleepWith(timer: Clock['timer'], ms: number, options?: SleepOptions): Promise<void> {
  const signal = options?.signal;
  return new Promise<void>((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    const handle = timer(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      options,
    );
    const onAbort = (): void => {
      handle[Symbol.dispose]();
      if (signal !== undefined) reject(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Builds a `Deadline` from `timer`; see `Clock.deadline`. */
export function deadlineWith(timer: Clock['timer'], ms: number, options?: SleepOptions): Deadline {
  const controller = new AbortController();
  const parent = options?.signal;
  if (parent?.aborted) {
    controller.abort(parent.reason);
    return { signal: controller.signal, [Symbol.dispose]() {} };
  }
  const release = (): void => {
    parent?.removeEventListener('abort', onParent);
    handle[Symbol.dispose]();
  };
  const onParent = (): void => {
    release();
    controller.abort(parent?.reason);
  };
  const handle = timer(
    ms,
    () => {
      release();
      controller.abort(new TimeoutError(`Deadline of ${ms} ms exceeded`));
    },
    options,
  );
  parent?.addEventListener('abort', onParent, { once: true });
  return { signal: controller.signal, [Symbol.dispose]: release };
}
