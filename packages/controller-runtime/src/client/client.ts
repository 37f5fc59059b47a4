import { type DeleteOptions, type Frozen, type KubeObject, newNotFound } from '@coracle/apimachinery';
import {
  type ApplyConfiguration,
  type ApplyOptions,
  type Clientset,
  type Deletion,
  type ListOptions,
  metaOf,
  type ObjectList,
  onlyMetadata,
  type ObjectInput,
  type PatchOptions,
  type PatchType,
  type ResourceClient,
  type ResourceHandle,
  wholeObjects,
  type WriteOptions,
} from '@coracle/client';
import { narrowed } from './cache-limits.ts';
import type { CachePart, InformerCache } from './informer-cache.ts';
import { allOf, ofMetadata, PartWrites, type WriteObserver } from './part-writes.ts';
import { DirectReader, keyText, type ObjectKey, type Reader, type ReadOptions } from './reader.ts';
import { recordingClient } from './recording-client.ts';

/** What a client reads from and writes to (pkg/client Options). */
export interface CachedClientOptions {
  readonly clientset: Clientset;
  readonly cache: InformerCache;
  /** Writes of a kind that are remembered while the cache has not seen them. Default 1,000. */
  readonly ownWriteLimit?: number;
}

/** Where an informer files objects by a field, for `list` with `fields`. */
const fieldIndex = (path: string): string => `field:${path}`;

/**
 * Reads from the manager's cache, writes to the server (pkg/client). A read of a kind that nobody has read before starts its informer
 * and waits for the first list; it throws CacheSyncError when that takes too long.
 *
 * The cache may be behind of others' writes, never of those of this client: whatever was answered to a write is what the next read
 * returns, or something newer. Upstream's client does not promise this. See `OwnWrites` for how.
 */
export class Client implements Reader {
  /** Reads past the cache. */
  readonly direct: Reader;
  readonly #options: CachedClientOptions;
  // By key of the part.
  readonly #own = new Map<string, PartWrites<KubeObject>>();

  constructor(options: CachedClientOptions) {
    this.#options = options;
    this.direct = new DirectReader(options.clientset);
  }

  /** From the cache; undefined when it is not there, or not held. Throws RangeError for a namespace that the cache does not hold. */
  async get<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T> | undefined> {
    // In the cluster scope a namespace means nothing, as it does to the server.
    const { namespace, name } = handle.namespaced ? key : { ...key, namespace: '' };
    const part = this.#partOf(handle, namespace);
    await this.#options.cache.synced([part]);
    const writes = this.#writesOf(handle, part);
    if (!(await this.#isBehind(handle, writes))) return writes.own.get(keyText({ namespace, name }));
    const [object] = await this.#ask(handle, writes, { namespace, name });
    return object;
  }

  async require<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T>> {
    const object = await this.get(handle, key);
    if (object === undefined) throw newNotFound(handle, key.name);
    return object;
  }

  /** From the cache. Throws RangeError for a field without an index, see `indexField`, and for a namespace that the cache does not hold. */
  async list<T extends KubeObject>(handle: ResourceHandle<T>, options: ReadOptions = {}): Promise<readonly Frozen<T>[]> {
    const { namespace = '' } = options;
    const { cache } = this.#options;
    const parts = namespace === '' ? cache.parts(handle) : [this.#partOf(handle, namespace)];
    await cache.synced(parts);
    const lists = await Promise.all(parts.map((part) => this.#listPart(handle, part, options)));
    const [only] = lists;
    return lists.length === 1 && only !== undefined ? only : lists.flat();
  }

  /**
   * Lets `list` find objects by `path`, which is a name only: `valuesOf` says what values an object has there, none for those that are
   * not to be found (pkg/client FieldIndexer). At any time before the manager ends. Throws RangeError for a path that has an index.
   */
  indexField<T extends KubeObject>(handle: ResourceHandle<T>, path: string, valuesOf: (object: Frozen<T>) => readonly string[]): void {
    for (const part of this.#options.cache.parts(handle)) part.informer().addIndexers({ [fieldIndex(path)]: valuesOf });
  }

  /** How many writes of a kind the cache has not seen; more than that limit are never remembered. */
  pendingWrites(handle: ResourceHandle<KubeObject>): number {
    return this.#options.cache.parts(handle).reduce((sum, part) => sum + this.#writesOf(handle, part).own.size, 0);
  }

  /** Every verb, past the cache; its writes count as those of this client. */
  live<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string): ResourceClient<T> {
    const { clientset } = this.#options;
    const client = clientset.resource(handle, namespace);
    const observers = this.#observers(handle, namespace);
    return observers.length === 0 ? client : recordingClient<T>({ handle, namespace, client, observer: allOf(observers) });
  }

  create<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).create(object, options);
  }

  update<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).update(object, options);
  }

  updateStatus<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).updateStatus(object, options);
  }

  patch<T extends KubeObject>(
    handle: ResourceHandle<T>,
    key: ObjectKey,
    type: PatchType,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<Frozen<T>> {
    return this.live(handle, key.namespace).patch(key.name, type, patch, options);
  }

  /** Server-side apply; see `ResourceClient.apply`. */
  apply<T extends KubeObject>(handle: ResourceHandle<T>, configuration: ApplyConfiguration<T>, options: ApplyOptions): Promise<Frozen<T>> {
    const { namespace = '' } = metaOf(configuration);
    return this.live(handle, namespace).apply(configuration, options);
  }

  delete<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey, options?: DeleteOptions): Promise<Deletion<T>> {
    return this.live(handle, key.namespace).delete(key.name, options);
  }

  deleteAllOf<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string, options?: ListOptions): Promise<ObjectList<T>> {
    return this.live(handle, namespace).deleteCollection(undefined, options);
  }

  #at<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>): ResourceClient<T> {
    const { metadata } = object as KubeObject; // each form of it is one
    return this.live(handle, metadata.namespace ?? '');
  }

  async #listPart<T extends KubeObject>(
    handle: ResourceHandle<T>,
    part: CachePart<T>,
    options: ReadOptions,
  ): Promise<readonly Frozen<T>[]> {
    const { namespace = '', selector, fields = {} } = options;
    const { indexer, lister } = part.informer();
    const writes = this.#writesOf(handle, part);
    const indexers = indexer.indexers();
    const wanted = Object.entries(fields).map(([path, value]) => ({ index: fieldIndex(path), value }));
    // Whichever way is taken, the index has to be there.
    for (const { index, value } of wanted) indexer.indexKeys(index, value);
    const matches = (object: Frozen<T>): boolean => {
      const metadata = metaOf(object);
      if (namespace !== '' && metadata.namespace !== namespace) return false;
      if (selector !== undefined && !selector.matches(metadata.labels)) return false;
      return wanted.every(({ index, value }) => indexers[index]?.(object).includes(value));
    };
    if (await this.#isBehind(handle, writes)) return (await this.#ask(handle, writes, { namespace })).filter(matches);
    const [first] = wanted;
    return writes.own.list(first === undefined ? lister.namespace(namespace).list() : indexer.byIndex(first.index, first.value), matches);
  }

  /** From the server, no more and no other than what the part would hold. */
  async #ask<T extends KubeObject>(
    handle: ResourceHandle<T>,
    writes: PartWrites<T>,
    { namespace, name }: { readonly namespace: string; readonly name?: string },
  ): Promise<readonly Frozen<T>[]> {
    const { limits } = writes.part;
    const client = this.#options.clientset.resource(handle, namespace === '' ? limits.namespace : namespace);
    const fieldSelector = name === undefined ? '' : `metadata.name=${name}`;
    const { items } = await client.list(narrowed(limits, { ...(fieldSelector !== '' && { fieldSelector }) }));
    return items.map((object) => writes.shown(object));
  }

  #partOf<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string): CachePart<T> {
    const { cache } = this.#options;
    const part = cache.part(handle, namespace);
    if (part !== undefined) return part;
    const held = cache.parts(handle).map(({ limits }) => JSON.stringify(limits.namespace));
    throw new RangeError(
      `Cannot read ${handle.kind} in namespace "${namespace}" from the cache: it holds namespace ${held.join(', ')} only`,
    );
  }

  async #isBehind<T extends KubeObject>(handle: ResourceHandle<T>, { own, part }: PartWrites<T>): Promise<boolean> {
    if (!own.isBehind()) return false;
    await own.findBarrier(async () => {
      const { metadata } = await this.#options.clientset.resource(handle, part.limits.namespace).list({ limit: 1 });
      return metadata.resourceVersion ?? '';
    });
    return own.isBehind();
  }

  /** Who has to know of writes to a resource: the caches of its objects and of their metadata, however it is written. */
  #observers(handle: ResourceHandle<KubeObject>, namespace: string): readonly WriteObserver<KubeObject>[] {
    const { cache } = this.#options;
    const observers: WriteObserver<KubeObject>[] = [];
    for (const form of [wholeObjects(handle), onlyMetadata(handle)]) {
      // A write in all namespaces, as the deletion of a collection, may be of what any part holds.
      const part = namespace === '' ? undefined : cache.part<KubeObject>(form, namespace);
      for (const each of namespace === '' ? cache.parts<KubeObject>(form) : part === undefined ? [] : [part]) {
        const writes = this.#writesOf(form, each);
        observers.push(handle.onlyMetadata === true && form.onlyMetadata !== true ? ofMetadata(writes) : writes);
      }
    }
    return observers;
  }

  #writesOf<T extends KubeObject>(handle: ResourceHandle<T>, part: CachePart<T>): PartWrites<T> {
    let writes = this.#own.get(part.key) as PartWrites<T> | undefined; // the key says which T
    if (writes === undefined) {
      const { ownWriteLimit: limit } = this.#options;
      writes = new PartWrites<T>(handle, part, limit === undefined ? {} : { limit });
      // The map holds them whatever their T: it is asked for with a handle only.
      this.#own.set(part.key, writes as unknown as PartWrites<KubeObject>);
    }
    writes.attach();
    return writes;
  }
}
