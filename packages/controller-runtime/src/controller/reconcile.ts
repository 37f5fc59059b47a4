import type { ObjectKey } from '../client/reader.ts';

export type Request = ObjectKey;

/** `requeueAfterMs`: reconcile again after so long, though nothing changes. */
export interface Result {
  readonly requeueAfterMs?: number;
}

/** Brings the world of one object to what its spec says. It must be idempotent: it may run at any time, for any reason. */
export interface Reconciler {
  reconcile(request: Request): Promise<Result | void>;
}

/** Thrown by a reconciler when trying again is useless until the object changes (pkg/reconcile TerminalError). */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}
