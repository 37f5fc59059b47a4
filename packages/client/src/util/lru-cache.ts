interface Entry<V> {
  readonly value: V;
  readonly expiresMs: number;
}

/**
 * Remembers the values that were used last (apimachinery util/cache LRUExpireCache, utils/lru). Holds at most `limit` of them; the one
 * whose use is longest ago goes first.
 */
export class LruCache<K, V> {
  readonly #limit: number;
  readonly #nowMs: () => number;
  // Oldest use first.
  readonly #entries = new Map<K, Entry<V>>();

  /** `nowMs` is needed only where entries expire. Throws RangeError unless `limit` is a positive integer. */
  constructor(limit: number, nowMs: () => number = () => 0) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`Cannot make a cache of ${limit} entries`);
    this.#limit = limit;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Counts as a use. Undefined for what was never set, went, or expired. */
  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresMs <= this.#nowMs()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** `ttlMs`: how long from now on it is remembered at most. */
  set(key: K, value: V, ttlMs: number = Number.POSITIVE_INFINITY): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresMs: this.#nowMs() + ttlMs });
    if (this.#entries.size <= this.#limit) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  /** Keys of what did not expire, oldest use first. */
  keys(): K[] {
    const nowMs = this.#nowMs();
    return [...this.#entries].filter(([, entry]) => entry.expiresMs > nowMs).map(([key]) => key);
  }
}
