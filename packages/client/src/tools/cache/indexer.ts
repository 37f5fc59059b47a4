import type { Frozen } from '@coracle/apimachinery';
import type { ObjectDelta, Transform } from './deltas.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { DeletedFinalStateUnknown, metaNamespaceKey, metaOf } from './keys.ts';
import type { ReflectorStore } from './reflector-store.ts';
import { type Indexers, ThreadSafeStore } from './thread-safe-store.ts';

/** The index that every informer of namespaced objects has. */
export const namespaceIndex = 'namespace';

/** Files an object under its namespace, '' for those without (tools/cache MetaNamespaceIndexFunc). */
export function indexByNamespace(object: unknown): readonly string[] {
  return [metaOf(object).namespace ?? ''];
}

/** The known objects by key, readable by everybody (tools/cache Indexer). Objects are shared and frozen. */
export interface Indexer<T> {
  readonly size: number;
  getByKey(key: string): Frozen<T> | undefined;
  list(): readonly Frozen<T>[];
  listKeys(): readonly string[];
  /** The version up to which the store is complete; '' before the first list. */
  readonly lastStoreSyncResourceVersion: string;
  /** Objects that the index files under one of the values of `object`, each once. Throws RangeError for an index that does not exist. */
  index(indexName: string, object: Frozen<T>): readonly Frozen<T>[];
  /** Objects that the index files under `value`. Throws RangeError for an index that does not exist. */
  byIndex(indexName: string, value: string): readonly Frozen<T>[];
  /** Their keys, sorted. */
  indexKeys(indexName: string, value: string): readonly string[];
  /** Every value that files at least one object, sorted. */
  listIndexValues(indexName: string): readonly string[];
  indexers(): Indexers<T>;
  /** Builds the index over what is stored too. Throws RangeError when the name is taken. */
  addIndexers(indexers: Indexers<T>): void;
  hasIndex(indexName: string): boolean;
}

/** What a `Store` is made with. */
export interface StoreOptions<T> {
  /** Default: `namespace/name`. */
  readonly keyOf?: (object: Frozen<T>) => string;
  readonly indexers?: Indexers<T>;
  readonly transform?: Transform<T> | undefined;
  /** Where it tells at which version it is. Default: nowhere. */
  readonly metrics?: InformerMetrics | undefined;
}

/** A change of several objects in one step; `failed` tells of which it could not tell the key. */
export interface TransactionResult {
  readonly failed: readonly { readonly at: number; readonly error: Error }[];
}

/** A store that knows the keys of its objects (tools/cache store.go). */
export class Store<T> implements Indexer<T>, ReflectorStore<T> {
  readonly transform: Transform<T> | undefined;
  readonly #objects: ThreadSafeStore<T>;
  readonly #keyOf: (object: Frozen<T>) => string;

  constructor(options: StoreOptions<T> = {}) {
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
    this.#objects = new ThreadSafeStore(options.indexers, options.metrics);
    this.transform = options.transform;
  }

  get size(): number {
    return this.#objects.size;
  }

  get lastStoreSyncResourceVersion(): string {
    return this.#objects.lastStoreSyncResourceVersion;
  }

  /** Throws TypeError for what has no key. */
  keyOf(object: Frozen<T> | DeletedFinalStateUnknown<T>): string {
    return object instanceof DeletedFinalStateUnknown ? object.key : this.#keyOf(object as Frozen<T>); // no tombstone
  }

  /** What is stored under the key of `object`. */
  get(object: Frozen<T>): Frozen<T> | undefined {
    return this.#objects.get(this.#keyOf(object));
  }

  getByKey(key: string): Frozen<T> | undefined {
    return this.#objects.get(key);
  }

  list(): readonly Frozen<T>[] {
    return this.#objects.list();
  }

  listKeys(): readonly string[] {
    return this.#objects.listKeys();
  }

  index(indexName: string, object: Frozen<T>): readonly Frozen<T>[] {
    return this.#objects.index(indexName, object);
  }

  byIndex(indexName: string, value: string): readonly Frozen<T>[] {
    return this.#objects.byIndex(indexName, value);
  }

  indexKeys(indexName: string, value: string): readonly string[] {
    return this.#objects.indexKeys(indexName, value);
  }

  listIndexValues(indexName: string): readonly string[] {
    return this.#objects.listIndexValues(indexName);
  }

  hasIndex(indexName: string): boolean {
    return this.#objects.hasIndex(indexName);
  }

  indexers(): Indexers<T> {
    return this.#objects.indexers();
  }

  addIndexers(indexers: Indexers<T>): void {
    this.#objects.addIndexers(indexers);
  }

  add(object: Frozen<T>): void {
    this.set(this.#keyOf(object), object);
  }

  update(object: Frozen<T>): void {
    this.set(this.#keyOf(object), object);
  }

  /** Adds or replaces under a key that was told already; returns what was stored before. */
  set(key: string, object: Frozen<T>): Frozen<T> | undefined {
    return this.#objects.set(key, this.#transformed(object));
  }

  delete(object: Frozen<T> | DeletedFinalStateUnknown<T>): void {
    this.deleteByKey(this.keyOf(object), object);
  }

  /** `object`, where its final state is known, gives the store its version. Returns what was stored. */
  deleteByKey(key: string, object?: Frozen<T> | DeletedFinalStateUnknown<T>): Frozen<T> | undefined {
    const isFinal = object !== undefined && !(object instanceof DeletedFinalStateUnknown);
    return this.#objects.delete(key, isFinal ? (object as Frozen<T>) : undefined); // no tombstone
  }

  /** Holds exactly `objects` from here on. Throws before anything is changed. */
  replace(objects: Iterable<Frozen<T>>, resourceVersion = '', isTransformed = false): void {
    const all = [...objects];
    const keys = all.map((object) => this.#keyOf(object));
    this.#objects.replace(keys, isTransformed ? all : all.map((object) => this.#transformed(object)), resourceVersion);
  }

  /** As `replace`, of transformed objects whose keys are known, in the same order. */
  replaceByKey(keys: readonly string[], objects: readonly Frozen<T>[], resourceVersion: string): void {
    this.#objects.replace(keys, objects, resourceVersion);
  }

  /** Applies changes of objects in one step; the others are applied when the key of one cannot be told. */
  transaction(changes: readonly { readonly type: 'set' | 'delete'; readonly object: Frozen<T> }[]): TransactionResult {
    const failed: { readonly at: number; readonly error: Error }[] = [];
    changes.forEach(({ type, object }, at) => {
      let key: string;
      try {
        key = this.#keyOf(object);
      } catch (error) {
        failed.push({ at, error: error instanceof Error ? error : new Error(String(error)) });
        return;
      }
      if (type === 'set') this.set(key, object);
      else this.deleteByKey(key, object);
    });
    return { failed };
  }

  /** Applies one change; returns what was stored before. */
  apply(delta: ObjectDelta<T>): Frozen<T> | undefined {
    return delta.type === 'Deleted' ? this.deleteByKey(delta.key, delta.object) : this.set(delta.key, delta.object);
  }

  bookmark(resourceVersion: string): void {
    this.#objects.bookmark(resourceVersion);
  }

  /** Means nothing here. */
  resync(): void {}

  #transformed(object: Frozen<T>): Frozen<T> {
    return this.transform === undefined ? object : this.transform(object);
  }
}
