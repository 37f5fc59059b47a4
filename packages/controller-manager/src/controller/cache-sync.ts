import { unlessAborted } from '@coracle/kernel';

/**
 * Waits until every one of `caches` holds its first list (client-go cache.WaitForNamedCacheSync). Resolves with false when
 * `signal` aborts before.
 */
export async function cachesSynced(signal: AbortSignal, ...caches: readonly { whenSynced(): Promise<void> }[]): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await unlessAborted(Promise.all(caches.map((cache) => cache.whenSynced())), signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
