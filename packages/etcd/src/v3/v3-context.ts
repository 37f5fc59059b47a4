import type { Process } from '@coracle/kernel';
import type { ClusterView } from '../cluster-view.ts';
import { SpaceExceededError } from '../mvcc/refusals.ts';
import type { Store } from '../store.ts';
import { frameHeaderBytes } from './grpc/frame.ts';
import { ResponseHeaders } from './kv-responses.ts';
import type { Message } from './message.ts';
import { ProtobufWriter } from './protobuf.ts';

/** etcd's default of --quota-backend-bytes. */
export const defaultQuotaBytes: number = 2 * 1024 * 1024 * 1024;

/** What all services of one member share. */
export class V3Context {
  readonly process: Process;
  readonly store: Store;
  readonly cluster: ClusterView;
  /** Of `Store.sizeBytes`; Infinity for none. */
  readonly quotaBytes: number;
  readonly #headers: ResponseHeaders;

  constructor(options: { readonly process: Process; readonly store: Store; readonly cluster: ClusterView; readonly quotaBytes: number }) {
    this.process = options.process;
    this.store = options.store;
    this.cluster = options.cluster;
    this.quotaBytes = options.quotaBytes;
    this.#headers = new ResponseHeaders(options.cluster.clusterId, options.cluster.memberId);
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
