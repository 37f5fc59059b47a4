import { assert } from '@coracle/kernel';
import { ChangeLog } from './change-log.ts';
import { type Revision, revision } from './revision.ts';
import { Tree } from './tree.ts';
import {
  type Change,
  type Compare,
  CompactedError,
  FutureRevisionError,
  type KeyRange,
  type KeyValue,
  LeaseExistsError,
  type LeaseId,
  LeaseNotFoundError,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type Txn,
  type TxnResult,
} from './types.ts';

/** How far back superseded versions stay readable through `history`, below the served horizon. */
export interface Retention {
  readonly revisions: number;
  readonly bytes: number;
}

export const defaultRetention: Retention = { revisions: 100_000, bytes: 256 * 1024 * 1024 };

/** Versions of one key, newest first; `kv` undefined is a tombstone. Immutable. */
interface Version {
  readonly revision: Revision;
  readonly kv: KeyValue | undefined;
  readonly older: Version | undefined;
  /** Versions from this one on, those below the retained horizon too. */
  readonly length: number;
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

/** All that a store is, in the order in which a snapshot file holds it: see `Mvcc.image`. */
export interface MvccImage {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** The revision of `base`. */
  readonly retainedRevision: Revision;
  readonly leases: readonly GrantedLease[];
  /** What existed at `retainedRevision`, in order of key. */
  readonly base: Iterable<KeyValue>;
  /** What happened since, in order. */
  readonly changes: Iterable<ImageChange>;
}

interface Lease {
  readonly ttlSeconds: number;
  readonly keys: Tree<true>;
}

/**
 * The state machine of the store (etcd server/storage/mvcc): every version of every key, transactions, compaction.
 *
 * Pure data and synchronous: the same transactions in the same order give the same state. Two horizons: at and above
 * `compactRevision` everything is *served*; from `retainedRevision` up it can still be read through `history`.
 */
export class Mvcc {
  #tree = new Tree<Version>();
  #revision: Revision = revision(1);
  #compactRevision: Revision = revision(0);
  #retained: Revision = revision(0);
  #changes = new ChangeLog(); // of revisions > #retained
  #supersededBytes = 0;
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
    const succeeded = txn.compares.every((compare) => this.#holds(compare));
    const operations = succeeded ? txn.success : txn.failure;
    this.#assertPossible(operations);
    const next = revision(this.#revision + 1);
    const changes: Change[] = [];
    const results = operations.map((operation) => this.#apply(operation, next, changes));
    if (changes.length > 0) {
      this.#revision = next;
      for (const change of changes) this.#record(change);
    }
    return { succeeded, revision: this.#revision, results, changes };
  }

  /** Changes of revisions > `after` in order. Throws CompactedError when some of them are no longer served. */
  changesAfter(after: number): readonly Change[] {
    if (after + 1 < this.#compactRevision) throw new CompactedError(this.#compactRevision);
    return this.#changes.since(after);
  }

  /** Raises the served horizon to `at`. Throws CompactedError or FutureRevisionError. */
  compact(at: number): void {
    if (at <= this.#compactRevision) throw new CompactedError(this.#compactRevision);
    if (at > this.#revision) throw new FutureRevisionError(this.#revision);
    this.#compactRevision = revision(at);
    this.#forget();
  }

  /** Throws LeaseExistsError. */
  grantLease({ id, ttlSeconds }: GrantedLease): void {
    assert(id > 0, `lease id ${id} is not positive`);
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

  /** Keys attached to the lease, in order. */
  leaseKeys(id: LeaseId): readonly string[] {
    return [...(this.#leases.get(id)?.keys.entries('', undefined) ?? [])].map(([key]) => key);
  }

  /** Deletes the lease and, as one revision, the keys attached to it. Throws LeaseNotFoundError. */
  revokeLease(id: LeaseId): TxnResult {
    if (!this.#leases.has(id)) throw new LeaseNotFoundError();
    const success = this.leaseKeys(id).map((key): Operation => ({ op: 'delete', key }));
    const result = this.txn({ compares: [], success, failure: [] });
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
    for (const [id, { ttlSeconds, keys }] of this.#leases) copy.#leases.set(id, { ttlSeconds, keys: keys.snapshot() });
    return copy;
  }

  /** Reads lazily: take it of a `fork()` when it is not consumed at once. */
  image(): MvccImage {
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      retainedRevision: this.#retained,
      leases: this.leases(),
      base: this.#visible({ key: '', end: '\0' }, this.#retained),
      changes: this.#imageChanges(),
    };
  }

  /** The state that `image()` described: the same answers to every read, of the past too. */
  static restore(image: MvccImage, options: { readonly retention?: Retention } = {}): Mvcc {
    const mvcc = new Mvcc(options);
    for (const kv of image.base) mvcc.#tree.set(kv.key, versionOver(undefined, kv.modRevision, Object.freeze(kv)));
    // The leases come last: a version of the past may have had one that has been revoked since.
    mvcc.#retained = image.retainedRevision;
    for (const { revision: at, key, put } of image.changes) {
      const change = put === undefined ? mvcc.#tombstoneOf(key, at) : mvcc.#put(key, put, at);
      mvcc.#changes.push(change);
      mvcc.#supersededBytes += change.previous?.value.length ?? 0;
    }
    mvcc.#revision = image.revision;
    mvcc.#compactRevision = image.compactRevision;
    for (const lease of image.leases) mvcc.grantLease(lease);
    for (const kv of mvcc.#visible({ key: '', end: '\0' }, image.revision)) if (kv.lease !== 0) mvcc.#attach(kv.lease, kv.key);
    return mvcc;
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
    const limit = request.limit !== undefined && request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
    const { key, end } = request;
    const kvs: KeyValue[] = [];
    let count = 0;
    const see = (version: Version | undefined): void => {
      const kv = visibleAt(version, at);
      if (kv === undefined) return;
      if (count < limit && request.countOnly !== true) kvs.push(kv);
      count++;
    };
    if (end === undefined) see(this.#tree.get(key));
    else this.#tree.forEach(key, end === '\0' ? undefined : end, see);
    return { kvs, count, more: request.countOnly !== true && count > kvs.length };
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

  #holds(compare: Compare): boolean {
    if (compare.end === undefined) return holds(compare, this.get(compare.key));
    for (const kv of this.#visible(compare, this.#revision)) if (!holds(compare, kv)) return false;
    return true;
  }

  #assertPossible(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.op === 'put') {
        const lease = operation.lease ?? 0;
        if (lease !== 0 && !this.#leases.has(lease)) throw new LeaseNotFoundError();
      } else if (operation.op === 'range') {
        const at = operation.revision ?? 0;
        if (at > this.#revision) throw new FutureRevisionError(this.#revision);
        if (at > 0 && at < this.#compactRevision) throw new CompactedError(this.#compactRevision);
      }
    }
  }

  #apply(operation: Operation, next: Revision, changes: Change[]): OperationResult {
    switch (operation.op) {
      case 'put': {
        const change = this.#put(operation.key, { value: operation.value, lease: operation.lease ?? 0 }, next);
        this.#followLeases(change);
        changes.push(change);
        assert(change.current !== undefined, 'a put leaves a value');
        return { op: 'put', current: change.current, previous: change.previous };
      }
      case 'delete': {
        const deleted = [...this.#visible(operation, next)];
        for (const { key } of deleted) {
          const change = this.#tombstoneOf(key, next);
          this.#followLeases(change);
          changes.push(change);
        }
        return { op: 'delete', deleted };
      }
      case 'range':
        // Inside a transaction the current revision includes the operations before this one.
        return { op: 'range', ...this.#range(operation, (operation.revision ?? 0) > 0 ? Number(operation.revision) : next) };
    }
  }

  #put(key: string, { value, lease }: { readonly value: Uint8Array; readonly lease: LeaseId }, at: Revision): Change {
    const older = this.#tree.get(key);
    const previous = older?.kv;
    const current: KeyValue = Object.freeze({
      key,
      value,
      createRevision: previous?.createRevision ?? at,
      modRevision: at,
      version: (previous?.version ?? 0) + 1,
      lease,
    });
    this.#tree.set(key, versionOver(older, at, current));
    return { revision: at, key, current, previous };
  }

  #tombstoneOf(key: string, at: Revision): Change {
    const older = this.#tree.get(key);
    this.#tree.set(key, versionOver(older, at, undefined));
    return { revision: at, key, current: undefined, previous: older?.kv };
  }

  /** A key has at most one lease: that of its last put. */
  #followLeases({ key, current, previous }: Change): void {
    if (previous !== undefined && previous.lease !== 0) this.#leases.get(previous.lease)?.keys.delete(key);
    if (current !== undefined && current.lease !== 0) this.#attach(current.lease, key);
  }

  #attach(lease: LeaseId, key: string): void {
    const granted = this.#leases.get(lease);
    assert(granted !== undefined, `key is attached to unknown lease ${lease}`);
    granted.keys.set(key, true);
  }

  #record(change: Change): void {
    this.#changes.push(change);
    this.#supersededBytes += change.previous?.value.length ?? 0;
    // Amortised: the horizon moves only when a limit is passed.
    if (this.#isOverRetention()) this.#forget();
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
      this.#supersededBytes -= oldest.previous?.value.length ?? 0;
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
    if (newest.revision > horizon && dead * 2 < newest.length) this.#tree.set(key, { ...newest, dead });
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
    for (const { revision: at, kv } of kept.reverse()) rebuilt = { ...versionOver(rebuilt, at, kv), dead: 0 };
    if (rebuilt === undefined) this.#tree.delete(key);
    else this.#tree.set(key, rebuilt);
  }
}

function versionOver(older: Version | undefined, at: Revision, kv: KeyValue | undefined): Version {
  return { revision: at, kv, older, length: (older?.length ?? 0) + 1, dead: older?.dead ?? 0 };
}

function visibleAt(version: Version | undefined, at: number): KeyValue | undefined {
  let candidate = version;
  while (candidate !== undefined && candidate.revision > at) candidate = candidate.older;
  return candidate?.kv;
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  if (compare.target === 'value') {
    if (kv === undefined) return false;
    return matches(compare.result, Buffer.compare(kv.value, compare.operand));
  }
  const actual = { version: kv?.version, create: kv?.createRevision, mod: kv?.modRevision, lease: kv?.lease }[compare.target] ?? 0;
  return matches(compare.result, actual - compare.operand);
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
