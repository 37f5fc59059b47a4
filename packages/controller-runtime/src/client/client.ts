import { type DeleteOptions, type Frozen, type KubeObject, newNotFound } from '@coracle/apimachinery';
import {
  type ApplyConfiguration,
  type ApplyOptions,
  type Clientset,
  type Deletion,
  deletionKey,
  informerKey,
  type ListOptions,
  metaOf,
  objectFromDeletion,
  type ObjectList,
  type ObjectInput,
  type PatchOptions,
  type PatchType,
  type ResourceClient,
  type ResourceHandle,
  type SharedIndexInformer,
  type WriteOptions,
} from '@coracle/client';
import type { InformerCache } from './informer-cache.ts';
import { OwnWrites } from './own-writes.ts';
import { DirectReader, keyText, type ObjectKey, type Reader, type ReadOptions } from './reader.ts';
import { recordingClient } from './recording-client.ts';

/** What a client reads from and writes to (pkg/client Options). */
export interface CachedClientOptions {
  readonly clientset: Clientset;
  readonly cache: InformerCache;
  /** The only namespace that the cache holds. Default: all. */
  readonly namespace?: string;
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
  readonly #own = new Map<string, OwnWrites<KubeObject>>();

  constructor(options: CachedClientOptions) {
    this.#options = options;
    this.direct = new DirectReader(options.clientset);
  }

  /** From the cache; undefined when it is not there. Throws RangeError for a namespace that the cache does not hold. */
  async get<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T> | undefined> {
    this.#checkNamespace(handle, key.namespace);
    await this.#options.cache.synced(handle);
    const own = this.#ownOf(handle);
    return (await this.#isBehind(handle, own)) ? this.direct.get(handle, key) : own.get(keyText(key));
  }

  async require<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T>> {
    const object = await this.get(handle, key);
    if (object === undefined) throw newNotFound(handle, key.name);
    return object;
  }

  /** From the cache. Throws RangeError for a field without an index, see `indexField`, and for a namespace that the cache does not hold. */
  async list<T extends KubeObject>(handle: ResourceHandle<T>, options: ReadOptions = {}): Promise<readonly Frozen<T>[]> {
    const { namespace = '', selector, fields = {} } = options;
    if (namespace !== '') this.#checkNamespace(handle, namespace);
    const { indexer, lister } = await this.#options.cache.synced(handle);
    const own = this.#ownOf(handle);
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
    if (await this.#isBehind(handle, own)) {
      return (await this.direct.list(handle, { namespace: namespace === '' ? this.#cacheNamespace(handle) : namespace })).filter(matches);
    }
    const [first] = wanted;
    return own.list(first === undefined ? lister.namespace(namespace).list() : indexer.byIndex(first.index, first.value), matches);
  }

  /**
   * Lets `list` find objects by `path`, which is a name only: `valuesOf` says what values an object has there, none for those that are
   * not to be found (pkg/client FieldIndexer). At any time before the manager ends. Throws RangeError for a path that has an index.
   */
  indexField<T extends KubeObject>(handle: ResourceHandle<T>, path: string, valuesOf: (object: Frozen<T>) => readonly string[]): void {
    this.#options.cache.informer(handle).addIndexers({ [fieldIndex(path)]: valuesOf });
  }

  /** How many writes of a kind the cache has not seen; more than that limit are never remembered. */
  pendingWrites(handle: ResourceHandle<KubeObject>): number {
    return this.#ownOf(handle).size;
  }

  /** Every verb, past the cache; its writes count as those of this client. */
  live<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string): ResourceClient<T> {
    const { clientset } = this.#options;
    const client = clientset.resource(handle, namespace);
    if (!this.#isCached(handle, namespace)) return client;
    return recordingClient<T>({ handle, namespace, client, own: this.#ownOf(handle) });
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

  #cacheNamespace(handle: ResourceHandle<KubeObject>): string {
    return handle.namespaced ? (this.#options.namespace ?? '') : '';
  }

  #isCached(handle: ResourceHandle<KubeObject>, namespace: string): boolean {
    const held = this.#cacheNamespace(handle);
    // A write in all namespaces, as the deletion of a collection, may be of what is held.
    return held === '' || namespace === '' || namespace === held;
  }

  #checkNamespace(handle: ResourceHandle<KubeObject>, namespace: string): void {
    if (this.#isCached(handle, namespace)) return;
    throw new RangeError(
      `Cannot read ${handle.kind} in namespace "${namespace}" from the cache: it holds namespace "${this.#cacheNamespace(handle)}" only`,
    );
  }

  async #isBehind<T extends KubeObject>(handle: ResourceHandle<T>, own: OwnWrites<T>): Promise<boolean> {
    if (!own.isBehind()) return false;
    await own.findBarrier(async () => {
      const { metadata } = await this.#options.clientset.resource(handle, this.#cacheNamespace(handle)).list({ limit: 1 });
      return metadata.resourceVersion ?? '';
    });
    return own.isBehind();
  }

  #ownOf<T extends KubeObject>(handle: ResourceHandle<T>): OwnWrites<T> {
    const key = informerKey(handle);
    let own = this.#own.get(key) as OwnWrites<T> | undefined; // the key says which T
    if (own === undefined) {
      const { ownWriteLimit: limit } = this.#options;
      own = new OwnWrites<T>(limit === undefined ? {} : { limit });
      // The map holds them whatever their T: it is asked for with a handle only.
      this.#own.set(key, own as unknown as OwnWrites<KubeObject>);
    }
    if (!own.isAttached && this.#options.cache.has(handle)) attach(own, this.#options.cache.informer(handle));
    return own;
  }
}

function attach<T extends KubeObject>(own: OwnWrites<T>, informer: SharedIndexInformer<T>): void {
  if (informer.isStopped) return; // nothing will come up to anything
  own.attach(informer.indexer);
  informer.addEventHandler({
    onAdd: (object) => own.seen(object),
    onUpdate: (_old, object) => own.seen(object),
    onDelete: (deleted) => own.seenGone(deletionKey<T>(deleted), objectFromDeletion<T>(deleted)),
  });
}
