import { assert } from '@coracle/kernel';
import type { Frozen } from '@coracle/apimachinery';
import type { InformerMetrics } from './informer-metrics.ts';
import { resourceVersionOf } from './keys.ts';

/** The values under which an index files an object. A throw is a bug of the index and passes through whatever stores. */
export type IndexFunction<T> = (object: Frozen<T>) => readonly string[];

/** Functions that file objects, by the name of their index (tools/cache Indexers). */
export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>;

/** What is stored under a key. It stays when the object changes, so that the key is looked up once. */
interface Cell<T> {
  object: Frozen<T>;
}

interface Index<T> {
  readonly name: string;
  readonly of: IndexFunction<T>;
  readonly keysByValue: Map<string, Set<string>>;
}

/**
 * Objects by key, with indexes (tools/cache thread_safe_store.go; one thread needs no lock). Invariant: an index holds no empty
 * set, so values that came and went cost nothing (kubernetes#84959).
 */
export class ThreadSafeStore<T> {
  readonly #cells = new Map<string, Cell<T>>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #metrics: InformerMetrics | undefined;
  #resourceVersion = '';

  /** `metrics`: where it tells at which version it is. */
  constructor(indexers: Indexers<T> = {}, metrics?: InformerMetrics) {
    this.#metrics = metrics;
    this.addIndexers(indexers);
  }

  get size(): number {
    return this.#cells.size;
  }

  /** The version of the newest thing that was written or bookmarked; '' before the first. */
  get lastStoreSyncResourceVersion(): string {
    return this.#resourceVersion;
  }

  get(key: string): Frozen<T> | undefined {
    return this.#cells.get(key)?.object;
  }

  list(): Frozen<T>[] {
    const objects: Frozen<T>[] = [];
    for (const { object } of this.#cells.values()) objects.push(object);
    return objects;
  }

  listKeys(): string[] {
    return [...this.#cells.keys()];
  }

  /** Adds or replaces; returns what was stored before. */
  set(key: string, object: Frozen<T>): Frozen<T> | undefined {
    const cell = this.#cells.get(key);
    const old = cell?.object;
    if (cell === undefined) this.#cells.set(key, { object });
    else cell.object = object;
    for (const index of this.#indexes.values()) file(index, key, old, object);
    this.bookmark(resourceVersionOf(object));
    return old;
  }

  /** `object`, where known, is the final state: its version becomes the store's. Returns what was stored. */
  delete(key: string, object?: Frozen<T>): Frozen<T> | undefined {
    if (object !== undefined) this.bookmark(resourceVersionOf(object));
    const old = this.#cells.get(key)?.object;
    if (old === undefined) return undefined;
    this.#cells.delete(key);
    for (const index of this.#indexes.values()) file(index, key, old, undefined);
    return old;
  }

  /** Holds exactly `objects` from here on, each under the key at its place in `keys`; the last one under a key that comes twice. */
  replace(keys: readonly string[], objects: readonly Frozen<T>[], resourceVersion: string): void {
    const cells = this.#cells;
    cells.clear();
    let at = 0;
    for (const object of objects) cells.set(keys[at++] ?? '', { object });
    this.bookmark(resourceVersion);
    for (const index of this.#indexes.values()) {
      index.keysByValue.clear();
      for (const [key, { object }] of cells) file(index, key, undefined, object);
    }
  }

  /** The store is complete up to `resourceVersion`. */
  bookmark(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#metrics?.storeAt(resourceVersion);
  }

  /** Objects that the index files under one of the values of `object`, each once. Throws RangeError for an index that does not exist. */
  index(indexName: string, object: Frozen<T>): Frozen<T>[] {
    const index = this.#index(indexName);
    const values = index.of(object);
    if (values.length === 1 && values[0] !== undefined) return this.byIndex(indexName, values[0]);
    const keys = new Set<string>();
    for (const value of values) for (const key of index.keysByValue.get(value) ?? []) keys.add(key);
    return this.#at(indexName, keys);
  }

  byIndex(indexName: string, value: string): Frozen<T>[] {
    return this.#at(indexName, this.#index(indexName).keysByValue.get(value) ?? []);
  }

  indexKeys(indexName: string, value: string): string[] {
    return [...(this.#index(indexName).keysByValue.get(value) ?? [])].sort();
  }

  listIndexValues(indexName: string): string[] {
    return [...this.#index(indexName).keysByValue.keys()].sort();
  }

  hasIndex(indexName: string): boolean {
    return this.#indexes.has(indexName);
  }

  indexers(): Indexers<T> {
    return Object.fromEntries([...this.#indexes].map(([name, { of }]) => [name, of]));
  }

  /** Builds each index over what is stored. A name that is taken, or a function that throws, leaves things as they are. */
  addIndexers(indexers: Indexers<T>): void {
    const taken = Object.keys(indexers).filter((name) => this.#indexes.has(name));
    if (taken.length > 0) throw new RangeError(`Cannot add index ${taken.map((name) => `"${name}"`).join(', ')}: it exists already`);
    const added = Object.entries(indexers).map(([name, of]): Index<T> => ({ name, of, keysByValue: new Map() }));
    for (const index of added) for (const [key, { object }] of this.#cells) file(index, key, undefined, object);
    for (const index of added) this.#indexes.set(index.name, index);
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`Index with name ${name} does not exist`);
    return index;
  }

  #at(indexName: string, keys: Iterable<string>): Frozen<T>[] {
    const objects: Frozen<T>[] = [];
    for (const key of keys) {
      const object = this.#cells.get(key)?.object;
      assert(object !== undefined, `index "${indexName}" holds key "${key}", which is not stored`);
      objects.push(object);
    }
    return objects;
  }
}

const nowhere: readonly string[] = [];

function file<T>(index: Index<T>, key: string, old: Frozen<T> | undefined, object: Frozen<T> | undefined): void {
  let before: readonly string[];
  let after: readonly string[];
  try {
    before = old === undefined ? nowhere : index.of(old);
    after = object === undefined ? nowhere : index.of(object);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot calculate an index entry for key "${key}" on index "${index.name}": ${message}`, { cause });
  }
  if (before.length === 1 && after.length === 1 && before[0] === after[0]) return;
  for (const value of before) {
    const keys = index.keysByValue.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keysByValue.delete(value);
  }
  for (const value of after) {
    const keys = index.keysByValue.get(value);
    if (keys === undefined) index.keysByValue.set(value, new Set([key]));
    else keys.add(key);
  }
}
