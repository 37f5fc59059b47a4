import { assert, type Process, type Task } from '@coracle/kernel';
import type { HardState } from '@coracle/raft';
import { type StoreAuth, storeAuth } from './auth/store-auth.ts';
import type { MetaFile } from './directory/meta-file.ts';
import { DiskFull } from './directory/errors.ts';
import { type Disk, type DiskLock, isNoSpace } from './disk/disk.ts';
import { Group, type MemberView } from './member/group.ts';
import type { Member } from './member/member.ts';
import { Membership } from './member/membership.ts';
import type { LogWindow } from './member/log-window.ts';
import type { Replica } from './member/replica.ts';
import type { Identity } from './directory/identity.ts';
import type { GrantedLease } from './mvcc/mvcc.ts';
import type { Revision } from './mvcc/revision.ts';
import type { KvHash } from './mvcc/hash-kv.ts';
import type { Alarm, KeyRange, LeaseId, RangeRequest, RangeResponse, Txn, TxnResult } from './mvcc/types.ts';
import { retireSnapshots } from './snapshot/catalog.ts';
import { type Snapshot, snapshotName, writeSnapshot } from './snapshot/snapshot-file.ts';
import { type LeaseStatus, MemoryStore, type Store } from './store.ts';
import type { GroupOptions } from './open.ts';
import { type Entry, freesSpace } from './wal/entry.ts';
import type { Log } from './wal/log.ts';
import type { ChangeSink } from './watch-hub.ts';

export interface DurableStoreParts {
  readonly process: Process;
  readonly disk: Disk;
  readonly lock: DiskLock;
  readonly meta: MetaFile;
  readonly hardState: HardState;
  readonly log: Log;
  readonly window: LogWindow;
  readonly replica: Replica;
  /** Log bytes that recovery replayed: those since the newest snapshot. */
  readonly replayedBytes: number;
  readonly group: GroupOptions | undefined;
  readonly checkpointLeasesMs: number | undefined;
  /** A snapshot is due when this much was logged since the last, or as much as the last was large. */
  readonly snapshotBytes: number;
}

/** Who this member is, and how far it is. */
export interface Standing {
  readonly identity: Identity;
  readonly term: number;
  readonly index: number;
}

/** What a simulation looks at after each of its steps. */
export type StoreInternals = Pick<DurableStoreParts, 'replica' | 'window'> & { readonly member: Member };

/**
 * A store in a directory: the Raft log on disk, the state machine in memory, and snapshots that let the log
 * be cut. Writes resolve once they are durable on a majority; reads are those of memory. Made by `openDurableStore`.
 */
export class DurableStore implements Store, AsyncDisposable {
  readonly #parts: DurableStoreParts;
  readonly #served: MemoryStore;
  readonly #group: Group;
  readonly #member: Member;
  /** The members and their consensus. */
  readonly cluster: Membership;
  readonly auth: StoreAuth;
  #task: Task | undefined;
  #snapshot: Task | undefined;
  #spare: Task | undefined;
  #spareFor = 0;
  #isFull = false;
  #bytesSinceSnapshot: number;
  #snapshotDue: number;

  private constructor(parts: DurableStoreParts) {
    this.#parts = parts;
    const { process, replica, group } = parts;
    this.#bytesSinceSnapshot = parts.replayedBytes;
    this.#snapshotDue = parts.snapshotBytes;
    this.#group = new Group({
      ...parts,
      ...group,
      transport: group?.transport,
      logged: (bytes) => this.#logged(bytes),
      noSpace: () => this.#diskIsFull(),
    });
    this.#member = this.#group.member;
    this.cluster = new Membership({
      process,
      group: this.#group,
      replica,
      clusterId: parts.meta.current.identity.clusterId,
      strictReconfigCheck: group?.strictReconfigCheck,
      connectedSinceMs: (id) => group?.transport.connectedSinceMs(id),
    });
    const propose = (entry: Entry): Promise<TxnResult | undefined> => this.#propose(entry);
    this.auth = storeAuth(this, replica.state, propose);
    this.#served = new MemoryStore({ process }, { state: replica.state, propose, linearized: () => this.#group.linearized() });
  }

  /** Starts serving what recovery has built; resolves, if this member is alone, once it leads. */
  static async start(parts: DurableStoreParts): Promise<DurableStore> {
    const store = new DurableStore(parts);
    store.#task = parts.process.spawn('store', (signal) => store.#run(signal));
    store.#group.start();
    if (parts.group === undefined) await store.#leads();
    const { failure } = store.#member;
    if (failure !== undefined) {
      await store.close();
      throw failure;
    }
    store.#makeSpare();
    return store;
  }

  /** Resolves once this member leads and has applied all that was written before, or can write no more. */
  async #leads(): Promise<void> {
    const { replica } = this.#parts;
    const member = this.#member;
    await new Promise<void>((resolve) => {
      const observing = this.#group.observe(() => {
        if (member.failure === undefined && !(member.isLeader && replica.term === member.hardState.term)) return;
        observing[Symbol.dispose]();
        resolve();
      });
    });
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

  /** Why nothing is written any more; undefined while writes are taken. */
  get failure(): Error | undefined {
    return this.#member.failure;
  }

  /** Nothing is written any more, and nothing will be. */
  get isClosed(): boolean {
    return this.#member.isStopped;
  }

  /** Resolves when this member is one of the cluster no more. */
  async removed(): Promise<void> {
    const group = this.#group;
    if (group.isRemoved) return;
    await new Promise<void>((resolve) => {
      const observing = group.observe(() => {
        if (!group.isRemoved) return;
        observing[Symbol.dispose]();
        resolve();
      });
    });
  }

  /** What this member knows and does at the moment, for people who look on. */
  view(): MemberView {
    return this.#group.view();
  }

  /** The parts in motion, for whoever checks them: to look at, never to change. */
  get internals(): StoreInternals {
    const { replica, window } = this.#parts;
    return { replica, window, member: this.#member };
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

  watch(range: KeyRange, from: number, sink: ChangeSink, lost?: () => void): Disposable {
    return this.#served.watch(range, from, sink, lost);
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
    return this.#group.keepAlive(id);
  }

  lease(id: LeaseId): LeaseStatus | undefined {
    return this.#served.lease(id);
  }

  async leaseTimeToLive(id: LeaseId): Promise<LeaseStatus | undefined> {
    await this.linearized();
    if (this.lease(id) === undefined) return undefined;
    const remainingSeconds = await this.#group.remainingSeconds(id);
    const lease = this.lease(id); // it may have ended meanwhile
    return lease === undefined ? undefined : { ...lease, remainingSeconds };
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

  /** What the v3 API shows of this member. */
  get standing(): Standing {
    const { meta, replica } = this.#parts;
    return { identity: meta.current.identity, term: this.#member.hardState.term, index: replica.index };
  }

  /** Takes a snapshot now and drops what of the log is not needed any more. Resolves when that is done. */
  async snapshotNow(): Promise<void> {
    await this.#snapshot?.done;
    this.#startSnapshot();
    await this.#snapshot?.done;
  }

  /** What a snapshot of this moment would have. Each call of the result is the same once more: its image is read only once. */
  frozen(): () => Snapshot {
    const { replica } = this.#parts;
    const mvcc = replica.state.mvcc.fork();
    const snapshot = replica.snapshot();
    return () => ({ ...snapshot, image: mvcc.image() });
  }

  /** Writes what was proposed, then frees the directory. Reads go on; writes reject with StoreStopped. Idempotent. */
  close(): Promise<void> {
    this.#group.close();
    assert(this.#task !== undefined, 'a store is started when it is made');
    return this.#task.done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log, lock, replica, group } = this.#parts;
    const onAbort = (): void => this.#group.close();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#member.run();
      replica.state.lessor.stop();
      await group?.transport.close();
      await this.#snapshot?.done;
      await this.#spare?.done;
      if (this.#member.failure === undefined) await this.#markCommitted();
    } finally {
      signal.removeEventListener('abort', onAbort);
      await log.close();
      await lock.release();
    }
  }

  /** Damage to the last batch can be told from a torn one, if something follows it. */
  async #markCommitted(): Promise<void> {
    const { log } = this.#parts;
    const { commit, term } = this.#member.hardState;
    if (commit > 0 && log.fits(markBytes)) await log.append([{ kind: 'commit', index: commit, term }]);
  }

  #logged(bytes: number): void {
    if (this.#spareFor !== 0) this.#makeSpare();
    this.#bytesSinceSnapshot += bytes;
    if (this.#bytesSinceSnapshot >= this.#snapshotDue) this.#startSnapshot();
  }

  #startSnapshot(): void {
    if (this.#snapshot !== undefined) return;
    const snapshot = this.#parts.replica.snapshot();
    const covered = this.#bytesSinceSnapshot;
    this.#snapshot = this.#parts.process.spawn('store snapshot', async () => {
      try {
        await this.#takeSnapshot(snapshot, covered);
      } finally {
        this.#snapshot = undefined;
      }
    });
  }

  /** Once a segment: the one to come is there before it is needed, or it is known that there is no room for it. */
  #makeSpare(): void {
    const { log, process } = this.#parts;
    if (this.#spareFor === log.sequence || this.#spare !== undefined) return;
    this.#spareFor = log.sequence;
    this.#spare = process.spawn('log spare', async () => {
      try {
        await log.spare.make();
      } catch (error) {
        if (isNoSpace(error)) this.#diskIsFull();
        // What needs the segment tries again, and then it counts.
        else process.log.warn('Cannot make the next segment of the log', { error: error instanceof Error ? error.message : String(error) });
      } finally {
        this.#spare = undefined;
      }
    });
  }

  /**
   * The next segment of the log has no room: puts are refused from now on, here at once and everywhere by the alarm. Whoever
   * raised it takes it back when there is room again; anybody may before.
   */
  #diskIsFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const { process, log } = this.#parts;
    const alarm: Alarm = { memberId: BigInt(this.#group.id), type: 'nospace' };
    process.spawn('disk full', async (signal) => {
      try {
        await this.setAlarm('activate', alarm);
        while (!this.#member.isStopped) {
          await process.clock.sleep(fullRetryMs, { background: true, signal });
          if (this.#member.isStopped || !(await this.#hasMadeSpare())) continue;
          this.#isFull = false;
          await this.setAlarm('deactivate', alarm);
          return;
        }
      } catch (error) {
        if (signal.aborted || this.#member.isStopped) return;
        this.#isFull = false; // the next attempt says so again
        process.log.warn('Cannot tell that the disk is full', {
          error: error instanceof Error ? error.message : String(error),
          segment: log.sequence,
        });
      }
    });
  }

  async #hasMadeSpare(): Promise<boolean> {
    try {
      await this.#parts.log.spare.make();
      return true;
    } catch (error) {
      if (isNoSpace(error)) return false;
      throw error;
    }
  }

  #propose(entry: Entry): Promise<TxnResult | undefined> {
    if (this.#isFull && !freesSpace(entry)) return Promise.reject(new DiskFull(this.#parts.disk.name));
    return this.#group.propose(entry);
  }

  async #takeSnapshot(snapshot: Snapshot, covered: number): Promise<void> {
    const { disk, meta, log, process, snapshotBytes } = this.#parts;
    try {
      const size = await writeSnapshot(disk, meta.current.identity, snapshot);
      this.#bytesSinceSnapshot -= covered;
      this.#snapshotDue = Math.max(snapshotBytes, size);
      const { hardState } = this.#member;
      await meta.update((before) => ({ ...before, hardState, snapshot: snapshotName(snapshot.index, snapshot.image.revision) }));
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

const markBytes = 64;
/** How long to wait before looking for room again. */
const fullRetryMs = 10_000;
