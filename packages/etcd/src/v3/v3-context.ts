import type { Process } from '@coracle/kernel';
import type { Jwt } from '../auth/jwt.ts';
import { type Passwords, scryptPasswords } from '../auth/passwords.ts';
import type { ClusterView } from '../cluster-view.ts';
import { SpaceExceededError } from '../mvcc/refusals.ts';
import type { Store } from '../store.ts';
import { Authentication } from './authentication.ts';
import { frameHeaderBytes } from './grpc/frame.ts';
import type { Call } from './grpc/server.ts';
import { ResponseHeaders } from './kv-responses.ts';
import type { Message } from './message.ts';
import { PiecePool } from './grpc/piece-pool.ts';
import { ProtobufWriter } from './protobuf.ts';

/** etcd's default of --quota-backend-bytes. */
export const defaultQuotaBytes: number = 2 * 1024 * 1024 * 1024;

export interface V3ContextOptions {
  readonly process: Process;
  readonly store: Store;
  readonly cluster: ClusterView;
  /** Of `Store.sizeBytes`; Infinity for none. Default 2 GiB, etcd's. */
  readonly quotaBytes?: number | undefined;
  /** How passwords of users are kept. Default: by scrypt, in this thread. */
  readonly passwords?: Passwords | undefined;
  /** Absent: simple tokens. */
  readonly jwt?: Jwt | undefined;
  /** Of simple tokens, after their last use. Default five minutes, etcd's. */
  readonly tokenTtlMs?: number | undefined;
}

/** What all services of one member share. */
export class V3Context {
  readonly process: Process;
  readonly store: Store;
  readonly cluster: ClusterView;
  readonly quotaBytes: number;
  readonly authentication: Authentication;
  /** For long answers. */
  readonly pieces: PiecePool = new PiecePool();
  readonly #headers: ResponseHeaders;

  constructor(options: V3ContextOptions) {
    const { process, store, jwt, tokenTtlMs } = options;
    this.process = process;
    this.store = store;
    this.cluster = options.cluster;
    this.quotaBytes = options.quotaBytes ?? defaultQuotaBytes;
    const passwords = options.passwords ?? scryptPasswords({ random: process.random });
    this.authentication = new Authentication({ process, store, passwords, jwt, tokenTtlMs });
    this.#headers = new ResponseHeaders(options.cluster.clusterId, options.cluster.memberId);
  }

  /** The store as far as who makes the call may use it. Throws AuthError for a token that means nobody. */
  storeFor(call: Call): Store {
    return this.authentication.storeFor(call);
  }

  /** An encoded header field; by default of the store's revision now. */
  header(revision: number = this.store.revision): Buffer {
    return this.#headers.of(revision, this.cluster.status().term);
  }

  headerOnly(revision?: number): Buffer {
    const header = this.header(revision);
    const to = new ProtobufWriter(header.length, frameHeaderBytes);
    to.raw(header);
    return to.finish();
  }

  /** A response of the table, with a header, ready to be framed. */
  headed<T>(message: Message<T>, value: Partial<T>, revision?: number): Buffer {
    const to = new ProtobufWriter(256, frameHeaderBytes);
    to.raw(this.header(revision));
    message.write(to, value);
    return to.finish();
  }

  /** Whether a request of this cost fits into the quota; one that costs nothing always does. */
  hasRoom(costBytes: number): boolean {
    return costBytes === 0 || this.store.sizeBytes + costBytes < this.quotaBytes;
  }

  /** Raises the alarm, as whoever finds the quota passed does in etcd (its quotaAlarmer), and rejects with SpaceExceededError. */
  async refuseForSpace(): Promise<never> {
    const { memberId } = this.cluster;
    const isRaised = this.store.alarms.some((alarm) => alarm.type === 'nospace' && alarm.memberId === memberId);
    if (!isRaised) await this.store.setAlarm('activate', { memberId, type: 'nospace' });
    throw new SpaceExceededError();
  }
}

/** A response without a header, ready to be framed. */
export function bare<T>(message: Message<T>, value: Partial<T>): Buffer {
  const to = new ProtobufWriter(64, frameHeaderBytes);
  message.write(to, value);
  return to.finish();
}
