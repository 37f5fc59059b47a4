import { AsyncLocalStorage } from 'node:async_hooks';
import type { Cause } from '@coracle/kernel';
import type { SimProcess } from './sim-process.ts';

/** Whose code is running, and why. */
export interface StepContext {
  readonly runtime: object;
  readonly process: SimProcess;
  readonly cause: Cause | undefined;
}

// One for all runtimes, which tell their contexts apart: Node copies all storages that were ever entered each time that one
// is, so that a storage for each runtime would make a sweep over thousands of them quadratic.
export const contexts: AsyncLocalStorage<StepContext> = new AsyncLocalStorage<StepContext>();
