import type { Frozen } from '@coracle/apimachinery';
import type { Clock } from '@coracle/kernel';
import { metaNamespaceKey, metaOf } from './keys.ts';

interface Stamped<T> {
  readonly object: Frozen<T>;
  readonly atMs: number;
}

/** Says when an entry is too old; `ageMs` since it was last added. */
export type ExpirationPolicy = (ageMs: number) => boolean;

/** Entries expire `ttlMs` after they were last added; 0: never. */
export function ttlPolicy(ttlMs: number): ExpirationPolicy {
  return (ageMs) => ttlMs > 0 && ageMs > ttlMs;
}

/**
 * A store whose objects vanish when they are too old (tools/cache expiration_cache.go). They go when somebody reads them; nothing runs in
 * the background, so `listKeys` may name one that has expired.
 */
export class ExpirationCache<T> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #isExpired: ExpirationPolicy;
  readonly #keyOf: (object: Frozen<T>) => string;
  readonly #entries = new Map<string, Stamped<T>>();

  constructor(options: {
    readonly clock: Pick<Clock, 'monotonic'>;
    readonly policy: ExpirationPolicy;
    readonly keyOf?: (object: Frozen<T>) => string;
  }) {
    this.#clock = options.clock;
    this.#isExpired = options.policy;
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
  }

  add(object: Frozen<T>): void {
    this.#entries.set(this.#keyOf(object), { object, atMs: this.#clock.monotonic() });
  }

  update(object: Frozen<T>): void {
    this.add(object);
  }

  delete(object: Frozen<T>): void {
    this.#entries.delete(this.#keyOf(object));
  }

  replace(objects: readonly Frozen<T>[]): void {
    const entries = objects.map((object): [string, Frozen<T>] => [this.#keyOf(object), object]);
    const atMs = this.#clock.monotonic();
    this.#entries.clear();
    for (const [key, object] of entries) this.#entries.set(key, { object, atMs });
  }

  get(object: Frozen<T>): Frozen<T> | undefined {
    return this.getByKey(this.#keyOf(object));
  }

  getByKey(key: string): Frozen<T> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || !this.#isExpired(this.#clock.monotonic() - entry.atMs)) return entry?.object;
    this.#entries.delete(key);
    return undefined;
  }

  list(): readonly Frozen<T>[] {
    return this.listKeys().flatMap((key) => this.getByKey(key) ?? []);
  }

  listKeys(): readonly string[] {
    return [...this.#entries.keys()];
  }
}
