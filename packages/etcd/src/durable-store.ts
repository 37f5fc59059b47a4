import { assert, type Process, type Task } from '@coracle/kernel';
import type { AppliedState } from './applied-state.ts';
import type { Identity } from './directory/identity.ts';
import type { Disk, DiskLock } from './disk/disk.ts';
import { GroupCommit } from './group-commit.ts';
import type { GrantedLease } from './mvcc/mvcc.ts';
import type { Revision } from './mvcc/revision.ts';
import type { KvHash } from './mvcc/hash-kv.ts';
import type { Alarm, KeyRange, LeaseId, RangeRequest, RangeResponse, Txn, TxnResult } from './mvcc/types.ts';
import { retireSnapshots } from './snapshot/catalog.ts';
import { writeSnapshot } from './snapshot/snapshot-file.ts';
import { type LeaseStatus, MemoryStore, type Store } from './store.ts';
import type { Log } from './wal/log.ts';
import type { ChangeSink } from './watch-hub.ts';

export interface DurableStoreParts {
  readonly process: Process;
  readonly disk: Disk;
  readonly lock: DiskLock;
  readonly identity: Identity;
  readonly term: number;
  readonly log: Log;
  readonly state: AppliedState;
  /** Log bytes that recovery replayed: those since the newest snapshot. */
  readonly replayedBytes: number;
  /** A snapshot is due when this much was logged since the last, or as much as the last was large. */
  readonly snapshotBytes: number;
}

/**
 * A store in a directory, for one member: a write-ahead log, the state machine in memory, and snapshots that let the log
 * be cut. Writes resolve once they are durable; reads are those of memory. Made by `openDurableStore`.
 */
export class DurableStore implements Store, AsyncDisposable {
  readonly #parts: DurableStoreParts;
  readonly #served: MemoryStore;
  readonly #commit: GroupCommit;
  #task: Task | undefined;
  #snapshot: Task | undefined;
  #bytesSinceSnapshot: number;
  #snapshotDue: number;

  private constructor(parts: DurableStoreParts) {
    this.#parts = parts;
    const { process, log, state, term, disk } = parts;
    this.#bytesSinceSnapshot = parts.replayedBytes;
    this.#snapshotDue = parts.snapshotBytes;
    const committed = (bytes: number): void => this.#logged(bytes);
    this.#commit = new GroupCommit({ process, log, state, term, directory: disk.name, committed });
    this.#served = new MemoryStore({ process }, { state, propose: (entry) => this.#commit.propose(entry) });
  }

  /** Starts serving what recovery has built. */
  static start(parts: DurableStoreParts): DurableStore {
    const store = new DurableStore(parts);
    store.#task = parts.process.spawn('store', (signal) => store.#run(signal));
    return store;
  }

  get revision(): Revision {
    return this.#served.revision;
  }

  get compactRevision(): Revision {
    return this.#served.compactRevision;
  }

  get retainedRevision(): Revision {
    return this.#served.retainedRevision;
  }

  /** The disk error after which nothing is written any more. Reads go on. */
  get failure(): Error | undefined {
    return this.#commit.failure;
  }

  get sizeBytes(): number {
    return this.#served.sizeBytes;
  }

  get alarms(): readonly Alarm[] {
    return this.#served.alarms;
  }

  linearized(): Promise<void> {
    return this.#served.linearized();
  }

  range(request: RangeRequest): RangeResponse {
    return this.#served.range(request);
  }

  history(request: RangeRequest): RangeResponse {
    return this.#served.history(request);
  }

  txn(txn: Txn): Promise<TxnResult> {
    return this.#served.txn(txn);
  }

  watch(range: KeyRange, from: number, sink: ChangeSink): Disposable {
    return this.#served.watch(range, from, sink);
  }

  compact(at: number): Promise<void> {
    return this.#served.compact(at);
  }

  grantLease(request: { readonly id?: LeaseId; readonly ttlSeconds: number }): Promise<GrantedLease> {
    return this.#served.grantLease(request);
  }

  revokeLease(id: LeaseId): Promise<TxnResult> {
    return this.#served.revokeLease(id);
  }

  keepLeaseAlive(id: LeaseId): Promise<GrantedLease> {
    return this.#served.keepLeaseAlive(id);
  }

  lease(id: LeaseId): LeaseStatus | undefined {
    return this.#served.lease(id);
  }

  leases(): readonly GrantedLease[] {
    return this.#served.leases();
  }

  setAlarm(action: 'activate' | 'deactivate', alarm: Alarm): Promise<void> {
    return this.#served.setAlarm(action, alarm);
  }

  hash(at: number): Promise<KvHash> {
    return this.#served.hash(at);
  }

  fork(process: Process): Store {
    return this.#served.fork(process);
  }

  /** Writes what was proposed, then frees the directory. Reads go on; writes reject with StoreStopped. Idempotent. */
  close(): Promise<void> {
    this.#commit.close();
    assert(this.#task !== undefined, 'a store is started when it is made');
    return this.#task.done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log, lock, state, term } = this.#parts;
    const onAbort = (): void => this.#commit.close();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#commit.run();
      state.lessor.stop();
      await this.#snapshot?.done;
      if (this.#commit.failure === undefined) await log.markCommitted(term);
    } finally {
      signal.removeEventListener('abort', onAbort);
      await log.close();
      await lock.release();
    }
  }

  #logged(bytes: number): void {
    this.#bytesSinceSnapshot += bytes;
    if (this.#bytesSinceSnapshot < this.#snapshotDue || this.#snapshot !== undefined) return;
    // The fork and the index are of one instant, whatever is committed while the snapshot is being written.
    const image = this.#parts.state.mvcc.fork().image();
    const index = this.#parts.log.lastIndex;
    const covered = this.#bytesSinceSnapshot;
    this.#snapshot = this.#parts.process.spawn('store snapshot', async () => {
      try {
        await this.#takeSnapshot({ index, term: this.#parts.term, image, covered });
      } finally {
        this.#snapshot = undefined;
      }
    });
  }

  async #takeSnapshot(due: Parameters<typeof writeSnapshot>[2] & { readonly covered: number }): Promise<void> {
    const { disk, identity, log, process, snapshotBytes } = this.#parts;
    try {
      const size = await writeSnapshot(disk, identity, due);
      this.#bytesSinceSnapshot -= due.covered;
      this.#snapshotDue = Math.max(snapshotBytes, size);
      const oldest = await retireSnapshots(disk);
      if (oldest !== undefined) await log.dropThrough(oldest);
    } catch (error) {
      // The log has everything: what is lost is only that it could be cut. Try again when it has grown by a quarter.
      this.#snapshotDue = this.#bytesSinceSnapshot + snapshotBytes / 4;
      assert(error instanceof Error, 'only errors are thrown');
      process.log.warn('Cannot take a snapshot', { error: error.message });
    }
  }
}
