import type { Frozen, KubeObject } from '@coracle/apimachinery';
import type { Clock } from '@coracle/kernel';
import { LruCache } from '../../util/lru-cache.ts';
import type { Indexer } from './indexer.ts';
import { metaNamespaceKey, metaOf, resourceVersionOf } from './keys.ts';

/** What a `MutationCache` is made with. */
export interface MutationCacheOptions<T> {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** What informers fill: may be behind of what was written. */
  readonly indexer: Pick<Indexer<T>, 'getByKey' | 'indexKeys' | 'indexers'>;
  /** How long a write is remembered at most, in milliseconds. Default 5 minutes. */
  readonly ttlMs?: number;
  /** Writes remembered at most. Default 100. */
  readonly limit?: number;
  /** Created objects, too, are read back before the informer saw them. Then `onDelete` has to be told of deletions. Default false. */
  readonly includeAdds?: boolean;
}

/** What is remembered of a key: a written object, or that an object was deleted. */
type Mutation<T> =
  | { readonly kind: 'written'; readonly object: Frozen<T>; readonly uid: string; readonly version: bigint }
  | { readonly kind: 'deleted'; readonly uid: string; readonly version: bigint };

/**
 * Lets a writer read what it wrote although its informer has not seen it yet (tools/cache mutation_cache.go): of the informer's state and
 * the answer to a write, the one with the higher resource version. Versions are compared as integers (KEP-5504).
 */
export class MutationCache<T extends KubeObject> {
  readonly #indexer: MutationCacheOptions<T>['indexer'];
  readonly #mutations: LruCache<string, Mutation<T>>;
  readonly #ttlMs: number;
  readonly #includeAdds: boolean;

  constructor(options: MutationCacheOptions<T>) {
    this.#indexer = options.indexer;
    this.#mutations = new LruCache(options.limit ?? 100, () => options.clock.monotonic());
    this.#ttlMs = options.ttlMs ?? 300_000;
    this.#includeAdds = options.includeAdds ?? false;
  }

  getByKey(key: string): Frozen<T> | undefined {
    const seen = this.#indexer.getByKey(key);
    if (seen !== undefined) return this.#newer(key, seen);
    const mutation = this.#includeAdds ? this.#mutations.get(key) : undefined;
    return mutation?.kind === 'written' ? mutation.object : undefined;
  }

  /** Throws RangeError for an index that does not exist. */
  byIndex(indexName: string, value: string): readonly Frozen<T>[] {
    const keys = new Set(this.#indexer.indexKeys(indexName, value));
    const objects: Frozen<T>[] = [];
    for (const key of keys) {
      const seen = this.#indexer.getByKey(key);
      if (seen !== undefined) objects.push(this.#newer(key, seen));
    }
    if (!this.#includeAdds) return objects;
    const indexOf = this.#indexer.indexers()[indexName];
    for (const key of this.#mutations.keys()) {
      const mutation = keys.has(key) ? undefined : this.#mutations.get(key);
      if (mutation?.kind === 'written' && indexOf?.(mutation.object).includes(value) === true) objects.push(mutation.object);
    }
    return objects;
  }

  /** `object` is the server's answer to a write. Older than what is remembered, or of an object that was deleted since: ignored. */
  mutation(object: Frozen<T>): void {
    const { key, uid, version } = identityOf(object);
    const known = this.#mutations.get(key);
    if (known !== undefined) {
      if (version < known.version) return;
      if (known.kind === 'deleted' && (version === known.version || known.uid === uid)) return;
    }
    this.#mutations.set(key, { kind: 'written', object, uid, version }, this.#ttlMs);
  }

  /** The informer has seen `object`: what is not newer is forgotten. */
  onAddOrUpdate(object: Frozen<T>): void {
    const { key, version } = identityOf(object);
    const known = this.#mutations.get(key);
    if (known !== undefined && version >= known.version) this.#mutations.delete(key);
  }

  /** The informer has seen that `object` is gone: a late answer to a write of it must not bring it back. */
  onDelete(object: Frozen<T>): void {
    const { key, uid, version } = identityOf(object);
    const known = this.#mutations.get(key);
    if (known !== undefined && version < known.version && known.uid !== uid) return;
    this.#mutations.set(key, { kind: 'deleted', uid, version }, this.#ttlMs);
  }

  #newer(key: string, seen: Frozen<T>): Frozen<T> {
    const mutation = this.#mutations.get(key);
    if (mutation === undefined) return seen;
    if (identityOf(seen).version >= mutation.version) {
      this.#mutations.delete(key);
      return seen;
    }
    return mutation.kind === 'written' ? mutation.object : seen;
  }
}

function identityOf(object: unknown): { readonly key: string; readonly uid: string; readonly version: bigint } {
  const metadata = metaOf(object);
  const text = resourceVersionOf(object);
  return { key: metaNamespaceKey({ metadata }), uid: metadata.uid ?? '', version: /^\d+$/.test(text) ? BigInt(text) : 0n };
}
