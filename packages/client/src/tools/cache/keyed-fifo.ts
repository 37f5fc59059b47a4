import type { Frozen } from '@coracle/apimachinery';
import { Fifo } from '../../util/fifo.ts';
import { metaNamespaceKey, metaOf } from './keys.ts';
import { QueueProgress } from './queue-progress.ts';
import type { ReflectorStore } from './reflector-store.ts';

/**
 * Hands out the newest state of each key, in the order in which the keys first came (tools/cache fifo.go FIFO). Meant for consumers that
 * care for states, not for changes: a deletion takes the key out, and nobody is told.
 */
export class KeyedFifo<T> implements ReflectorStore<T> {
  readonly #keyOf: (object: Frozen<T>) => string;
  readonly #items = new Map<string, Frozen<T>>();
  // May hold keys that were deleted since: they are skipped.
  readonly #order = new Fifo<string>();
  readonly #progress = new QueueProgress();

  constructor(options: { readonly keyOf?: (object: Frozen<T>) => string } = {}) {
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
  }

  /** Keys that wait. */
  get length(): number {
    return this.#items.size;
  }

  /** The first list was popped, or the first thing that came was no list. */
  get hasSynced(): boolean {
    return this.#progress.hasSynced;
  }

  whenSynced(): Promise<void> {
    return this.#progress.whenSynced;
  }

  add(object: Frozen<T>): void {
    const key = this.#keyOf(object);
    this.#progress.populate();
    this.#put(key, object);
  }

  update(object: Frozen<T>): void {
    this.add(object);
  }

  delete(object: Frozen<T>): void {
    const key = this.#keyOf(object);
    this.#progress.populate();
    this.#items.delete(key);
  }

  replace(objects: readonly Frozen<T>[]): void {
    const items = new Map(objects.map((object) => [this.#keyOf(object), object]));
    this.#progress.populate(items.size);
    this.#items.clear();
    while (this.#order.shift() !== undefined);
    for (const [key, object] of items) this.#put(key, object);
  }

  /** Every key that waits is in the order already. */
  resync(): void {}

  /** Hands the oldest key's newest state to `process`; false when there is none. */
  pop(process: (object: Frozen<T>, isInInitialList: boolean) => void): boolean {
    for (let key = this.#order.shift(); key !== undefined; key = this.#order.shift()) {
      const isInInitialList = !this.hasSynced;
      this.#progress.popped(1);
      const object = this.#items.get(key);
      if (object === undefined) continue;
      this.#items.delete(key);
      process(object, isInInitialList);
      return true;
    }
    return false;
  }

  /** True once `pop` has something; false when the queue was closed and is empty. */
  waitForItem(): Promise<boolean> {
    return this.#progress.waitForItem(() => this.#items.size > 0);
  }

  close(): void {
    this.#progress.close();
  }

  get isClosed(): boolean {
    return this.#progress.isClosed;
  }

  #put(key: string, object: Frozen<T>): void {
    if (!this.#items.has(key)) this.#order.push(key);
    this.#items.set(key, object);
    this.#progress.wake();
  }
}
