import { assert } from '@coracle/kernel';
import type { Frozen } from '@coracle/apimachinery';
import { metaNamespaceKey, metaOf } from './keys.ts';

/** The values under which an index files an object. */
export type IndexFunction<T> = (object: Frozen<T>) => readonly string[];

export type Indexers<T> = Readonly<Record<string, IndexFunction<T>>>;

/** The index that every informer of namespaced objects has. */
export const namespaceIndex = 'namespace';

export function indexByNamespace(object: unknown): readonly string[] {
  return [metaOf(object).namespace ?? ''];
}

/** The known objects by key, readable by everybody (tools/cache Indexer). Objects are shared and frozen. */
export interface Indexer<T> {
  readonly size: number;
  getByKey(key: string): Frozen<T> | undefined;
  list(): readonly Frozen<T>[];
  listKeys(): readonly string[];
  /** Objects that the index files under `value`. Throws RangeError for an index that does not exist. */
  byIndex(indexName: string, value: string): readonly Frozen<T>[];
  /** Their keys, sorted. */
  indexKeys(indexName: string, value: string): readonly string[];
  /** Every value that files at least one object, sorted. */
  listIndexValues(indexName: string): readonly string[];
  /** Builds the index over what is stored too. Throws RangeError when the name is taken. */
  addIndexers(indexers: Indexers<T>): void;
  hasIndex(indexName: string): boolean;
}

interface Index<T> {
  readonly of: IndexFunction<T>;
  readonly keysByValue: Map<string, Set<string>>;
}

/**
 * A store with indexes (tools/cache thread_safe_store.go; one thread needs no lock). Invariant: an index holds no empty
 * set, so values that came and went cost nothing (kubernetes#84959).
 */
export class Store<T> implements Indexer<T> {
  readonly #objects = new Map<string, Frozen<T>>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #keyOf: (object: Frozen<T>) => string;

  constructor(options: { readonly keyOf?: (object: Frozen<T>) => string; readonly indexers?: Indexers<T> } = {}) {
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
    this.addIndexers(options.indexers ?? {});
  }

  get size(): number {
    return this.#objects.size;
  }

  keyOf(object: Frozen<T>): string {
    return this.#keyOf(object);
  }

  getByKey(key: string): Frozen<T> | undefined {
    return this.#objects.get(key);
  }

  list(): readonly Frozen<T>[] {
    return [...this.#objects.values()];
  }

  listKeys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  byIndex(indexName: string, value: string): readonly Frozen<T>[] {
    const objects: Frozen<T>[] = [];
    for (const key of this.#index(indexName).keysByValue.get(value) ?? []) {
      const object = this.#objects.get(key);
      assert(object !== undefined, `index "${indexName}" holds key "${key}", which is not stored`);
      objects.push(object);
    }
    return objects;
  }

  indexKeys(indexName: string, value: string): readonly string[] {
    return [...(this.#index(indexName).keysByValue.get(value) ?? [])].sort();
  }

  listIndexValues(indexName: string): readonly string[] {
    return [...this.#index(indexName).keysByValue.keys()].sort();
  }

  hasIndex(indexName: string): boolean {
    return this.#indexes.has(indexName);
  }

  addIndexers(indexers: Indexers<T>): void {
    for (const name of Object.keys(indexers)) {
      if (this.#indexes.has(name)) throw new RangeError(`Cannot add index "${name}": it exists already`);
    }
    for (const [name, of] of Object.entries(indexers)) {
      const index: Index<T> = { of, keysByValue: new Map() };
      this.#indexes.set(name, index);
      for (const [key, object] of this.#objects) file(index, key, undefined, object);
    }
  }

  /** Adds or replaces; returns what was stored before. */
  set(object: Frozen<T>): Frozen<T> | undefined {
    const key = this.#keyOf(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) file(index, key, old, object);
    return old;
  }

  delete(key: string): Frozen<T> | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) file(index, key, old, undefined);
    return old;
  }

  /** Holds exactly `objects` from here on. */
  replace(objects: Iterable<Frozen<T>>): void {
    this.#objects.clear();
    for (const index of this.#indexes.values()) index.keysByValue.clear();
    for (const object of objects) this.set(object);
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`Index with name ${name} does not exist`);
    return index;
  }
}

function file<T>(index: Index<T>, key: string, old: Frozen<T> | undefined, object: Frozen<T> | undefined): void {
  const before = old === undefined ? [] : index.of(old);
  const after = object === undefined ? [] : index.of(object);
  for (const value of before) {
    if (after.includes(value)) continue;
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
