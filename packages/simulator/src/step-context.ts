import { AsyncLocalStorage } from 'node:async_hooks';
import type { Cause } from '@coracle/kernel';
import type { SimProcess } from './sim-process.ts';

/** Whose code is running, and why. */
export interface StepContext {
  readonly runtime: object;
  readonly process: SimProcess;
  readonly cause: Cause | undefined;
  /** Runs code under this, once that has been made cheap: see `enter`. */
  within?: (run: () => unknown) => unknown;
}

// One for all runtimes, which tell their contexts apart: Node copies all storages that were ever entered each time that one
// is, so that a storage for each runtime would make a sweep over thousands of them quadratic.
export const contexts: AsyncLocalStorage<StepContext> = new AsyncLocalStorage<StepContext>();

/**
 * Runs `run` under `context`. One that will be entered again and again is `reused`: Node makes a map each time that a storage
 * is entered, which is half the cost of a bare step, but returns to a snapshot at once.
 */
export function enter<T>(context: StepContext, run: () => T, reused: boolean): T {
  if (contexts.getStore() === context) return run();
  if (!reused) return contexts.run(context, run);
  context.within ??= contexts.run(context, () => AsyncLocalStorage.snapshot());
  return context.within(run) as T; // a snapshot returns what it runs
}
