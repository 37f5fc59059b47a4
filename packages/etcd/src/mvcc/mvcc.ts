import { assert } from '@coracle/kernel';
import { type AuthChange, type AuthState, changedAuth, initialAuth } from '../auth/auth-state.ts';
import { ChangeLog, type StoredChange } from './change-log.ts';
import { isReadOnly, txnCostBytes } from './check-txn.ts';
import { assembled, isPlain, limitsKeys, shown } from './range.ts';
import { assertNoAlarm, CompactedError, FutureRevisionError, KeyNotFoundError, LeaseExistsError, LeaseNotFoundError } from './refusals.ts';
import { type Revision, revision } from './revision.ts';
import { Slabs } from './slabs.ts';
import { StoredKeyValue } from './stored-key-value.ts';
import { type Census, Tree } from './tree.ts';
import type {
  Alarm,
  AlarmType,
  Change,
  Compare,
  KeyRange,
  KeyValue,
  LeaseId,
  Operation,
  OperationResult,
  Put,
  RangeRequest,
  RangeResponse,
  Txn,
  TxnResult,
} from './types.ts';

/** How far back superseded versions stay readable through `history`, below the served horizon. */
export interface Retention {
  readonly revisions: number;
  readonly bytes: number;
}

export const defaultRetention: Retention = { revisions: 100_000, bytes: 256 * 1024 * 1024 };

/** Versions of one key, newest first; `kv` undefined is a tombstone. Of a key with a single version, that itself. Immutable. */
interface Version {
  readonly revision: Revision;
  readonly kv: StoredKeyValue | undefined;
  readonly older: Version | undefined;
  /** Versions from this one on, those below the retained horizon too. */
  readonly depth: number;
  /** How many changes of the key were forgotten since its chain was cut: about as many of the oldest are of no use. */
  readonly dead: number;
}

/** A change as a snapshot keeps it: what followed from the versions before is computed again. */
export interface ImageChange {
  readonly revision: Revision;
  readonly key: string;
  /** Absent: the key was deleted. */
  readonly put?: { readonly value: Uint8Array; readonly lease: LeaseId } | undefined;
}

export interface GrantedLease {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
}

/** What was left of a lease at its last checkpoint, in whole seconds; 0 takes back an earlier checkpoint. */
export interface LeaseRemainder {
  readonly id: LeaseId;
  readonly remainingSeconds: number;
}

/** All that a store is, in the order in which a snapshot file holds it: see `Mvcc.image`. */
export interface MvccImage {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** The revision of `base`. */
  readonly retainedRevision: Revision;
  readonly leases: readonly GrantedLease[];
  /** Of those leases that have a checkpoint. */
  readonly remainders: readonly LeaseRemainder[];
  readonly alarms: readonly Alarm[];
  readonly auth: AuthState;
  /** What existed at `retainedRevision`, in order of key. */
  readonly base: Iterable<KeyValue>;
  /** What happened since, in order. */
  readonly changes: Iterable<ImageChange>;
  /** The values lie in memory that nobody else has, large pieces with many of them: whoever restores this keeps it. */
  readonly ownsValues?: boolean;
}

interface Lease {
  readonly ttlSeconds: number;
  /** As of the last checkpoint; undefined when there was none since it was granted or renewed. */
  readonly remainingSeconds?: number | undefined;
  readonly keys: Tree<true>;
}

/** The branch that a transaction takes, and those that the transactions nested in it take, in order. */
interface Branch {
  readonly succeeded: boolean;
  readonly operations: readonly Operation[];
  readonly nested: readonly Branch[];
}

const noBranches: readonly Branch[] = [];

const versions: Census<Version> = { exists: ({ kv }) => kv !== undefined, revisionOf: ({ revision: at }) => at };

/** What a version takes beside its key and value: as etcd reckons (storage/quota.go). */
const versionOverheadBytes = 256;

/**
 * The state machine of the store (etcd server/storage/mvcc): every version of every key, transactions, compaction.
 *
 * Pure data and synchronous: the same transactions in the same order give the same state. Two horizons: at and above
 * `compactRevision` everything is *served*; from `retainedRevision` up it can still be read through `history`.
 */
export class Mvcc {
  #tree = new Tree(versions);
  #revision: Revision = revision(1);
  #compactRevision: Revision = revision(0);
  #retained: Revision = revision(0);
  readonly #slabs = new Slabs();
  #changes = new ChangeLog(); // of revisions > #retained
  #supersededBytes = 0;
  #liveBytes = 0;
  #servedSupersededBytes = 0; // what changes above #compactRevision superseded, tombstones included
  #alarms: readonly Alarm[] = [];
  #auth: AuthState = initialAuth;
  readonly #leases: Map<LeaseId, Lease>;
  readonly #retention: Retention;

  constructor(options: { readonly retention?: Retention } = {}) {
    this.#retention = options.retention ?? defaultRetention;
    this.#leases = new Map();
  }

  get revision(): Revision {
    return this.#revision;
  }

  /** Reads below it are refused; at it they are served. */
  get compactRevision(): Revision {
    return this.#compactRevision;
  }

  /** Oldest revision that `history` can still read. */
  get retainedRevision(): Revision {
    return this.#retained;
  }

  /** Keys, values and a flat rate for each version that is served: what a quota is compared with. */
  get sizeBytes(): number {
    return this.#liveBytes + this.#servedSupersededBytes;
  }

  /** Keys that exist now. */
  get(key: string): KeyValue | undefined {
    return this.#tree.get(key)?.kv;
  }

  /** Throws CompactedError or FutureRevisionError for a revision out of the served range. */
  range(request: RangeRequest): RangeResponse {
    const at = request.revision ?? 0;
    if (at > this.#revision) throw new FutureRevisionError(this.#revision);
    if (at > 0 && at < this.#compactRevision) throw new CompactedError(this.#compactRevision);
    return this.#range(request, at <= 0 ? this.#revision : at);
  }

  /** Like `range`, but down to `retainedRevision`. */
  history(request: RangeRequest): RangeResponse {
    const at = request.revision ?? 0;
    if (at > this.#revision) throw new FutureRevisionError(this.#revision);
    if (at > 0 && at < this.#retained) throw new CompactedError(this.#retained);
    return this.#range(request, at <= 0 ? this.#revision : at);
  }

  /** Applies `txn` as one revision. Throws, without having changed anything, when an operation cannot be done. */
  txn(txn: Txn): TxnResult {
    if (this.#alarms.length > 0 && !isReadOnly(txn)) this.#assertNoAlarm(txnCostBytes(txn) > 0);
    return this.#txn(txn);
  }

  #txn(txn: Txn): TxnResult {
    const branch = this.#branchOf(txn);
    this.#assertPossible(branch);
    const next = revision(this.#revision + 1);
    const changes: StoredChange[] = [];
    const results = this.#run(branch, next, changes);
    if (changes.length > 0) {
      this.#revision = next;
      for (const change of changes) this.#record(change);
    }
    return { succeeded: branch.succeeded, revision: this.#revision, results, changes };
  }

  /** Changes of revisions > `after` in order. Throws CompactedError when some of them are no longer served. */
  changesAfter(after: number): readonly Change[] {
    if (after + 1 < this.#compactRevision) throw new CompactedError(this.#compactRevision);
    return this.#changes.since(after);
  }

  /** Raises the served horizon to `at`. Throws CompactedError or FutureRevisionError. */
  compact(at: number): void {
    this.#assertNoAlarm(false);
    // Before any other, etcd takes a compaction at 0; once, where this takes as many as are asked for.
    if (at === 0 && this.#compactRevision === 0) return;
    if (at <= this.#compactRevision) throw new CompactedError(this.#compactRevision);
    if (at > this.#revision) throw new FutureRevisionError(this.#revision);
    const after = this.#compactRevision;
    this.#compactRevision = revision(at);
    this.#uncount(after);
    this.#forget();
  }

  get alarms(): readonly Alarm[] {
    return this.#alarms;
  }

  /** Idempotent. */
  setAlarm(action: 'activate' | 'deactivate', alarm: Alarm): void {
    const others = this.#alarms.filter(({ memberId, type }) => memberId !== alarm.memberId || type !== alarm.type);
    this.#alarms = action === 'activate' ? [...others, alarm] : others;
  }

  /** Users and roles, which this does not ask: what comes before it does. */
  get auth(): AuthState {
    return this.#auth;
  }

  /** Throws AuthError. */
  changeAuth(change: AuthChange): void {
    this.#auth = changedAuth(this.#auth, change);
  }

  hasAlarm(wanted: AlarmType): boolean {
    return this.#alarms.some(({ type }) => type === wanted);
  }

  #assertNoAlarm(needsSpace: boolean): void {
    if (this.#alarms.length > 0) assertNoAlarm(this.#alarms, needsSpace);
  }

  /** Throws LeaseExistsError. */
  grantLease({ id, ttlSeconds }: GrantedLease): void {
    this.#assertNoAlarm(true);
    this.#addLease({ id, ttlSeconds });
  }

  #addLease({ id, ttlSeconds }: GrantedLease): void {
    assert(id !== 0n, 'lease id 0 is none');
    if (this.#leases.has(id)) throw new LeaseExistsError();
    this.#leases.set(id, { ttlSeconds, keys: new Tree() });
  }

  hasLease(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  leaseTtlSeconds(id: LeaseId): number | undefined {
    return this.#leases.get(id)?.ttlSeconds;
  }

  /** In order of granting. */
  leases(): readonly GrantedLease[] {
    return [...this.#leases].map(([id, { ttlSeconds }]) => ({ id, ttlSeconds }));
  }

  /** What was left of the lease at its last checkpoint, in whole seconds; undefined when it has none. */
  leaseRemainder(id: LeaseId): number | undefined {
    return this.#leases.get(id)?.remainingSeconds;
  }

  /** What was left of them at their last checkpoint; only of those that have one. */
  remainders(): readonly LeaseRemainder[] {
    const found: LeaseRemainder[] = [];
    for (const [id, { remainingSeconds }] of this.#leases) if (remainingSeconds !== undefined) found.push({ id, remainingSeconds });
    return found;
  }

  /** Remembers what is left of leases, or by 0 that all is; those that are gone are passed over. */
  checkpointLeases(remainders: readonly LeaseRemainder[]): void {
    for (const { id, remainingSeconds } of remainders) {
      const lease = this.#leases.get(id);
      if (lease === undefined) continue;
      const isWhole = remainingSeconds === 0 || remainingSeconds >= lease.ttlSeconds;
      this.#leases.set(id, { ...lease, remainingSeconds: isWhole ? undefined : remainingSeconds });
    }
  }

  /** Keys attached to the lease, in order. */
  leaseKeys(id: LeaseId): readonly string[] {
    return [...(this.#leases.get(id)?.keys.entries('', undefined) ?? [])].map(([key]) => key);
  }

  /** Deletes the lease and, as one revision, the keys attached to it. Throws LeaseNotFoundError. */
  revokeLease(id: LeaseId): TxnResult {
    this.#assertNoAlarm(false);
    if (!this.#leases.has(id)) throw new LeaseNotFoundError();
    const success = this.leaseKeys(id).map((key): Operation => ({ op: 'delete', key }));
    const result = this.#txn({ compares: [], success, failure: [] });
    this.#leases.delete(id);
    return result;
  }

  /** An independent copy that shares all data: O(leases) whatever the number of keys, of which a lease may have many. */
  fork(): Mvcc {
    const copy = new Mvcc({ retention: this.#retention });
    copy.#tree = this.#tree.snapshot();
    copy.#revision = this.#revision;
    copy.#compactRevision = this.#compactRevision;
    copy.#retained = this.#retained;
    copy.#changes = this.#changes.copy();
    copy.#supersededBytes = this.#supersededBytes;
    copy.#liveBytes = this.#liveBytes;
    copy.#servedSupersededBytes = this.#servedSupersededBytes;
    copy.#alarms = this.#alarms;
    copy.#auth = this.#auth;
    for (const [id, lease] of this.#leases) copy.#leases.set(id, { ...lease, keys: lease.keys.snapshot() });
    return copy;
  }

  /** Reads lazily: take it of a `fork()` when it is not consumed at once. */
  image(): MvccImage {
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      retainedRevision: this.#retained,
      leases: this.leases(),
      remainders: this.remainders(),
      alarms: this.#alarms,
      auth: this.#auth,
      base: this.#visible({ key: '', end: '\0' }, this.#retained),
      changes: this.#imageChanges(),
    };
  }

  /** The state that `image()` described: the same answers to every read, of the past too. */
  static restore(image: MvccImage, options: { readonly retention?: Retention } = {}): Mvcc {
    const mvcc = new Mvcc(options);
    const { ownsValues = false } = image;
    for (const kv of image.base) {
      const stored = new StoredKeyValue(kv, mvcc.#slabs, ownsValues);
      mvcc.#tree.set(kv.key, versionOver(undefined, kv.modRevision, stored));
      mvcc.#liveBytes += bytesOf(stored);
    }
    // The leases come last: a version of the past may have had one that has been revoked since.
    mvcc.#retained = image.retainedRevision;
    for (const { revision: at, key, put } of image.changes) {
      const change = put === undefined ? mvcc.#tombstoneOf(key, at) : mvcc.#put(key, put, at, ownsValues);
      mvcc.#changes.push(change);
      mvcc.#count(change);
    }
    mvcc.#revision = image.revision;
    mvcc.#compactRevision = image.compactRevision;
    mvcc.#uncount(revision(0));
    for (const lease of image.leases) mvcc.#addLease(lease);
    mvcc.checkpointLeases(image.remainders);
    mvcc.#alarms = image.alarms;
    mvcc.#auth = image.auth;
    mvcc.#slabs.settle();
    if (image.leases.length > 0) mvcc.#attachAll();
    return mvcc;
  }

  /** What existed at `at`, in order of key; reads lazily. Throws CompactedError or FutureRevisionError. */
  existing(at: Revision): Iterable<KeyValue> {
    if (at > this.#revision) throw new FutureRevisionError(this.#revision);
    if (at < this.#compactRevision) throw new CompactedError(this.#compactRevision);
    return this.#visible({ key: '', end: '\0' }, at);
  }

  *#imageChanges(): Generator<ImageChange> {
    for (let i = 0; ; i++) {
      const change = this.#changes.at(i);
      if (change === undefined) return;
      const { revision: at, key, current } = change;
      yield { revision: at, key, put: current && { value: current.value, lease: current.lease } };
    }
  }

  #range(request: RangeRequest, at: number): RangeResponse {
    const isLimited = request.limit !== undefined && request.limit > 0 && limitsKeys(request);
    // One more than asked for is what sorting after the limit begins with, as in etcd.
    const limit = isLimited ? Number(request.limit) + (isPlain(request) ? 0 : 1) : Number.POSITIVE_INFINITY;
    if (request.countOnly === true) return { kvs: [], count: this.#countOf(request, at), more: false };
    const { key, end } = request;
    const kvs: KeyValue[] = [];
    let isCut = false;
    const see = (version: Version | undefined): boolean => {
      const kv = visibleAt(version, at);
      if (kv === undefined) return true;
      isCut = kvs.length === limit;
      if (!isCut) kvs.push(kv);
      return !isCut;
    };
    if (end === undefined) see(this.#tree.get(key));
    else this.#tree.forEach(key, end === '\0' ? undefined : end, see);
    const count = isCut ? this.#countOf(request, at) : kvs.length;
    return isPlain(request) ? { kvs: shown(request, kvs), count, more: isCut } : assembled(request, kvs, count);
  }

  /** Keys of the range that existed at `at`. */
  #countOf({ key, end }: KeyRange, at: number): number {
    const existed = (version: Version | undefined): boolean => visibleAt(version, at) !== undefined;
    if (end === undefined) return existed(this.#tree.get(key)) ? 1 : 0;
    return this.#tree.count({ from: key, to: end === '\0' ? undefined : end }, at, existed);
  }

  *#visible(range: KeyRange, at: number): Generator<KeyValue> {
    const { key, end } = range;
    if (end === undefined) {
      const kv = visibleAt(this.#tree.get(key), at);
      if (kv !== undefined) yield kv;
      return;
    }
    for (const [, version] of this.#tree.entries(key, end === '\0' ? undefined : end)) {
      const kv = visibleAt(version, at);
      if (kv !== undefined) yield kv;
    }
  }

  /** Which way the transaction and those nested in it go: all of them see the state as it is now. */
  #branchOf(txn: Txn): Branch {
    const succeeded = txn.compares.every((compare) => this.#holds(compare));
    const operations = succeeded ? txn.success : txn.failure;
    let nested = noBranches;
    for (const operation of operations) if (operation.op === 'txn') nested = [...nested, this.#branchOf(operation.txn)];
    return { succeeded, operations, nested };
  }

  #holds(compare: Compare): boolean {
    if (compare.end === undefined) return holds(compare, this.get(compare.key));
    let isEmpty = true;
    for (const kv of this.#visible(compare, this.#revision)) {
      if (!holds(compare, kv)) return false;
      isEmpty = false;
    }
    return !isEmpty || holds(compare, undefined);
  }

  #assertPossible({ operations, nested }: Branch): void {
    let next = 0;
    for (const operation of operations) {
      if (operation.op === 'put') this.#assertPutPossible(operation);
      else if (operation.op === 'txn')
        this.#assertPossible(nested[next++] as Branch); // one for each
      else if (operation.op === 'range') {
        const at = operation.revision ?? 0;
        if (at > this.#revision) throw new FutureRevisionError(this.#revision);
        // Below zero it is the current one, except within a transaction of a compacted store: etcd's checkRange.
        if (at !== 0 && this.#compactRevision > 0 && at < this.#compactRevision) throw new CompactedError(this.#compactRevision);
      }
    }
  }

  #assertPutPossible({ key, lease = 0n, ignoreValue, ignoreLease }: Put): void {
    if (lease !== 0n && !this.#leases.has(lease)) throw new LeaseNotFoundError();
    if ((ignoreValue === true || ignoreLease === true) && this.get(key) === undefined) throw new KeyNotFoundError();
  }

  #run({ operations, nested }: Branch, next: Revision, changes: StoredChange[]): readonly OperationResult[] {
    if (nested.length === 0) return operations.map((operation) => this.#apply(operation, undefined, next, changes));
    let place = 0;
    return operations.map((operation) => this.#apply(operation, operation.op === 'txn' ? nested[place++] : undefined, next, changes));
  }

  #apply(operation: Operation, branch: Branch | undefined, next: Revision, changes: StoredChange[]): OperationResult {
    switch (operation.op) {
      case 'put': {
        const change = this.#put(operation.key, this.#putBy(operation), next);
        this.#followLeases(change);
        changes.push(change);
        assert(change.current !== undefined, 'a put leaves a value');
        return { op: 'put', revision: next, current: change.current, previous: change.previous };
      }
      case 'delete': {
        const deleted = [...this.#visible(operation, next)];
        for (const { key } of deleted) {
          const change = this.#tombstoneOf(key, next);
          this.#followLeases(change);
          changes.push(change);
        }
        return { op: 'delete', revision: changes.length > 0 ? next : this.#revision, deleted };
      }
      case 'range': {
        // Inside a transaction the current revision includes the operations before this one.
        const at = (operation.revision ?? 0) > 0 ? Number(operation.revision) : next;
        return { op: 'range', revision: changes.length > 0 ? next : this.#revision, ...this.#range(operation, at) };
      }
      case 'txn':
        assert(branch !== undefined, 'a nested transaction has a branch');
        return { op: 'txn', succeeded: branch.succeeded, results: this.#run(branch, next, changes) };
    }
  }

  #putBy({ key, value, lease = 0n, ignoreValue, ignoreLease }: Put): { readonly value: Uint8Array; readonly lease: LeaseId } {
    if (ignoreValue !== true && ignoreLease !== true) return { value, lease };
    const previous = this.get(key);
    // It was there before the transaction; a delete in the same one may have come first, and etcd panics then.
    if (previous === undefined) return { value, lease };
    return { value: ignoreValue === true ? previous.value : value, lease: ignoreLease === true ? previous.lease : lease };
  }

  #attachAll(): void {
    this.#tree.forEach('', undefined, ({ kv }) => {
      if (kv !== undefined && kv.lease !== 0n) this.#attach(kv.lease, kv.key);
      return true;
    });
  }

  #put(
    key: string,
    { value, lease }: { readonly value: Uint8Array; readonly lease: LeaseId },
    at: Revision,
    isGiven = false,
  ): StoredChange {
    const older = this.#tree.get(key);
    const previous = older?.kv;
    const { createRevision, version } = previous ?? { createRevision: at, version: 0 };
    const current = new StoredKeyValue({ key, value, createRevision, modRevision: at, version: version + 1, lease }, this.#slabs, isGiven);
    this.#tree.set(key, versionOver(older, at, current));
    return { revision: at, key, current, previous };
  }

  #tombstoneOf(key: string, at: Revision): StoredChange {
    const older = this.#tree.get(key);
    this.#tree.set(key, versionOver(older, at, undefined));
    return { revision: at, key, current: undefined, previous: older?.kv };
  }

  /** A key has at most one lease: that of its last put. */
  #followLeases({ key, current, previous }: StoredChange): void {
    if (previous !== undefined && previous.lease !== 0n) this.#leases.get(previous.lease)?.keys.delete(key);
    if (current !== undefined && current.lease !== 0n) this.#attach(current.lease, key);
  }

  #attach(lease: LeaseId, key: string): void {
    const granted = this.#leases.get(lease);
    assert(granted !== undefined, `key is attached to unknown lease ${lease}`);
    granted.keys.set(key, true);
  }

  #record(change: StoredChange): void {
    this.#changes.push(change);
    this.#count(change);
    // Amortised: the horizon moves only when a limit is passed.
    if (this.#isOverRetention()) this.#forget();
  }

  #count(change: StoredChange): void {
    const { current, previous } = change;
    this.#supersededBytes += previous?.size ?? 0;
    this.#liveBytes += (current === undefined ? 0 : bytesOf(current)) - (previous === undefined ? 0 : bytesOf(previous));
    this.#servedSupersededBytes += supersededBytesOf(change);
  }

  /** What changes above `after` superseded is no longer served once it is below the compact revision. */
  #uncount(after: Revision): void {
    for (let i = this.#changes.indexAfter(after); ; i++) {
      const change = this.#changes.at(i);
      if (change === undefined || change.revision > this.#compactRevision) return;
      this.#servedSupersededBytes -= supersededBytesOf(change);
    }
  }

  #isOverRetention(): boolean {
    return this.#changes.length > this.#retention.revisions || this.#supersededBytes > this.#retention.bytes;
  }

  /**
   * Drops the oldest changes that are beyond retention and no longer served, with the versions they superseded. Those of
   * one revision go together, and those at the compact revision stay: a watch may begin there.
   */
  #forget(): void {
    for (;;) {
      const oldest = this.#changes.at(0);
      if (oldest === undefined || oldest.revision >= this.#compactRevision) break;
      if (oldest.revision !== this.#retained && !this.#isOverRetention()) break;
      this.#changes.shift();
      this.#retained = oldest.revision;
      this.#supersededBytes -= oldest.previous?.size ?? 0;
      oldest.previous?.drop(this.#slabs);
      this.#release(oldest.key, oldest.revision);
    }
  }

  /**
   * One more version of `key` is below `horizon`. Cutting a chain copies what is left of it, since forks may share it: that
   * waits until half of it is of no use, or a key that is written all the time would cost its whole history each time.
   */
  #release(key: string, horizon: Revision): void {
    const newest = this.#tree.get(key);
    if (newest === undefined) return;
    const dead = newest.dead + 1;
    const { revision: at, kv, older, depth } = newest;
    if (at > horizon && dead * 2 < depth) this.#tree.set(key, { revision: at, kv, older, depth, dead });
    else this.#trim(key, horizon);
  }

  /** Keeps of `key` the versions newer than `horizon` and the newest one at or below it, unless that is a tombstone. */
  #trim(key: string, horizon: Revision): void {
    const kept: Version[] = [];
    let version = this.#tree.get(key);
    while (version !== undefined) {
      if (version.revision <= horizon) {
        if (version.kv !== undefined) kept.push(version);
        break;
      }
      kept.push(version);
      version = version.older;
    }
    let rebuilt: Version | undefined;
    for (const { revision: at, kv } of kept.reverse()) rebuilt = versionOver(rebuilt, at, kv);
    if (rebuilt === undefined) this.#tree.delete(key);
    else this.#tree.set(key, rebuilt);
  }
}

function versionOver(older: Version | undefined, at: Revision, kv: StoredKeyValue | undefined): Version {
  if (older === undefined) return kv ?? { revision: at, kv, older, depth: 1, dead: 0 };
  return { revision: at, kv, older, depth: older.depth + 1, dead: older.dead };
}

function visibleAt(version: Version | undefined, at: number): StoredKeyValue | undefined {
  let candidate = version;
  while (candidate !== undefined && candidate.revision > at) candidate = candidate.older;
  return candidate?.kv;
}

function bytesOf({ key, size }: StoredKeyValue): number {
  return versionOverheadBytes + key.length + size;
}

function supersededBytesOf({ key, current, previous }: StoredChange): number {
  return (previous === undefined ? 0 : bytesOf(previous)) + (current === undefined ? versionOverheadBytes + key.length : 0);
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  switch (compare.target) {
    case 'value':
      return kv !== undefined && matches(compare.result, Buffer.compare(kv.value, compare.operand));
    case 'lease': {
      const lease = kv?.lease ?? 0n;
      return matches(compare.result, lease < compare.operand ? -1 : lease > compare.operand ? 1 : 0);
    }
    default: {
      const actual = { version: kv?.version, create: kv?.createRevision, mod: kv?.modRevision }[compare.target] ?? 0;
      return matches(compare.result, actual - compare.operand);
    }
  }
}

function matches(result: Compare['result'], difference: number): boolean {
  switch (result) {
    case 'equal':
      return difference === 0;
    case 'notEqual':
      return difference !== 0;
    case 'greater':
      return difference > 0;
    case 'less':
      return difference < 0;
  }
}
