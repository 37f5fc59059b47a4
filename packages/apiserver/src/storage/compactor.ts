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
  let before = await storage.currentRevision();
  for (;;) {
    await process.clock.sleep(intervalMs, { background: true, signal });
    const now = await storage.currentRevision();
    try {
      if (before > 0) await storage.compact(before);
    } catch (error) {
      if (!(error instanceof CompactedRevisionError)) throw error; // another member was there first
    }
    before = now;
  }
}
