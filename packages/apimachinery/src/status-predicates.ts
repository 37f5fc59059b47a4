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

const knownReasons: ReadonlySet<StatusReason> = new Set([...reasonByCode.values(), 'AlreadyExists', 'Expired', 'ServerTimeout', 'StoreReadError']);

/** The error's reason; where that is none that is known, the one its code stands for; `''` when there is no Status. */
export function reasonOf(error: unknown): StatusReason {
  const found = statusErrorOf(error);
  if (found === undefined) return '';
  return knownReasons.has(found.reason) ? found.reason : (reasonByCode.get(found.code) ?? '');
}

export const isNotFound = (error: unknown): boolean => reasonOf(error) === 'NotFound';
export const isAlreadyExists = (error: unknown): boolean => reasonOf(error) === 'AlreadyExists';
export const isConflict = (error: unknown): boolean => reasonOf(error) === 'Conflict';
export const isInvalid = (error: unknown): boolean => reasonOf(error) === 'Invalid';
export const isForbidden = (error: unknown): boolean => reasonOf(error) === 'Forbidden';
export const isUnauthorized = (error: unknown): boolean => reasonOf(error) === 'Unauthorized';
export const isBadRequest = (error: unknown): boolean => reasonOf(error) === 'BadRequest';
export const isMethodNotSupported = (error: unknown): boolean => reasonOf(error) === 'MethodNotAllowed';
export const isNotAcceptable = (error: unknown): boolean => reasonOf(error) === 'NotAcceptable';
export const isUnsupportedMediaType = (error: unknown): boolean => reasonOf(error) === 'UnsupportedMediaType';
export const isServiceUnavailable = (error: unknown): boolean => reasonOf(error) === 'ServiceUnavailable';
export const isServerTimeout = (error: unknown): boolean => reasonOf(error) === 'ServerTimeout';
export const isTimeout = (error: unknown): boolean => reasonOf(error) === 'Timeout';
export const isInternalError = (error: unknown): boolean => reasonOf(error) === 'InternalError';

/** Whatever its reason, 429 means to slow down. */
export const isTooManyRequests = (error: unknown): boolean => reasonOf(error) === 'TooManyRequests' || statusErrorOf(error)?.code === 429;
export const isRequestEntityTooLarge = (error: unknown): boolean => reasonOf(error) === 'RequestEntityTooLarge' || statusErrorOf(error)?.code === 413;

export const isGone = (error: unknown): boolean => reasonOf(error) === 'Gone';
/** The revision is no longer served: list again. Upstream asks IsResourceExpired and IsGone together for this. */
export const isResourceExpired = (error: unknown): boolean => reasonOf(error) === 'Expired' || isGone(error);

/** Seconds after which the server wants to be asked again; undefined when it did not say so. */
export function suggestedDelaySeconds(error: unknown): number | undefined {
  const found = statusErrorOf(error);
  const seconds = found?.status.details?.retryAfterSeconds ?? 0;
  return seconds > 0 || found?.reason === 'ServerTimeout' ? seconds : undefined;
}
