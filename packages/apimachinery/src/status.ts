import type { ListMeta, TypeMeta } from './meta.ts';

/** Why a request failed, in a word that clients switch on (metav1.StatusReason). `''` is upstream's "unknown". */
export type StatusReason =
  | ''
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'StoreReadError'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable';

/** One of several reasons of a refusal: what is wrong with one field (meta/v1 StatusCause). */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** What a Status is about (meta/v1 StatusDetails). */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource, except in Invalid, which has the kind. */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The answer to a request that has no object to show (meta/v1 Status). */
export interface Status extends TypeMeta {
  readonly metadata: ListMeta;
  readonly status?: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: StatusReason;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** A refusal by an API server, or by code that speaks like one (apimachinery pkg/api/errors StatusError). */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? 'unknown', options);
    this.status = status;
  }

  /** HTTP status code; 500 where the Status has none. */
  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): StatusReason {
    return this.status.reason ?? '';
  }
}

/** How deep a chain of causes is followed: chains are short, unless they are a circle. */
const maxCauses = 16;

/** `error`, or the nearest of its causes that is a StatusError (Go's errors.As). */
export function statusErrorOf(error: unknown): StatusError | undefined {
  let current = error;
  for (let i = 0; i < maxCauses && current instanceof Error; i++) {
    if (current instanceof StatusError) return current;
    current = current.cause;
  }
  return undefined;
}

/**
 * What a server answers for any error: the Status of a StatusError, else 500 without a reason and with the error's message
 * (apiserver responsewriters.ErrorToAPIStatus).
 */
export function statusOf(error: unknown): Status {
  const found = statusErrorOf(error);
  if (found !== undefined) return found.status;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 };
}
