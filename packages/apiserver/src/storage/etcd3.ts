import {
  type Change,
  CompactedError,
  EtcdError,
  type EtcdClient,
  type EtcdWatch,
  type KeyValue,
  prefixEnd,
  type RangeAnswer,
  type RangeRequest,
  type Revision,
  revision as revisionAt,
} from '@coracle/etcd';
import type { Process } from '@coracle/kernel';
import { Compaction } from './etcd3-compaction.ts';
import { etcd3Error } from './etcd3-errors.ts';
import { Leases } from './etcd3-leases.ts';
import { readValue } from './etcd3-value.ts';
import { keyBytes, keyText } from './key-bytes.ts';
import type {
  CommitRequest,
  CommitResult,
  GetOptions,
  Key,
  ListOptions,
  ListResult,
  Storage,
  StorageChange,
  Stored,
  WatchSink,
} from './storage.ts';
import { StoredValue } from './stored.ts';

export interface Etcd3StorageOptions {
  readonly process: Process;
  /** Its own: `progress` is about all watches of the client. */
  readonly client: EtcdClient;
  /** --etcd-prefix; default /registry. */
  readonly prefix?: string;
  /** --event-ttl; default one hour. */
  readonly eventTtlSeconds?: number;
  /** Bytes of wire forms and parsed objects kept for reuse. */
  readonly cacheBytes?: number;
}

const ownPrefix = '/registry';
const defaultCacheBytes = 64 * 1024 * 1024;
/** Of a list that cannot be streamed: the largest page of upstream's. */
const pageSize = 10_000;
/** How long a server that cannot stream lists is not asked again. */
const noStreamMs = 600_000;
const unimplemented = 12;

/**
 * Storage in an etcd that other API servers may use, too (apiserver pkg/storage/etcd3): the same keys, the same transactions and the
 * same values, of which this server writes JSON and reads protobuf as well.
 */
export class Etcd3Storage implements Storage {
  readonly #process: Process;
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #eventTtlSeconds: number;
  readonly #versions: Versions;
  readonly #leases: Leases;
  readonly #compaction: Compaction;
  #newest: Revision = revisionAt(0);
  #streamsFromMs = 0;

  constructor(options: Etcd3StorageOptions) {
    this.#process = options.process;
    this.#client = options.client;
    this.#prefix = `/${(options.prefix ?? ownPrefix).split('/').filter(Boolean).join('/')}`;
    this.#eventTtlSeconds = options.eventTtlSeconds ?? 3600;
    this.#versions = new Versions(options.cacheBytes ?? defaultCacheBytes);
    this.#leases = new Leases(options.client, options.process.clock);
    this.#compaction = new Compaction(options.client);
  }

  async get(key: Key, options: GetOptions = {}): Promise<{ readonly revision: Revision; readonly stored: Stored | undefined }> {
    return this.#get(key, options);
  }

  async list(prefix: Key, options: ListOptions = {}): Promise<ListResult> {
    const { at, after, limit } = options;
    const range = { key: this.#wire(after === undefined ? prefix : `${after}\0`), end: prefixEnd(this.#wire(prefix)), revision: at ?? 0 };
    return this.#asked(async () => {
      const { kvs, count, revision } = limit === undefined ? await this.#everything(range) : await this.#range({ ...range, limit });
      return { items: kvs.map((kv) => this.#stored(kv)), revision: at ?? revision, remaining: count - kvs.length };
    });
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    return this.#asked(() => (request.value === 'deleted' ? this.#delete(request) : this.#put(request, request.value)));
  }

  watch(prefix: Key, after: Revision, sink: WatchSink): Disposable {
    const key = this.#wire(prefix);
    let watch: EtcdWatch | undefined;
    const lost = (message: string, error: unknown): void => {
      this.#process.log.error(message, { prefix, error: error instanceof Error ? error.message : String(error) });
      sink.ended('lost');
    };
    const changes = (batch: readonly Change[]): void => {
      let converted: readonly StorageChange[];
      try {
        converted = batch.map((change) => this.#change(change));
      } catch (error) {
        // What follows makes no sense to whoever has not heard of this.
        watch?.[Symbol.dispose]();
        lost('Cannot read what a watch of etcd tells', error);
        return;
      }
      sink.changes(converted);
    };
    const ended = (error: Error): void => {
      if (error instanceof CompactedError) sink.ended('compacted');
      else lost('A watch of etcd ended', error);
    };
    watch = this.#client.watch({ key, end: prefixEnd(key) }, { from: after + 1, previous: true }, { changes, ended });
    return watch;
  }

  async currentRevision(): Promise<Revision> {
    return this.#asked(async () => (await this.#range({ key: this.#prefix })).revision);
  }

  /** Also asks how far the watches are, for whoever asks next: etcd says it by itself every ten minutes only. */
  progress(): Revision {
    let told = Number.POSITIVE_INFINITY;
    for (const watch of this.#client.watches) told = Math.min(told, watch.told);
    this.#client.requestProgress();
    return Number.isFinite(told) ? revisionAt(told) : this.#newest;
  }

  /** Only when it is this server's turn; see Compaction. */
  async compact(revision: Revision): Promise<void> {
    await this.#asked(() => this.#compaction.compact(revision));
  }

  async #get(key: Key, { at }: GetOptions): Promise<{ readonly revision: Revision; readonly stored: StoredValue | undefined }> {
    return this.#asked(async () => {
      const { kvs, revision } = await this.#range({ key: this.#wire(key), limit: 1, revision: at ?? 0 });
      const kv = kvs[0];
      return { revision: at ?? revision, stored: kv && this.#stored(kv) };
    });
  }

  async #put(request: CommitRequest, value: Exclude<CommitRequest['value'], 'deleted'>): Promise<CommitResult> {
    const { key, expect } = request;
    const lease = key.startsWith('/registry/events/') ? await this.#leases.lease(this.#eventTtlSeconds) : 0n;
    const wireKey = this.#wire(key);
    const isNew = expect === 'absent';
    const { succeeded, revision, results } = await this.#client.txn({
      compares: [{ key: wireKey, target: 'mod', result: 'equal', operand: isNew ? 0 : expect }],
      success: [{ op: 'put', key: wireKey, value: value.bytes, lease }],
      failure: isNew ? [] : [{ op: 'range', key: wireKey }],
    });
    this.#newest = later(this.#newest, revision);
    if (!succeeded) return { succeeded: false, current: isNew ? (await this.#get(key, {})).stored : this.#found(results) };
    const stored = new StoredValue({ key, revision, json: value.bytes, rvOffset: value.rvOffset, object: value.object });
    this.#versions.keep(stored);
    return { succeeded: true, stored, revision };
  }

  /** What is deleted is read before: a transaction need not send it again. */
  async #delete({ key, expect }: CommitRequest): Promise<CommitResult> {
    if (expect === 'absent') throw new TypeError(`Cannot delete "${key}", which is expected to be absent`);
    let known = this.#versions.find(key, expect);
    if (known === undefined) {
      const { stored } = await this.#get(key, {});
      if (stored?.revision !== expect) return { succeeded: false, current: stored };
      known = stored;
    }
    const wireKey = this.#wire(key);
    const { succeeded, revision, results } = await this.#client.txn({
      compares: [{ key: wireKey, target: 'mod', result: 'equal', operand: expect }],
      success: [{ op: 'delete', key: wireKey }],
      failure: [{ op: 'range', key: wireKey }],
    });
    this.#newest = later(this.#newest, revision);
    return succeeded ? { succeeded: true, stored: known, revision } : { succeeded: false, current: this.#found(results) };
  }

  /** What the failed branch of a transaction has read. */
  #found(results: Awaited<ReturnType<EtcdClient['txn']>>['results']): Stored | undefined {
    const [found] = results;
    const kv = found?.op === 'range' ? found.kvs[0] : undefined;
    return kv && this.#stored(kv);
  }

  /** A list without a limit: in one stream where the server can, else in pages at the revision of the first. */
  async #everything(range: RangeRequest): Promise<RangeAnswer> {
    const { clock } = this.#process;
    if (clock.monotonic() >= this.#streamsFromMs) {
      try {
        return this.#heard(await this.#client.rangeStream(range));
      } catch (error) {
        if (!(error instanceof EtcdError && error.code === unimplemented)) throw error;
        this.#streamsFromMs = clock.monotonic() + noStreamMs;
      }
    }
    const kvs: KeyValue[] = [];
    let first: Revision | undefined;
    for (let key = range.key; ; ) {
      const page = await this.#range({ ...range, key, limit: pageSize, revision: first ?? range.revision ?? 0 });
      first ??= page.revision;
      kvs.push(...page.kvs);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { ...page, kvs, count: kvs.length, revision: first };
      key = `${last.key}\0`;
    }
  }

  async #range(request: RangeRequest): Promise<RangeAnswer> {
    return this.#heard(await this.#client.range(request));
  }

  #heard(answer: RangeAnswer): RangeAnswer {
    this.#newest = later(this.#newest, answer.revision);
    return answer;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw etcd3Error(error);
    }
  }

  #stored({ key: wireKey, value, modRevision }: KeyValue): StoredValue {
    const key = this.#key(wireKey);
    const known = this.#versions.find(key, modRevision);
    if (known !== undefined) return known;
    const stored = new StoredValue({ key, revision: modRevision, ...readValue(key, value) });
    this.#versions.keep(stored);
    return stored;
  }

  #change({ revision, key: wireKey, current, previous }: Change): StorageChange {
    const key = this.#key(wireKey);
    // Without it nobody could tell whether the object was selected before.
    if (previous === undefined && current?.createRevision !== current?.modRevision) {
      throw new Error(`the change of "${key}" at ${revision} came without what was there before`);
    }
    if (previous === undefined && current === undefined) {
      throw new Error(`the deletion of "${key}" at ${revision} came without what was there before`);
    }
    const before = previous && this.#stored(previous);
    const now = current && this.#stored(current);
    // A watcher must not find out that it cannot be read.
    if (now !== undefined) void now.object;
    if (before !== undefined) void before.object;
    return new ToldChange(revision, key, now, before);
  }

  /** The key in etcd. */
  #wire(key: Key): string {
    const of = key.startsWith(`${ownPrefix}/`) ? this.#prefix + key.slice(ownPrefix.length) : key;
    return keyBytes(of);
  }

  #key(wireKey: string): Key {
    const key = keyText(wireKey);
    return key.startsWith(`${this.#prefix}/`) ? ownPrefix + key.slice(this.#prefix.length) : key;
  }
}

class ToldChange implements StorageChange {
  readonly revision: Revision;
  readonly key: Key;
  readonly current: Stored | undefined;
  readonly previous: Stored | undefined;
  #last: Stored | undefined;

  constructor(revision: Revision, key: Key, current: Stored | undefined, previous: Stored | undefined) {
    this.revision = revision;
    this.key = key;
    this.current = current;
    this.previous = previous;
  }

  get last(): Stored | undefined {
    this.#last ??= this.previous?.at(this.revision);
    return this.#last;
  }
}

function later(a: Revision, b: Revision): Revision {
  return a > b ? a : b;
}

/**
 * Versions that are likely to be wanted again: several watches are told of one, and it is what the next change of the key says was
 * there before. First in, first out. By revision, which is that of one key but for transactions of several.
 */
class Versions {
  readonly #limit: number;
  readonly #byRevision = new Map<Revision, StoredValue>();
  #weight = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  find(key: Key, revision: Revision): StoredValue | undefined {
    const found = this.#byRevision.get(revision);
    return found?.key === key ? found : undefined;
  }

  keep(stored: StoredValue): void {
    const other = this.#byRevision.get(stored.revision);
    if (other !== undefined) this.#drop(other);
    this.#byRevision.set(stored.revision, stored);
    this.#weight += stored.weight;
    while (this.#weight > this.#limit) {
      const oldest = this.#byRevision.values().next().value;
      if (oldest === undefined) break;
      this.#drop(oldest);
    }
  }

  #drop(stored: StoredValue): void {
    this.#byRevision.delete(stored.revision);
    this.#weight -= stored.weight;
  }
}
