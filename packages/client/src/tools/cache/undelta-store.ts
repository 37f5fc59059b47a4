import type { Frozen } from '@coracle/apimachinery';
import { Store, type StoreOptions } from './indexer.ts';
import type { ReflectorStore } from './reflector-store.ts';

/**
 * Turns changes back into whole states: after each write `push` is given everything that is stored (tools/cache undelta_store.go). For
 * consumers that take a full configuration.
 */
export class UndeltaStore<T> implements ReflectorStore<T> {
  readonly #store: Store<T>;
  readonly #push: (objects: readonly Frozen<T>[]) => void;

  constructor(push: (objects: readonly Frozen<T>[]) => void, options: Pick<StoreOptions<T>, 'keyOf'> = {}) {
    this.#store = new Store(options);
    this.#push = push;
  }

  add(object: Frozen<T>): void {
    this.#store.add(object);
    this.#push(this.#store.list());
  }

  update(object: Frozen<T>): void {
    this.#store.update(object);
    this.#push(this.#store.list());
  }

  delete(object: Frozen<T>): void {
    this.#store.delete(object);
    this.#push(this.#store.list());
  }

  replace(objects: readonly Frozen<T>[], resourceVersion = ''): void {
    this.#store.replace(objects, resourceVersion);
    this.#push(this.#store.list());
  }

  resync(): void {}

  list(): readonly Frozen<T>[] {
    return this.#store.list();
  }

  listKeys(): readonly string[] {
    return this.#store.listKeys();
  }

  get(object: Frozen<T>): Frozen<T> | undefined {
    return this.#store.get(object);
  }

  getByKey(key: string): Frozen<T> | undefined {
    return this.#store.getByKey(key);
  }
}
