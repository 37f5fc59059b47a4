import type { Process } from '@coracle/kernel';
import type { Member } from '../cluster-view.ts';
import type { GrantedLease } from '../mvcc/mvcc.ts';
import { revision, type Revision } from '../mvcc/revision.ts';
import { LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { KeyRange, LeaseId, RangeRequest, Txn } from '../mvcc/types.ts';
import {
  compactionRequest,
  empty,
  leaseGrantRequest,
  leaseGrantResponse,
  leaseId,
  leaseKeepAliveResponse,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
  memberListRequest,
  membersResponse,
  rangeRequest,
  statusResponse,
  txnRequest,
} from '../v3/messages.ts';
import { Balancer, type KeepAlive } from './balancer.ts';
import { Caller, type CallOptions } from './caller.ts';
import { decodeTxnAnswer, type RangeAnswer, RangeReader, type TxnAnswer, wireRange, wireTxn } from './codec.ts';
import { type Connector, endpointOf } from './connection.ts';
import { requestFrame } from './exchange.ts';
import { type EtcdUser, Token } from './token.ts';
import { type EtcdWatch, type EtcdWatchOptions, type EtcdWatchSink, WatchStream } from './watch-stream.ts';

export interface EtcdClientOptions {
  readonly process: Process;
  readonly connector: Connector;
  /** As `endpointOf` reads them; at least one. */
  readonly endpoints: readonly string[];
  /** How long a call may take with all that is tried again; default 10 s. */
  readonly timeoutMs?: number;
  readonly keepAlive?: KeepAlive;
  /** Logs in, where the cluster has users. */
  readonly user?: EtcdUser;
}

const defaultTimeoutMs = 10_000;

/** What a member says of itself. */
export interface MemberStatus {
  readonly version: string;
  readonly dbSizeBytes: number;
  /** 0n while it knows none. */
  readonly leader: bigint;
  readonly errors: readonly string[];
}

/**
 * A client of etcd, version 3 (go.etcd.io/etcd/client/v3): calls go to the servers in turn and are tried again where that is safe;
 * watches survive the loss of servers. Connects when it is first used, and ends with its process or `close`.
 */
export class EtcdClient {
  readonly #balancer: Balancer;
  readonly #caller: Caller;
  readonly #watches: WatchStream;

  /** Throws TypeError for endpoints that are none. */
  constructor(options: EtcdClientOptions) {
    const { process, connector, keepAlive, user, timeoutMs = defaultTimeoutMs } = options;
    if (options.endpoints.length === 0) throw new TypeError('a client of etcd needs at least one server');
    const endpoints = options.endpoints.map(endpointOf);
    this.#balancer = new Balancer({ process, connector, endpoints, ...(keepAlive === undefined ? {} : { keepAlive }) });
    const token = user === undefined ? {} : { token: new Token(user) };
    this.#caller = new Caller({ process, balancer: this.#balancer, timeoutMs, ...token });
    this.#watches = new WatchStream({ process, balancer: this.#balancer, caller: this.#caller, ...token });
  }

  /** Linearizable. Rejects with CompactedError or FutureRevisionError, whose revisions are 0: etcd does not tell them. */
  range(request: RangeRequest, options?: CallOptions): Promise<RangeAnswer> {
    const frame = requestFrame(rangeRequest, wireRange(request));
    const read = (bytes: Buffer): RangeAnswer => {
      const reader = new RangeReader();
      reader.read(bytes);
      return reader.answer;
    };
    return this.#caller.unary('/etcdserverpb.KV/Range', 'read', frame, read, options);
  }

  /** As `range`, in chunks (etcd 3.7); of an older server, EtcdError 12. */
  rangeStream(request: RangeRequest, options?: CallOptions): Promise<RangeAnswer> {
    const frame = requestFrame(rangeRequest, wireRange(request));
    const collector = (): { message(bytes: Buffer): void; result(): RangeAnswer } => {
      const reader = new RangeReader();
      return { message: (bytes) => reader.readChunk(bytes), result: () => reader.answer };
    };
    return this.#caller.collect('/etcdserverpb.KV/RangeStream', 'read', frame, collector, options);
  }

  /** After CallLostError with `sent`, EtcdError 4 or a ConsensusError nobody knows whether it was done. */
  txn(txn: Txn, options?: CallOptions): Promise<TxnAnswer> {
    const frame = requestFrame(txnRequest, wireTxn(txn));
    return this.#caller.unary('/etcdserverpb.KV/Txn', 'write', frame, decodeTxnAnswer, options);
  }

  async compact(at: number, options?: CallOptions): Promise<void> {
    const frame = requestFrame(compactionRequest, { revision: at });
    await this.#caller.unary('/etcdserverpb.KV/Compact', 'write', frame, () => undefined, options);
  }

  watch(range: KeyRange, options: EtcdWatchOptions, sink: EtcdWatchSink): EtcdWatch {
    return this.#watches.watch(range, options, sink);
  }

  /** Of every watch that is open. */
  get watches(): Iterable<EtcdWatch> {
    return this.#watches.watches;
  }

  /** Has the watches told how far they are, though nothing changes: see `EtcdWatch.told`. */
  requestProgress(): void {
    this.#watches.requestProgress();
  }

  async grantLease(request: { readonly id?: LeaseId; readonly ttlSeconds: number }, options?: CallOptions): Promise<GrantedLease> {
    const frame = requestFrame(leaseGrantRequest, { ttl: request.ttlSeconds, id: request.id ?? 0n });
    const { id, ttl } = await this.#caller.unary('/etcdserverpb.Lease/LeaseGrant', 'write', frame, leaseGrantResponse.decode, options);
    return { id, ttlSeconds: ttl };
  }

  async revokeLease(id: LeaseId, options?: CallOptions): Promise<void> {
    await this.#caller.unary('/etcdserverpb.Lease/LeaseRevoke', 'write', requestFrame(leaseId, { id }), () => undefined, options);
  }

  /** Starts its time again. Rejects with LeaseNotFoundError. */
  async keepLeaseAlive(id: LeaseId, options?: CallOptions): Promise<GrantedLease> {
    const path = '/etcdserverpb.Lease/LeaseKeepAlive';
    const { ttl } = await this.#caller.unary(path, 'read', requestFrame(leaseId, { id }), leaseKeepAliveResponse.decode, options);
    if (ttl <= 0) throw new LeaseNotFoundError();
    return { id, ttlSeconds: ttl };
  }

  /** `undefined` when there is no such lease. */
  async lease(
    id: LeaseId,
    options?: CallOptions,
  ): Promise<{ readonly remainingSeconds: number; readonly keys: readonly string[] } | undefined> {
    const frame = requestFrame(leaseTimeToLiveRequest, { id, keys: true });
    const path = '/etcdserverpb.Lease/LeaseTimeToLive';
    const { ttl, keys } = await this.#caller.unary(path, 'read', frame, leaseTimeToLiveResponse.decode, options);
    return ttl < 0 ? undefined : { remainingSeconds: ttl, keys };
  }

  /** Of the member whose turn it is. */
  async status(options?: CallOptions): Promise<MemberStatus & { readonly revision: Revision }> {
    const path = '/etcdserverpb.Maintenance/Status';
    const answer = await this.#caller.unary(path, 'read', requestFrame(empty, {}), statusResponse.decode, options);
    const { version, dbSize, leader, errors, header } = answer;
    return { version, dbSizeBytes: dbSize, leader, errors, revision: revision(header?.revision ?? 0) };
  }

  async members(options?: CallOptions): Promise<readonly Member[]> {
    const frame = requestFrame(memberListRequest, { linearizable: true });
    const { members } = await this.#caller.unary('/etcdserverpb.Cluster/MemberList', 'read', frame, membersResponse.decode, options);
    return members.map(({ id = 0n, name = '', peerUrls = [], clientUrls = [], isLearner = false }) => ({
      id,
      name,
      peerUrls,
      clientUrls,
      isLearner,
    }));
  }

  /** Goes on with the servers that the members say they are; without an answer, or when they say nothing, with those of before. */
  async syncEndpoints(options?: CallOptions): Promise<void> {
    const members = await this.members(options);
    const urls = members.filter(({ isLearner }) => !isLearner).flatMap(({ clientUrls }) => clientUrls);
    if (urls.length > 0) this.#balancer.use(urls.map(endpointOf));
  }

  /** Ends every connection; what is asked of it afterwards is refused. */
  close(): void {
    this.#watches.close();
    this.#balancer.close(new Error('the client of etcd was closed'));
  }
}
