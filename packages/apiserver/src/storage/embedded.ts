import { newRequestEntityTooLarge, newServiceUnavailable, newTooManyRequests } from '@coracle/apimachinery';
import {
  type Change,
  CompactedError,
  ConsensusError,
  DiskFull,
  FutureRevisionError as StoreFutureRevisionError,
  InvalidRequestError,
  type KeyValue,
  maxRequestBytes,
  prefixEnd,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  type Store,
  type TxnResult,
  SpaceExceededError,
  StoreStopped,
  TooManyRequestsError,
} from '@coracle/etcd';
import { assert } from '@coracle/kernel';
import { keyBytes, keyText } from './key-bytes.ts';
import {
  type CommitRequest,
  type CommitResult,
  type GetOptions,
  type Key,
  type ListOptions,
  type ListResult,
  type Storage,
  type StorageChange,
  type Stored,
  type WatchSink,
  CompactedRevisionError,
  FutureRevisionError,
} from './storage.ts';
import { StoredValue } from './stored.ts';

/** Bytes of wire forms and parsed objects kept for reuse. */
const defaultCacheBytes = 64 * 1024 * 1024;

/** Storage over the `etcd` package in the same process; the store's own index is the watch cache. */
export class EmbeddedStorage implements Storage {
  readonly #store: Store;
  readonly #cache: StoredCache;
  /** What the watchers see of the transaction that the store told of last: it is made once for all of them. */
  readonly #seen = new Map<Change, StorageChange>();
  #seenAt = 0;

  /** `origin` is the storage of the store that `store` has just been forked from: what both hold is parsed once. */
  constructor(store: Store, options: { readonly cacheBytes?: number; readonly origin?: EmbeddedStorage } = {}) {
    this.#store = store;
    const { origin, cacheBytes = defaultCacheBytes } = options;
    this.#cache = new StoredCache(cacheBytes, origin === undefined ? undefined : { cache: origin.#cache, through: store.revision });
  }

  async get(key: Key, options: GetOptions = {}): Promise<{ revision: Revision; stored: Stored | undefined }> {
    const { kvs } = this.#range({ key: keyBytes(key), revision: options.at ?? 0 });
    const kv = kvs[0];
    return { revision: options.at ?? this.#store.revision, stored: kv && this.#stored(kv) };
  }

  async list(prefix: Key, options: ListOptions = {}): Promise<ListResult> {
    const end = prefixEnd(keyBytes(prefix));
    const key = keyBytes(options.after === undefined ? prefix : `${options.after}\0`);
    const range = { key, end, revision: options.at ?? 0, ...(options.limit === undefined ? {} : { limit: options.limit }) };
    const { kvs, count } = this.#range(range);
    return {
      items: kvs.map((kv) => this.#stored(kv)),
      revision: options.at ?? this.#store.revision,
      remaining: count - kvs.length,
    };
  }

  #range(request: RangeRequest): RangeResponse {
    try {
      return this.#store.range(request);
    } catch (error) {
      throw revisionError(error);
    }
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    const { expect, value } = request;
    const key = keyBytes(request.key);
    this.#cache.offer(request);
    let result: TxnResult;
    try {
      result = await this.#store.txn({
        compares: [{ key, target: 'mod', result: 'equal', operand: expect === 'absent' ? 0 : expect }],
        success: [value === 'deleted' ? { op: 'delete', key } : { op: 'put', key, value: value.bytes }],
        failure: [{ op: 'range', key }],
      });
    } catch (error) {
      this.#cache.withdraw(request); // what is offered for a write that does not happen would be kept for ever
      throw refusalOf(error);
    }
    const [outcome] = result.results;
    assert(outcome !== undefined, 'a transaction of one operation has one result');
    if (outcome.op === 'range') {
      const current = outcome.kvs[0];
      this.#cache.withdraw(request);
      return { succeeded: false, current: current && this.#stored(current) };
    }
    const kv = outcome.op === 'put' ? outcome.current : outcome.op === 'delete' ? outcome.deleted[0] : undefined;
    assert(kv !== undefined, `delete of "${key}" succeeded without a previous value`);
    return { succeeded: true, stored: this.#stored(kv), revision: result.revision };
  }

  watch(prefix: Key, after: Revision, sink: WatchSink): Disposable {
    const key = keyBytes(prefix);
    const deliver = (batch: readonly Change[]): void => sink.changes(batch.map((change) => this.#change(change)));
    try {
      return this.#store.watch({ key, end: prefixEnd(key) }, after + 1, deliver, () => sink.ended('compacted'));
    } catch (error) {
      throw revisionError(error);
    }
  }

  async currentRevision(): Promise<Revision> {
    return this.#store.revision;
  }

  /** The store tells its watchers within the commit, so they have heard of everything. */
  progress(): Revision {
    return this.#store.revision;
  }

  async compact(revision: Revision): Promise<void> {
    try {
      await this.#store.compact(revision);
    } catch (error) {
      throw revisionError(error);
    }
  }

  #change(change: Change): StorageChange {
    if (change.revision !== this.#seenAt) this.#seen.clear();
    this.#seenAt = change.revision;
    let seen = this.#seen.get(change);
    if (seen === undefined) {
      seen = new SeenChange(change, change.current && this.#stored(change.current), change.previous && this.#stored(change.previous));
      this.#seen.set(change, seen);
    }
    return seen;
  }

  #stored(kv: KeyValue): StoredValue {
    return this.#cache.get(kv);
  }
}

class SeenChange implements StorageChange {
  readonly revision: Revision;
  readonly key: Key;
  readonly current: Stored | undefined;
  readonly previous: Stored | undefined;
  #last: Stored | undefined;

  constructor({ revision, key }: Change, current: Stored | undefined, previous: Stored | undefined) {
    this.revision = revision;
    this.key = current?.key ?? previous?.key ?? keyText(key);
    this.current = current;
    this.previous = previous;
  }

  get last(): Stored | undefined {
    this.#last ??= this.previous?.at(this.revision);
    return this.#last;
  }
}

/** The store's words about revisions in those of the interface. */
function revisionError(error: unknown): unknown {
  if (error instanceof CompactedError) return new CompactedRevisionError(error.compactRevision, { cause: error });
  if (error instanceof StoreFutureRevisionError) return new FutureRevisionError(error.current, { cause: error });
  return error;
}

/** Refusals of the store as the server's, in upstream's words where it has any. */
function refusalOf(error: unknown): unknown {
  if (error instanceof DiskFull || error instanceof StoreStopped || error instanceof ConsensusError)
    return newServiceUnavailable(error.message);
  if (error instanceof SpaceExceededError)
    return newServiceUnavailable('Cannot write to the store: no space is left; free some, and writes are accepted again');
  if (error instanceof TooManyRequestsError) return newTooManyRequests(error.message, 1);
  if (error instanceof InvalidRequestError) return newRequestEntityTooLarge(maxRequestBytes);
  return error;
}

/** A cache of the storage that one was forked from, which is right about what was there then. */
interface OriginCache {
  readonly cache: StoredCache;
  readonly through: Revision;
}

/**
 * The stored forms that are likely to be wanted again, by the revision that made them. First in, first out. What the origin of
 * a fork keeps is not kept twice, and what a fork writes does not crowd its origin. The store's own memory is never kept: a
 * value of it holds on to many others.
 */
class StoredCache {
  readonly #limit: number;
  readonly #origin: OriginCache | undefined;
  readonly #entries = new Map<Revision, StoredValue>();
  readonly #offered = new Map<Key, CommitRequest[]>();
  #weight = 0;

  constructor(limit: number, origin: OriginCache | undefined) {
    this.#limit = limit;
    this.#origin = origin;
  }

  /** Keeps the writer's object, so that nothing is parsed when the write comes back as a version. */
  offer(request: CommitRequest): void {
    if (request.value === 'deleted') return;
    const offered = this.#offered.get(request.key);
    if (offered === undefined) this.#offered.set(request.key, [request]);
    else offered.push(request);
  }

  withdraw(request: CommitRequest): void {
    const offered = this.#offered.get(request.key);
    const at = offered?.indexOf(request) ?? -1;
    if (offered === undefined || at < 0) return;
    if (offered.length === 1) this.#offered.delete(request.key);
    else offered.splice(at, 1);
  }

  /** `wireKey` is the store's form of `key`, which nearly always is the same text: then nothing is converted. */
  #find(revision: Revision, wireKey: string): StoredValue | undefined {
    const known = this.#entries.get(revision);
    if (known !== undefined && (known.key === wireKey || known.key === keyText(wireKey))) return known;
    return this.#origin !== undefined && revision <= this.#origin.through ? this.#origin.cache.#find(revision, wireKey) : undefined;
  }

  /** What was offered of these bytes: whoever wrote the same under one key has the same object. */
  #takeOffered(key: Key, bytes: Uint8Array): Exclude<CommitRequest['value'], 'deleted'> | undefined {
    for (const request of this.#offered.get(key) ?? []) {
      if (request.value === 'deleted' || Buffer.compare(request.value.bytes, bytes) !== 0) continue;
      this.withdraw(request);
      return request.value;
    }
    return undefined;
  }

  get(kv: KeyValue): StoredValue {
    const known = this.#find(kv.modRevision, kv.key);
    if (known !== undefined) return known;
    const key = keyText(kv.key);
    const { value } = kv;
    const offered = this.#takeOffered(key, value);
    const written = offered === undefined ? {} : { rvOffset: offered.rvOffset, object: offered.object };
    const stored = new StoredValue({ key, revision: kv.modRevision, json: offered?.bytes ?? value.slice(), ...written });
    this.#weight -= this.#entries.get(kv.modRevision)?.weight ?? 0;
    this.#entries.set(kv.modRevision, stored);
    this.#weight += stored.weight;
    while (this.#weight > this.#limit) {
      const oldest = this.#entries.entries().next().value;
      if (oldest === undefined) break;
      this.#entries.delete(oldest[0]);
      this.#weight -= oldest[1].weight;
    }
    return stored;
  }
}
