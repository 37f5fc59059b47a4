import type { Revision } from '@coracle/etcd';
import type { Process } from '@coracle/kernel';
import { CompactedRevisionError, type Storage } from './storage.ts';

export interface CompactorOptions {
  readonly process: Process;
  readonly storage: Storage;
  /** `--etcd-compaction-interval`, whose default is 5 minutes. */
  readonly intervalMs: number;
}

/**
 * Every `intervalMs` raises the served horizon to the revision of the time before, until `signal` aborts
 * (apiserver pkg/storage/etcd3/compact.go). Without it the history of a server that stays up would grow without bound.
 */
export async function compactPeriodically(
  { process, storage, intervalMs }: CompactorOptions,
  signal: AbortSignal = process.signal,
): Promise<void> {
  let before: Revision | undefined;
  for (;;) {
    try {
      const now = await storage.currentRevision();
      if (before !== undefined && before > 0) await compactTo(storage, before);
      before = now;
    } catch (error) {
      if (signal.aborted) throw error;
      // The store cannot be reached: the next time may do better.
      process.log.error('Cannot compact the history of the store', { error: error instanceof Error ? error.message : String(error) });
    }
    await process.clock.sleep(intervalMs, { background: true, signal });
  }
}

async function compactTo(storage: Storage, revision: Revision): Promise<void> {
  try {
    await storage.compact(revision);
  } catch (error) {
    if (!(error instanceof CompactedRevisionError)) throw error; // another member was there first
  }
}
