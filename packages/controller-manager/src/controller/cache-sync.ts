import { abortReason } from '@coracle/kernel';

/**
 * Waits until every one of `caches` holds its first list (client-go cache.WaitForNamedCacheSync). Resolves with false when
 * `signal` aborts before.
 */
export async function cachesSynced(signal: AbortSignal, ...caches: readonly { whenSynced(): Promise<void> }[]): Promise<boolean> {
  if (signal.aborted) return false;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(abortReason(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([Promise.all(caches.map((cache) => cache.whenSynced())), aborted.promise]);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
