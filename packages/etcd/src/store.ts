import { assert, type Process } from '@coracle/kernel';
import { AppliedState } from './applied-state.ts';
import { type StoreAuth, storeAuth } from './auth/store-auth.ts';
import { checkTxn, isReadOnly } from './mvcc/check-txn.ts';
import { type KvHash, hashKv } from './mvcc/hash-kv.ts';
import { type GrantedLease, Mvcc, type Retention } from './mvcc/mvcc.ts';
import { LeaseNotFoundError } from './mvcc/refusals.ts';
import { type Revision, revision } from './mvcc/revision.ts';
import type { Alarm, KeyRange, LeaseId, RangeRequest, RangeResponse, Txn, TxnResult } from './mvcc/types.ts';
import type { Entry } from './wal/entry.ts';
import type { ChangeSink } from './watch-hub.ts';

/** What the API server and the v3 API need of a store, whatever keeps it durable. */
export interface Store {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  readonly retainedRevision: Revision;
  /** Keys, values and a flat rate for each version that is served: what a quota is compared with. */
  readonly sizeBytes: number;
  readonly alarms: readonly Alarm[];
  readonly auth: StoreAuth;
  /**
   * Resolves once reads show all that had been acknowledged, by whatever member, when this was called. Rejects when
   * there is nobody to ask. Alone, there is nothing to wait for.
   */
  linearized(): Promise<void>;
  /** Reads the applied state. Throws CompactedError or FutureRevisionError. */
  range(request: RangeRequest): RangeResponse;
  /** Like `range`, but down to `retainedRevision`. */
  history(request: RangeRequest): RangeResponse;
  /**
   * Resolves once the transaction is durable and applied; its changes have been delivered to watchers by then. Rejects
   * with InvalidRequestError or one of mvcc/refusals.ts when it cannot be done. One that only reads is answered from the
   * applied state.
   */
  txn(txn: Txn): Promise<TxnResult>;
  /**
   * Delivers every change of the range with a revision ≥ `from`: those of the past in one batch before this returns,
   * then each transaction's as it is applied. Throws CompactedError. `from` 0 means from now on.
   *
   * A member that was away may come back with a leader's snapshot in which what it missed is compacted: `lost` is called then, in
   * place of what cannot be told, and the watch is over.
   */
  watch(range: KeyRange, from: number, sink: ChangeSink, lost?: () => void): Disposable;
  /** Raises the served horizon. Rejects with CompactedError or FutureRevisionError. */
  compact(at: number): Promise<void>;
  /**
   * Grants a lease, by default with an id of the store's choice. When it has run out without `keepLeaseAlive`, the keys
   * put under it are deleted as one revision. Rejects with LeaseExistsError or LeaseTtlTooLargeError.
   */
  grantLease(request: { readonly id?: LeaseId; readonly ttlSeconds: number }): Promise<GrantedLease>;
  /** Ends a lease now. Rejects with LeaseNotFoundError. */
  revokeLease(id: LeaseId): Promise<TxnResult>;
  /** Starts its time again. Rejects with LeaseNotFoundError. */
  keepLeaseAlive(id: LeaseId): Promise<GrantedLease>;
  /** As this member knows it; only the one that lets leases end knows what is left of them. */
  lease(id: LeaseId): LeaseStatus | undefined;
  /** As whoever keeps its time knows it: linearizable. Rejects with ConsensusError. */
  leaseTimeToLive(id: LeaseId): Promise<LeaseStatus | undefined>;
  leases(): readonly GrantedLease[];
  /** Raises or takes back an alarm. Idempotent. */
  setAlarm(action: 'activate' | 'deactivate', alarm: Alarm): Promise<void>;
  /** What all members agree on that have the same content; 0 is the current revision. Rejects as `range` throws. */
  hash(at: number): Promise<KvHash>;
  /** An independent in-memory store with the same content and revisions. */
  fork(process: Process): Store;
}

export interface LeaseStatus extends GrantedLease {
  readonly remainingSeconds: number;
  /** Keys attached to it, in order. */
  readonly keys: readonly string[];
}

/** How an entry gets applied: at once, or after it is durable. Rejects with what applying it throws. */
export type Propose = (entry: Entry) => Promise<TxnResult | undefined>;

/**
 * A store without a disk: entries are applied when they are asked for. Leases need a `process`, whose clock ends them.
 * Given a `propose`, it is what a durable store serves: the same reads and rules, over a `state` that `propose` changes.
 */
export class MemoryStore implements Store {
  readonly #process: Process | undefined;
  readonly #state: AppliedState;
  readonly #propose: Propose;
  readonly #linearized: () => Promise<void>;
  readonly auth: StoreAuth;

  constructor(
    options: { readonly process?: Process; readonly retention?: Retention; readonly mvcc?: Mvcc } = {},
    over?: { readonly state: AppliedState; readonly propose: Propose; readonly linearized?: () => Promise<void> },
  ) {
    this.#process = options.process;
    this.#state = over?.state ?? new AppliedState(options.mvcc ?? new Mvcc(options));
    this.#propose = over?.propose ?? (async (entry) => this.#state.apply(entry));
    this.#linearized = over?.linearized ?? (async () => undefined);
    this.auth = storeAuth(this, this.#state, this.#propose);
    if (options.process !== undefined) this.#state.keepTime(options.process, (id) => this.#expire(id));
  }

  get revision(): Revision {
    return this.#state.mvcc.revision;
  }

  get compactRevision(): Revision {
    return this.#state.mvcc.compactRevision;
  }

  get retainedRevision(): Revision {
    return this.#state.mvcc.retainedRevision;
  }

  get sizeBytes(): number {
    return this.#state.mvcc.sizeBytes;
  }

  get alarms(): readonly Alarm[] {
    return this.#state.mvcc.alarms;
  }

  linearized(): Promise<void> {
    return this.#linearized();
  }

  range(request: RangeRequest): RangeResponse {
    return this.#state.mvcc.range(request);
  }

  history(request: RangeRequest): RangeResponse {
    return this.#state.mvcc.history(request);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    checkTxn(txn);
    const result = isReadOnly(txn) ? this.#state.mvcc.txn(txn) : await this.#propose({ kind: 'txn', txn });
    assert(result !== undefined, 'a transaction has a result');
    return result;
  }

  watch(range: KeyRange, from: number, sink: ChangeSink, lost?: () => void): Disposable {
    return this.#state.watch(range, from, sink, lost);
  }

  async compact(at: number): Promise<void> {
    await this.#propose({ kind: 'compact', at: revision(at) });
  }

  async grantLease(request: { readonly id?: LeaseId; readonly ttlSeconds: number }): Promise<GrantedLease> {
    const lease = this.#state.lessor.terms(request, (id) => this.#state.mvcc.hasLease(id));
    await this.#propose({ kind: 'grant', ...lease });
    return lease;
  }

  async revokeLease(id: LeaseId): Promise<TxnResult> {
    if (!this.#state.mvcc.hasLease(id)) throw new LeaseNotFoundError();
    const result = await this.#propose({ kind: 'revoke', id });
    assert(result !== undefined, 'a revocation has a result');
    return result;
  }

  async keepLeaseAlive(id: LeaseId): Promise<GrantedLease> {
    const lease = this.lease(id);
    if (lease === undefined) throw new LeaseNotFoundError();
    this.#state.lessor.renew(lease);
    return { id, ttlSeconds: lease.ttlSeconds };
  }

  lease(id: LeaseId): LeaseStatus | undefined {
    const { mvcc } = this.#state;
    const ttlSeconds = mvcc.leaseTtlSeconds(id);
    if (ttlSeconds === undefined) return undefined;
    return { id, ttlSeconds, remainingSeconds: this.#state.lessor.remainingSeconds(id), keys: mvcc.leaseKeys(id) };
  }

  async leaseTimeToLive(id: LeaseId): Promise<LeaseStatus | undefined> {
    return this.lease(id);
  }

  leases(): readonly GrantedLease[] {
    return this.#state.mvcc.leases();
  }

  async setAlarm(action: 'activate' | 'deactivate', alarm: Alarm): Promise<void> {
    await this.#propose({ kind: 'alarm', action, alarm });
  }

  hash(at: number): Promise<KvHash> {
    return hashKv(this.#state.mvcc, at, this.#process);
  }

  fork(process: Process): Store {
    const mvcc = this.#state.mvcc.fork();
    const store = new MemoryStore({ mvcc, process });
    // A fork goes on where it was: what was left of a lease is left of it there.
    if (!this.#state.keepsTime) return store;
    for (const lease of mvcc.leases()) store.#state.lessor.renew(lease, this.#state.lessor.remainingSeconds(lease.id));
    return store;
  }

  async #expire(id: LeaseId): Promise<void> {
    // Who proposes it in a group fills in the term in which this was decided.
    if (this.#state.mvcc.hasLease(id)) await this.#propose({ kind: 'expire', id, term: 0 });
  }
}
