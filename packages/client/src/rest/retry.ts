import { type ApiResponse, TransportError } from '@coracle/apimachinery';
import { TimeoutError } from '@coracle/kernel';
import { ConnectionLostError } from '../transport/arriving.ts';

/** What is asked for: each has its own errors after which it is sent again. */
export type Purpose = 'answer' | 'watch' | 'stream';

/** What a try ended with. */
export type Outcome = { readonly response: ApiResponse } | { readonly error: unknown };

export interface RetryQuestion {
  readonly purpose: Purpose;
  readonly method: string;
  /** A body that is read while it is sent cannot be sent again. */
  readonly isBodyStreamed: boolean;
  /** Tries made, this one too. */
  readonly attempts: number;
  readonly maxRetries: number;
  readonly outcome: Outcome;
}

/** When to send again, in milliseconds, and why; undefined: what came is final (client-go rest/with_retry.go). */
export function nextTry(question: RetryQuestion): { readonly waitMs: number; readonly reason: string } | undefined {
  const { purpose, method, isBodyStreamed, attempts, maxRetries, outcome } = question;
  if (isBodyStreamed || attempts > maxRetries) return undefined;
  const said = (seconds: number, why: string): { waitMs: number; reason: string } => ({
    waitMs: seconds * 1_000,
    reason: `retries: ${attempts}, retry-after: ${seconds}s - retry-reason: ${why}`,
  });
  if ('error' in outcome) {
    if (!isRetryable(outcome.error, purpose, method)) return undefined;
    return said(1, `due to retryable error, error: ${outcome.error instanceof Error ? outcome.error.message : String(outcome.error)}`);
  }
  const { status, headers } = outcome.response;
  const seconds = retryAfterSeconds(outcome.response);
  if (seconds === undefined) return undefined;
  return said(
    seconds,
    status === 429 ? `due to server-side throttling, FlowSchema UID: "${headers['x-kubernetes-pf-flowschema-uid'] ?? ''}"` : String(status),
  );
}

/** A lost connection, for what changes nothing; for a watch a time-out too. A refused connection is final: the server is not there. */
export function isRetryable(error: unknown, purpose: Purpose, method: string): boolean {
  if (purpose === 'stream' || !(error instanceof TransportError)) return false;
  if (purpose === 'watch') return error.cause instanceof ConnectionLostError || error.cause instanceof TimeoutError;
  return method === 'GET' && error.cause instanceof ConnectionLostError;
}

/** Of 429 and every 5xx that has one, in whole seconds. */
export function retryAfterSeconds({ status, headers }: ApiResponse): number | undefined {
  if (status !== 429 && status < 500) return undefined;
  const seconds = headers['retry-after'];
  return seconds !== undefined && /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined;
}

/** `error` with the one before it named, if that was another one (client-go rest WrapPreviousError). */
export function withPreviousError(error: unknown, previous: unknown): unknown {
  if (!(error instanceof TransportError) || !(previous instanceof Error) || previous.message === error.message) return error;
  return new TransportError(`${error.message} - error from a previous attempt: ${previous.message}`, {
    executed: error.executed,
    cause: error.cause ?? error,
  });
}
