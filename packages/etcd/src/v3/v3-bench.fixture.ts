import assert from 'node:assert/strict';
import { SimRuntime } from '@coracle/simulator';
import { scryptPasswords } from '../auth/passwords.ts';
import type { ClusterView, ConsensusStatus } from '../cluster-view.ts';
import { MemoryStore } from '../store.ts';
import { type Ending, MemoryStream } from './grpc/memory-stream.fixture.ts';
import type { MaintainedFiles } from './maintenance-service.ts';
import type { Message } from './message.ts';
import * as m from './messages.ts';
import { SingleMember } from './single-member.ts';
import { V3Server, type V3ServerOptions } from './v3-server.ts';

export const clusterId = 0xcdf818194e3a8c32n;
export const memberId = 0x8e9e05c52164694dn;

/** A cluster of one whose leader can be taken away. */
class LosingLeader extends SingleMember {
  hasLeader = true;

  override status(): ConsensusStatus {
    return this.hasLeader ? super.status() : { ...super.status(), leader: 0n };
  }
}

/** The whole API over a store in memory, in virtual time. */
export class V3Bench {
  readonly runtime: SimRuntime = new SimRuntime({ seed: 5 });
  readonly store: MemoryStore;
  readonly server: V3Server;
  readonly cluster: LosingLeader;

  constructor(options: Partial<Pick<V3ServerOptions, 'quotaBytes' | 'progressIntervalMs' | 'cluster' | 'files'>> = {}) {
    const process = this.runtime.process('etcd');
    this.store = new MemoryStore({ process });
    this.cluster = new LosingLeader({
      clusterId,
      memberId,
      name: 'only',
      peerUrls: ['http://127.0.0.1:2380'],
      clientUrls: ['http://127.0.0.1:2379'],
      term: 2,
      appliedIndex: () => this.store.revision,
    });
    const passwords = scryptPasswords({ random: process.random, cost: 16 });
    const cluster: ClusterView = options.cluster ?? this.cluster;
    this.server = new V3Server({ process, store: this.store, cluster, files: noFiles, passwords, ...options });
  }

  open(path: string, headers: Readonly<Record<string, string>> = {}): MemoryStream {
    const stream = new MemoryStream(`/${path}`, headers);
    this.server.call(stream);
    return stream;
  }

  async call<Q, A>(path: string, request: Message<Q>, value: Partial<Q>, answer: Message<A>, headers = {}): Promise<A> {
    const stream = await this.#called(path, request.encode(value), headers);
    assert.deepEqual(stream.ending, { code: 0, message: '' }, path);
    const [only] = stream.messages;
    assert.ok(only !== undefined && stream.messages.length === 1);
    return answer.decode(only);
  }

  /** The status of a call that is refused. */
  async refusal<Q>(path: string, request: Message<Q>, value: Partial<Q>, headers = {}): Promise<Ending | undefined> {
    const stream = await this.#called(path, request.encode(value), headers);
    assert.equal(stream.messages.length, 0, path);
    return stream.ending;
  }

  async stream<Q, A>(path: string, request: Message<Q>, value: Partial<Q>, answer: Message<A>): Promise<readonly A[]> {
    const stream = await this.#called(path, request.encode(value), {});
    assert.deepEqual(stream.ending, { code: 0, message: '' }, path);
    return stream.messages.map((each) => answer.decode(each));
  }

  async #called(path: string, request: Uint8Array, headers: Readonly<Record<string, string>>): Promise<MemoryStream> {
    const stream = this.open(path, headers);
    stream.request(request);
    stream.endRequests();
    await this.runtime.settle();
    return stream;
  }

  put(key: string, value: string, more: Partial<m.WirePutRequest> = {}): Promise<m.WirePutResponse> {
    return this.call('etcdserverpb.KV/Put', m.putRequest, { key, value: Buffer.from(value), ...more }, m.putResponse);
  }

  range(request: Partial<m.WireRangeRequest>): Promise<m.WireRangeResponse> {
    return this.call('etcdserverpb.KV/Range', m.rangeRequest, request, m.rangeResponse);
  }

  remove(request: Partial<m.WireDeleteRangeRequest>): Promise<m.WireDeleteRangeResponse> {
    return this.call('etcdserverpb.KV/DeleteRange', m.deleteRangeRequest, request, m.deleteRangeResponse);
  }

  txn(request: Partial<m.WireTxnRequest>): Promise<m.WireTxnResponse> {
    return this.call('etcdserverpb.KV/Txn', m.txnRequest, request, m.txnResponse);
  }

  compact(revision: number): Promise<unknown> {
    return this.call('etcdserverpb.KV/Compact', m.compactionRequest, { revision }, m.headerOnly);
  }

  watch(...requests: readonly Partial<m.WatchRequest>[]): Watching {
    const watching = new Watching(this, this.open('etcdserverpb.Watch/Watch'));
    for (const request of requests) watching.ask(request);
    return watching;
  }
}

/** A watch call and what came of it. */
export class Watching {
  readonly stream: MemoryStream;
  readonly #bench: V3Bench;

  constructor(bench: V3Bench, stream: MemoryStream) {
    this.#bench = bench;
    this.stream = stream;
  }

  ask(request: Partial<m.WatchRequest>): void {
    this.stream.request(m.watchRequest.encode(request));
  }

  async responses(): Promise<readonly m.WatchResponse[]> {
    await this.#bench.runtime.settle();
    return this.stream.messages.map((each) => m.watchResponse.decode(each));
  }

  /** In short: `created 0`, `0 put a@2`, `0 progress@5`, `canceled 0`. */
  async story(): Promise<readonly string[]> {
    return (await this.responses()).map(told);
  }
}

function told({ watchId, created, canceled, cancelReason, compactRevision, fragment, events, header }: m.WatchResponse): string {
  const reason = cancelReason === '' ? '' : `: ${cancelReason}`;
  const compacted = compactRevision === 0 ? '' : ` compacted ${compactRevision}`;
  if (created && canceled) return `refused ${watchId}${reason}`;
  if (created) return `created ${watchId}`;
  if (canceled) return `canceled ${watchId}${compacted}${reason}`;
  if (events.length === 0) return `${watchId} progress@${header?.revision}`;
  const shown = events.map(({ type, kv, prevKv }) => {
    const before = prevKv === undefined ? '' : ` was ${Buffer.from(prevKv.value ?? []).toString()}`;
    return `${type === 1 ? 'delete' : 'put'} ${kv?.key}@${kv?.modRevision}${before}`;
  });
  return `${watchId} ${shown.join(', ')}${fragment ? ' …' : ''}`;
}

const noFiles: MaintainedFiles = {
  defragment: async () => undefined,
  copy: async () => ({ bytes: 0, chunks: (async function* () {})() }),
};
