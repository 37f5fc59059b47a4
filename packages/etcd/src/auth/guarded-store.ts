import { assert, type Process } from '@coracle/kernel';
import { checkTxn, isReadOnly, txnCostBytes } from '../mvcc/check-txn.ts';
import type { KvHash } from '../mvcc/hash-kv.ts';
import type { GrantedLease } from '../mvcc/mvcc.ts';
import { assertNoAlarm } from '../mvcc/refusals.ts';
import type { Revision } from '../mvcc/revision.ts';
import type { Alarm, KeyRange, LeaseId, RangeRequest, RangeResponse, Txn, TxnResult } from '../mvcc/types.ts';
import type { LeaseStatus, Propose, Store } from '../store.ts';
import type { EntryAsUser } from '../wal/entry.ts';
import type { ChangeSink } from '../watch-hub.ts';
import { assertAdmin, assertKnown, assertMay, assertMayLease, assertMayReadKeys, assertMayTxn, type Caller } from './permits.ts';
import type { StoreAuth } from './store-auth.ts';

/**
 * A store as one caller may use it (server/etcdserver/v3_server.go, apply/auth.go). Reads are checked as they are answered; what
 * is proposed is checked once more when it is applied, for users and roles may have changed by then.
 */
export class GuardedStore implements Store {
  readonly #store: Store;
  readonly #caller: Caller;
  readonly #propose: Propose;

  constructor(store: Store, caller: Caller, propose: Propose) {
    this.#store = store;
    this.#caller = caller;
    this.#propose = propose;
  }

  get auth(): StoreAuth {
    return this.#store.auth;
  }

  get revision(): Revision {
    return this.#store.revision;
  }

  get compactRevision(): Revision {
    return this.#store.compactRevision;
  }

  get retainedRevision(): Revision {
    return this.#store.retainedRevision;
  }

  get sizeBytes(): number {
    return this.#store.sizeBytes;
  }

  get alarms(): readonly Alarm[] {
    return this.#store.alarms;
  }

  linearized(): Promise<void> {
    return this.#store.linearized();
  }

  range(request: RangeRequest): RangeResponse {
    this.#assertMay('read', request);
    return this.#store.range(request);
  }

  history(request: RangeRequest): RangeResponse {
    this.#assertMay('read', request);
    return this.#store.history(request);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    checkTxn(txn);
    // An alarm comes first, as in etcd.
    const reads = isReadOnly(txn);
    if (!reads) assertNoAlarm(this.alarms, txnCostBytes(txn) > 0);
    const keysOf = (id: LeaseId): readonly string[] => this.#store.lease(id)?.keys ?? [];
    assertMayTxn(this.auth.state, this.#caller, txn, { keysOf, seesPrevious: true });
    return reads ? this.#store.txn(txn) : this.#proposed({ kind: 'txn', txn });
  }

  /** Of a watch that goes on nobody asks again. */
  watch(range: KeyRange, from: number, sink: ChangeSink, lost?: () => void): Disposable {
    this.#assertMay('read', range);
    return this.#store.watch(range, from, sink, lost);
  }

  async compact(at: number): Promise<void> {
    assertAdmin(this.auth.state, this.#caller);
    await this.#store.compact(at);
  }

  async grantLease(request: { readonly id?: LeaseId; readonly ttlSeconds: number }): Promise<GrantedLease> {
    assertKnown(this.auth.state, this.#caller);
    return this.#store.grantLease(request);
  }

  async revokeLease(id: LeaseId): Promise<TxnResult> {
    assertKnown(this.auth.state, this.#caller);
    return this.#proposed({ kind: 'revoke', id });
  }

  async keepLeaseAlive(id: LeaseId): Promise<GrantedLease> {
    assertKnown(this.auth.state, this.#caller);
    assertMayLease(this.auth.state, this.#caller, this.#store.lease(id)?.keys ?? []);
    return this.#store.keepLeaseAlive(id);
  }

  /** Anybody who is somebody may know how long a lease lasts; its keys are for those who may read them all. */
  lease(id: LeaseId): LeaseStatus | undefined {
    assertKnown(this.auth.state, this.#caller);
    return this.#store.lease(id);
  }

  async leaseTimeToLive(id: LeaseId): Promise<LeaseStatus | undefined> {
    assertKnown(this.auth.state, this.#caller);
    return this.#store.leaseTimeToLive(id);
  }

  leases(): readonly GrantedLease[] {
    assertKnown(this.auth.state, this.#caller);
    const leases = this.#store.leases();
    for (const { id } of leases) assertMayReadKeys(this.auth.state, this.#caller, this.#store.lease(id)?.keys ?? []);
    return leases;
  }

  async setAlarm(action: 'activate' | 'deactivate', alarm: Alarm): Promise<void> {
    assertAdmin(this.auth.state, this.#caller);
    await this.#store.setAlarm(action, alarm);
  }

  async hash(at: number): Promise<KvHash> {
    assertAdmin(this.auth.state, this.#caller);
    return this.#store.hash(at);
  }

  fork(process: Process): Store {
    assertAdmin(this.auth.state, this.#caller);
    return this.#store.fork(process);
  }

  #assertMay(wanted: 'read' | 'write', range: KeyRange): void {
    assertMay(this.auth.state, this.#caller, wanted, range);
  }

  async #proposed(entry: EntryAsUser['entry']): Promise<TxnResult> {
    const { user, revision } = this.#caller;
    const result = await this.#propose({ kind: 'asUser', user, authRevision: revision, entry });
    assert(result !== undefined, 'it has a result');
    return result;
  }
}
