import { isGone, isResourceExpired, isTimeout, isTooManyRequests, statusErrorOf, TransportError } from '@coracle/apimachinery';

/** A watch that ended at once and without an event: else a broken server would be asked in a hot loop (tools/cache VeryShortWatchError). */
export class VeryShortWatchError extends Error {
  override readonly name = 'VeryShortWatchError';

  constructor(resource: string) {
    super(`Watch of ${resource} ended within a second without an event`);
  }
}

/** The server has dropped the history at the version that was asked for. */
export function isExpired(error: unknown): boolean {
  return isResourceExpired(error) || isGone(error);
}

/** The server has not reached the version asked for: its storage was restored, or we talk to another one now. */
export function isTooLargeResourceVersion(error: unknown): boolean {
  const status = statusErrorOf(error)?.status;
  const causes = status?.details?.causes ?? [];
  if (causes.some((cause) => cause.reason === 'ResourceVersionTooLarge')) return true;
  // Servers of before 1.19 say it only in words.
  if (!isTimeout(error)) return false;
  return (
    causes.some((cause) => cause.message === 'Too large resource version') ||
    status?.message?.includes('Too large resource version') === true
  );
}

/** Nobody answers, or asks for patience: a watch can go on from where it was, without a new list. */
export function isRetriableWatchError(error: unknown): boolean {
  return isTooManyRequests(error) || (error instanceof TransportError && error.executed === 'no');
}
