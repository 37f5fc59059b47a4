import type { FieldError } from './field-error.ts';
import type { ListMeta, TypeMeta } from './meta.ts';

/** Why a request failed, in a word that clients switch on (metav1.StatusReason). */
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
  | 'ServiceUnavailable'
  | 'Unknown';

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
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

/** A refusal by an API server, or by code that speaks like one. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? 'unknown', options);
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): StatusReason {
    return this.status.reason ?? '';
  }
}

/** Names a resource in messages: `deployments.apps "web" not found`. */
export interface QualifiedResource {
  readonly group: string;
  readonly resource: string;
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  });
}

export function qualified({ group, resource }: QualifiedResource): string {
  return group === '' ? resource : `${resource}.${group}`;
}

function about(resource: QualifiedResource, name: string, more: StatusDetails = {}): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    ...(resource.resource === '' ? {} : { kind: resource.resource }),
    ...more,
  };
}

export function newNotFound(resource: QualifiedResource, name: string): StatusError {
  return failure(404, 'NotFound', `${qualified(resource)} "${name}" not found`, about(resource, name));
}

/** A path that nobody serves. */
export function newPathNotFound(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function newAlreadyExists(resource: QualifiedResource, name: string): StatusError {
  return failure(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, about(resource, name));
}

/** A generated name was taken too often: the client may try again. */
export function newGenerateNameConflict(resource: QualifiedResource, name: string, retryAfterSeconds: number): StatusError {
  const message = `${qualified(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`;
  return failure(409, 'AlreadyExists', message, about(resource, name, { retryAfterSeconds }));
}

export function newConflict(resource: QualifiedResource, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, about(resource, name));
}

export function newInvalid(kind: { readonly group: string; readonly kind: string }, name: string, errors: readonly FieldError[]): StatusError {
  const texts = errors.map((error) => error.text);
  const unique = [...new Set(texts)];
  const joined = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const message = `${qualifiedKind} "${name}" is invalid${errors.length === 0 ? '' : `: ${joined}`}`;
  return failure(422, 'Invalid', message, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    ...(errors.length === 0
      ? {}
      : { causes: errors.map(({ reason, body, field }) => ({ reason, message: body, field })) }),
  });
}

export function newBadRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message);
}

export function newUnauthorized(message = 'Unauthorized'): StatusError {
  return failure(401, 'Unauthorized', message);
}

export function newForbidden(resource: QualifiedResource, name: string, why: string, causes?: readonly StatusCause[]): StatusError {
  const subject = resource.resource === '' ? '' : `${qualified(resource)}${name === '' ? '' : ` "${name}"`} is `;
  const details = about(resource, name, causes === undefined ? {} : { causes });
  return failure(403, 'Forbidden', `${subject}forbidden: ${why}`, details);
}

export function newMethodNotSupported(resource: QualifiedResource, verb: string): StatusError {
  return failure(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(resource)}"`, about(resource, ''));
}

/** The method exists for other paths: the generic answer of a route that has no handler for it. */
export function newMethodNotAllowed(): StatusError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function newNotAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function newUnsupportedMediaType(message: string): StatusError {
  return failure(415, 'UnsupportedMediaType', message);
}

export function newRequestEntityTooLarge(message: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity is too large: ${message}`);
}

/** The revision asked for is no longer served. */
export function newExpired(message: string): StatusError {
  return failure(410, 'Expired', message);
}

export function newTooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds });
}

export function newServerTimeout(resource: QualifiedResource, operation: string, retryAfterSeconds: number): StatusError {
  const message = `The ${operation} operation against ${qualified(resource)} could not be completed at this time, please try again.`;
  return failure(500, 'ServerTimeout', message, { ...about(resource, operation), retryAfterSeconds });
}

export function newTimeout(message: string, retryAfterSeconds: number, causes?: readonly StatusCause[]): StatusError {
  return failure(504, 'Timeout', `Timeout: ${message}`, {
    ...(causes === undefined ? {} : { causes }),
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
  });
}

export function newInternalError(message: string, options?: ErrorOptions): StatusError {
  const { status } = failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
  return new StatusError(status, options);
}

export function newServiceUnavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message);
}

/** What this server does not do, although Kubernetes does: said so, never faked. */
export function newNotImplemented(what: string): StatusError {
  return failure(501, '', `${what} is not implemented by this server`);
}

function hasReason(error: unknown, ...reasons: readonly StatusReason[]): error is StatusError {
  return error instanceof StatusError && reasons.includes(error.reason);
}

export const isNotFound = (error: unknown): error is StatusError => hasReason(error, 'NotFound');
export const isAlreadyExists = (error: unknown): error is StatusError => hasReason(error, 'AlreadyExists');
export const isConflict = (error: unknown): error is StatusError => hasReason(error, 'Conflict');
export const isInvalid = (error: unknown): error is StatusError => hasReason(error, 'Invalid');
export const isForbidden = (error: unknown): error is StatusError => hasReason(error, 'Forbidden');
export const isUnauthorized = (error: unknown): error is StatusError => hasReason(error, 'Unauthorized');
export const isBadRequest = (error: unknown): error is StatusError => hasReason(error, 'BadRequest');
export const isTooManyRequests = (error: unknown): error is StatusError => hasReason(error, 'TooManyRequests');
export const isTimeout = (error: unknown): error is StatusError => hasReason(error, 'Timeout');
export const isResourceExpired = (error: unknown): error is StatusError => hasReason(error, 'Expired', 'Gone');
