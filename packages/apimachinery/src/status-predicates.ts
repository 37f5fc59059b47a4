import { statusErrorOf, type StatusReason } from './status.ts';

/**
 * What kind of refusal an error is (apimachinery pkg/api/errors IsNotFound and so on). Each follows the chain of causes, so
 * an error may be wrapped and still be asked.
 */

/** Reason that a code stands for when a server gives no reason that we know. */
const reasonByCode: ReadonlyMap<number, StatusReason> = new Map([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [406, 'NotAcceptable'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
]);

const knownReasons: ReadonlySet<StatusReason> = new Set([
  ...reasonByCode.values(),
  'AlreadyExists',
  'Expired',
  'ServerTimeout',
  'StoreReadError',
]);

/** The error's reason; where that is none that is known, the one its code stands for; `''` when there is no Status. */
export function reasonOf(error: unknown): StatusReason {
  const found = statusErrorOf(error);
  if (found === undefined) return '';
  return knownReasons.has(found.reason) ? found.reason : (reasonByCode.get(found.code) ?? '');
}

/** 404: no such object, resource or path. */
export const isNotFound = (error: unknown): boolean => reasonOf(error) === 'NotFound';
/** 409: the name is taken. */
export const isAlreadyExists = (error: unknown): boolean => reasonOf(error) === 'AlreadyExists';
/** 409: the object has changed since it was read. */
export const isConflict = (error: unknown): boolean => reasonOf(error) === 'Conflict';
/** 422: the object breaks a rule; its causes name the fields. */
export const isInvalid = (error: unknown): boolean => reasonOf(error) === 'Invalid';
/** 403: the caller may not do that. */
export const isForbidden = (error: unknown): boolean => reasonOf(error) === 'Forbidden';
/** 401: the server does not know the caller. */
export const isUnauthorized = (error: unknown): boolean => reasonOf(error) === 'Unauthorized';
/** 400: the request makes no sense. */
export const isBadRequest = (error: unknown): boolean => reasonOf(error) === 'BadRequest';
/** 405: the resource has no such verb. */
export const isMethodNotSupported = (error: unknown): boolean => reasonOf(error) === 'MethodNotAllowed';
/** 406: the server cannot answer in the form that was asked for. */
export const isNotAcceptable = (error: unknown): boolean => reasonOf(error) === 'NotAcceptable';
/** 415: the server cannot read the form of the body. */
export const isUnsupportedMediaType = (error: unknown): boolean => reasonOf(error) === 'UnsupportedMediaType';
/** 503: the server cannot answer at the moment. */
export const isServiceUnavailable = (error: unknown): boolean => reasonOf(error) === 'ServiceUnavailable';
/** 500: the server did not finish in time and wants to be asked again. */
export const isServerTimeout = (error: unknown): boolean => reasonOf(error) === 'ServerTimeout';
/** 504: the request took too long; it may have been carried out. */
export const isTimeout = (error: unknown): boolean => reasonOf(error) === 'Timeout';
/** 500: the server has failed. */
export const isInternalError = (error: unknown): boolean => reasonOf(error) === 'InternalError';

/** Whatever its reason, 429 means to slow down. */
export const isTooManyRequests = (error: unknown): boolean => reasonOf(error) === 'TooManyRequests' || statusErrorOf(error)?.code === 429;
/** Whatever its reason, 413 means that the body has too many bytes. */
export const isRequestEntityTooLarge = (error: unknown): boolean =>
  reasonOf(error) === 'RequestEntityTooLarge' || statusErrorOf(error)?.code === 413;

/** 410: it was there, and is no longer. */
export const isGone = (error: unknown): boolean => reasonOf(error) === 'Gone';
/** The revision is no longer served: list again. Upstream asks IsResourceExpired and IsGone together for this. */
export const isResourceExpired = (error: unknown): boolean => reasonOf(error) === 'Expired' || isGone(error);

/** Seconds after which the server wants to be asked again; undefined when it did not say so. */
export function suggestedDelaySeconds(error: unknown): number | undefined {
  const found = statusErrorOf(error);
  const seconds = found?.status.details?.retryAfterSeconds ?? 0;
  return seconds > 0 || found?.reason === 'ServerTimeout' ? seconds : undefined;
}
