import { AssertionError as KernelAssertionError, type Logger } from '@coracle/kernel';
import type { ObjectKey } from '../client/reader.ts';

/** Names the object to reconcile. What happened to it is not told: look. */
export type Request = ObjectKey;

/** What becomes of a request that was reconciled without an error (pkg/reconcile Result). Default: nothing until the next event. */
export interface Result {
  /** Reconcile again after so long, though nothing changes; counts before `requeue`. */
  readonly requeueAfterMs?: number;
  /** Reconcile again after the wait that an error would have earned. */
  readonly requeue?: boolean;
  /** Of the request when it comes back. Default: as it came. */
  readonly priority?: number;
}

/** What a reconciler knows besides the request. */
export interface ReconcileContext {
  /** Aborts when the manager stops, and when the reconcile's time is up. */
  readonly signal: AbortSignal;
  /** Differs for every call; all of its log lines carry it. */
  readonly reconcileId: string;
  /** 1, and one more for each failure in a row before. */
  readonly attempt: number;
  readonly priority: number;
  /** Adds controller, request and `reconcileId` to each line. */
  readonly log: Logger;
}

/** Brings the world of one object to what its spec says. It must be idempotent: it may run at any time, for any reason. */
export interface Reconciler<R = Request> {
  /** A throw means that it did not succeed: see `ErrorPolicy`. */
  reconcile(request: R, context: ReconcileContext): Promise<Result | void>;
}

/** Thrown by a reconciler when trying again is useless until the object changes (pkg/reconcile TerminalError). */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/**
 * What to do after a throw: try again after the wait that the failures of the request have earned; after a wait of one's own, with a
 * priority of one's own; not at all until the next event; or end the controller, and with it the manager, with the error.
 */
export type ErrorDecision = 'retry' | Retry | 'terminal' | 'stop';

/** How to try again. */
export interface Retry {
  /** Default: the wait that the failures of the request have earned. */
  readonly retryAfterMs?: number;
  /** Of the request when it comes back. Default: as it came. */
  readonly priority?: number;
}

/** Decides for each throw. What it throws itself ends the controller. */
export type ErrorPolicy<R = Request> = (error: unknown, about: { readonly request: R; readonly attempt: number }) => ErrorDecision;

/** A TerminalError is not tried again, everything else is, our own bugs included. */
export const defaultErrorPolicy: ErrorPolicy<unknown> = (error) => (error instanceof TerminalError ? 'terminal' : 'retry');

/** Whether a throw is a bug of the program, which in Go would panic, and not the world refusing. */
export function isPanic(error: unknown): boolean {
  const { AssertionError: NodeAssertionError } = globalThis.process.getBuiltinModule('node:assert');
  return [KernelAssertionError, NodeAssertionError, TypeError, RangeError, ReferenceError].some((type) => error instanceof type);
}
