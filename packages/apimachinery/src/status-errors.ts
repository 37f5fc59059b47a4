import { type FieldFault, fieldErrorBody, fieldErrorReason } from './field-error.ts';
import { goQuote } from './quote.ts';
import { type StatusCause, type StatusDetails, StatusError, type StatusReason } from './status.ts';

/** Refusals in the real server's words (apimachinery pkg/api/errors). */

/** Names a resource in messages: `deployments.apps "web" not found`. Both parts may be empty: no resource. */
export interface QualifiedResource {
  readonly group: string;
  readonly resource: string;
}

/** Any other refusal: for texts that only one place says. */
export function newStatusError(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  return failure(code, reason, message, details);
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

/** `deployments.apps`, `pods`. */
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

/** 404: there is no object of that name (api/errors NewNotFound). */
export function newNotFound(resource: QualifiedResource, name: string): StatusError {
  return failure(404, 'NotFound', `${qualified(resource)} ${goQuote(name)} not found`, about(resource, name));
}

/** A path that nobody serves. */
export function newPathNotFound(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 409: there is an object of that name (api/errors NewAlreadyExists). */
export function newAlreadyExists(resource: QualifiedResource, name: string): StatusError {
  return failure(409, 'AlreadyExists', `${qualified(resource)} ${goQuote(name)} already exists`, about(resource, name));
}

/** A generated name was taken too often: the client may try again. */
export function newGenerateNameConflict(resource: QualifiedResource, name: string, retryAfterSeconds: number): StatusError {
  const message = `${qualified(resource)} ${goQuote(name)} already exists, the server was not able to generate a unique name for the object`;
  return failure(409, 'AlreadyExists', message, about(resource, name, { retryAfterSeconds }));
}

/** 409: the object has changed since it was read: read it again (api/errors NewConflict). */
export function newConflict(resource: QualifiedResource, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} ${goQuote(name)}: ${why}`;
  return failure(409, 'Conflict', message, about(resource, name));
}

/** Of a kind whose fields have faults. Equal messages are shown once; each fault is a cause. */
export function newInvalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  faults: readonly FieldFault[],
): StatusError {
  const texts = new Set(faults.map((fault) => `${fault.field}: ${fieldErrorBody(fault)}`));
  const joined = texts.size === 1 ? [...texts].join() : `[${[...texts].join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const message = `${qualifiedKind} ${goQuote(name)} is invalid${faults.length === 0 ? '' : `: ${joined}`}`;
  const causes = faults.map((fault) => ({ reason: fieldErrorReason(fault.type), message: fieldErrorBody(fault), field: fault.field }));
  return failure(422, 'Invalid', message, {
    ...about({ group: kind.group, resource: kind.kind }, name),
    ...(causes.length === 0 ? {} : { causes }),
  });
}

/** 400: the request makes no sense (api/errors NewBadRequest). */
export function newBadRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message);
}

/** Without a message: what the server says about missing or wrong credentials. */
export function newUnauthorized(message = 'Unauthorized'): StatusError {
  return failure(401, 'Unauthorized', message);
}

/** 403: the caller may not do that, or nobody may (api/errors NewForbidden). Without a resource, only `why` is told. */
export function newForbidden(resource: QualifiedResource, name: string, why: string, causes?: readonly StatusCause[]): StatusError {
  const subject = resource.resource === '' ? '' : `${qualified(resource)}${name === '' ? '' : ` ${goQuote(name)}`} is `;
  const details = about(resource, name, causes === undefined ? {} : { causes });
  return failure(403, 'Forbidden', `${subject}forbidden: ${why}`, details);
}

/** 405: the resource has no such verb (api/errors NewMethodNotSupported). */
export function newMethodNotSupported(resource: QualifiedResource, verb: string): StatusError {
  return failure(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${goQuote(qualified(resource))}`,
    about(resource, ''),
  );
}

/** The method exists for other paths: the generic answer of a route that has no handler for it. */
export function newMethodNotAllowed(): StatusError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** None of the media types that the client asked for can be served. */
export function newNotAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

/** 415: the body is in a form that is not `accepted` (api/errors NewUnsupportedMediaType). */
export function newUnsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return failure(415, 'UnsupportedMediaType', message);
}

/** 413: the body has more bytes than that (api/errors NewRequestEntityTooLargeError). */
export function newRequestEntityTooLarge(limitBytes: number): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** 410: it was there, and is no longer (api/errors NewGone). */
export function newGone(message: string): StatusError {
  return failure(410, 'Gone', message);
}

/** The revision asked for is no longer served. */
export function newExpired(message: string): StatusError {
  return failure(410, 'Expired', message);
}

/** 429: ask again after so many seconds (api/errors NewTooManyRequests). */
export function newTooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, retryAfter(retryAfterSeconds));
}

/** The server could not do `operation` in time and has changed nothing: the client may try again. */
export function newServerTimeout(resource: QualifiedResource, operation: string, retryAfterSeconds: number): StatusError {
  const message = `The ${operation} operation against ${qualified(resource)} could not be completed at this time, please try again.`;
  return failure(500, 'ServerTimeout', message, about(resource, operation, retryAfter(retryAfterSeconds)));
}

/** The request was cut off; it may have been carried out. */
export function newTimeout(message: string, retryAfterSeconds: number, causes: readonly StatusCause[] = []): StatusError {
  const details = { ...(causes.length === 0 ? {} : { causes }), ...retryAfter(retryAfterSeconds) };
  return failure(504, 'Timeout', `Timeout: ${message}`, details);
}

function retryAfter(seconds: number): StatusDetails {
  return seconds === 0 ? {} : { retryAfterSeconds: seconds };
}

/** 500: the server has failed; `message` says where (api/errors NewInternalError). */
export function newInternalError(message: string, options?: ErrorOptions): StatusError {
  const { status } = failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
  return new StatusError(status, options);
}

/** 503: the server cannot answer at the moment (api/errors NewServiceUnavailable). */
export function newServiceUnavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message);
}

/** What this server does not do, although Kubernetes does: said so, never faked. */
export function newNotImplemented(what: string): StatusError {
  return failure(501, '', `${what} is not implemented by this server`);
}

/** What a client could not understand: an answer that is no Status. */
export interface ServerResponse {
  readonly code: number;
  /** HTTP method of the request. */
  readonly verb: string;
  readonly resource?: QualifiedResource;
  readonly name?: string;
  /** Text of the answer, which some messages quote. */
  readonly serverMessage?: string;
  readonly retryAfterSeconds?: number;
  /** The text of the answer becomes a cause: nothing but a Status was expected. */
  readonly isUnexpected?: boolean;
}

/** The error that stands for an answer by its HTTP code alone. The server uses it too, for patches that do not apply. */
export function newGenericServerResponse(response: ServerResponse): StatusError {
  const { code, verb, name = '', resource = { group: '', resource: '' }, serverMessage = '', retryAfterSeconds = 0 } = response;
  const { reason, message } = genericReason(code, verb, serverMessage);
  const hasResource = resource.resource !== '' || resource.group !== '';
  const place = [verb.toLowerCase(), qualified(resource), ...(name === '' ? [] : [name])].join(' ');
  return failure(code, reason, hasResource ? `${message} (${place})` : message, {
    ...about(resource, name),
    ...(response.isUnexpected === true ? { causes: [{ reason: 'UnexpectedServerResponse', message: serverMessage }] } : {}),
    ...retryAfter(retryAfterSeconds),
  });
}

function genericReason(code: number, verb: string, serverMessage: string): { readonly reason: StatusReason; readonly message: string } {
  switch (code) {
    case 400:
      return { reason: 'BadRequest', message: 'the server rejected our request for an unknown reason' };
    case 401:
      return { reason: 'Unauthorized', message: 'the server has asked for the client to provide credentials' };
    case 403:
      return { reason: 'Forbidden', message: serverMessage };
    case 404:
      return { reason: 'NotFound', message: 'the server could not find the requested resource' };
    case 405:
      return { reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource' };
    case 406: {
      const unknown = serverMessage === '' || serverMessage === 'unknown';
      return {
        reason: 'NotAcceptable',
        message: unknown ? 'the server was unable to respond with a content type that the client supports' : serverMessage,
      };
    }
    case 409:
      return { reason: verb === 'POST' ? 'AlreadyExists' : 'Conflict', message: 'the server reported a conflict' };
    case 415:
      return { reason: 'UnsupportedMediaType', message: serverMessage };
    case 422:
      return { reason: 'Invalid', message: 'the server rejected our request due to an error in our request' };
    case 429:
      return { reason: 'TooManyRequests', message: 'the server has received too many requests and has asked us to try again later' };
    case 503:
      return { reason: 'ServiceUnavailable', message: 'the server is currently unable to handle the request' };
    case 504:
      return {
        reason: 'Timeout',
        message: 'the server was unable to return a response in the time allotted, but may still be processing the request',
      };
    default:
      if (code >= 500)
        return {
          reason: 'InternalError',
          message: `an error on the server (${goQuote(serverMessage)}) has prevented the request from succeeding`,
        };
      return { reason: '', message: `the server responded with the status code ${code} but did not return more information` };
  }
}
