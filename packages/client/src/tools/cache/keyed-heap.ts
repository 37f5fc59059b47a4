import { QueueProgress } from './queue-progress.ts';

interface Item<T> {
  readonly key: string;
  value: T;
  index: number;
}

/**
 * A heap that knows its values by key (tools/cache heap.go): adding a key again puts its new value into its place. `less` must be a strict
 * order; equal values come out in no particular one. Nothing can be added once it is closed.
 */
export class KeyedHeap<T> {
  readonly #keyOf: (value: T) => string;
  readonly #less: (a: T, b: T) => boolean;
  // Invariant: `#items[i].index === i`, and each of them is in `#byKey`.
  readonly #items: Item<T>[] = [];
  readonly #byKey = new Map<string, Item<T>>();
  readonly #progress = new QueueProgress();

  constructor(options: { readonly keyOf: (value: T) => string; readonly less: (a: T, b: T) => boolean }) {
    this.#keyOf = options.keyOf;
    this.#less = options.less;
  }

  get size(): number {
    return this.#items.length;
  }

  get isClosed(): boolean {
    return this.#progress.isClosed;
  }

  /** Throws once the heap is closed. */
  add(...values: readonly T[]): void {
    this.#assertOpen();
    for (const value of values) this.#put(value);
    this.#progress.wake();
  }

  /** Does nothing when the key is there. Throws once the heap is closed. */
  addIfNotPresent(value: T): void {
    this.#assertOpen();
    if (!this.#byKey.has(this.#keyOf(value))) this.add(value);
  }

  /** Throws RangeError for what is not there. */
  delete(value: T): void {
    const item = this.#byKey.get(this.#keyOf(value));
    if (item === undefined) throw new RangeError(`Cannot delete "${this.#keyOf(value)}": it is not in the heap`);
    this.#remove(item);
  }

  getByKey(key: string): T | undefined {
    return this.#byKey.get(key)?.value;
  }

  /** The value under the key of `value`. */
  get(value: T): T | undefined {
    return this.getByKey(this.#keyOf(value));
  }

  list(): readonly T[] {
    return this.#items.map(({ value }) => value);
  }

  listKeys(): readonly string[] {
    return [...this.#byKey.keys()];
  }

  /** The least value; undefined when there is none. */
  tryPop(): T | undefined {
    const [least] = this.#items;
    if (least !== undefined) this.#remove(least);
    return least?.value;
  }

  /** Waits for a value; undefined once the heap is closed and empty. */
  async pop(): Promise<T | undefined> {
    return (await this.#progress.waitForItem(() => this.#items.length > 0)) ? this.tryPop() : undefined;
  }

  close(): void {
    this.#progress.close();
  }

  #assertOpen(): void {
    if (this.isClosed) throw new Error('Cannot add to the heap: it is closed');
  }

  #put(value: T): void {
    const key = this.#keyOf(value);
    let item = this.#byKey.get(key);
    if (item === undefined) {
      item = { key, value, index: this.#items.length };
      this.#byKey.set(key, item);
      this.#items.push(item);
    } else item.value = value;
    this.#settle(item);
  }

  #remove(item: Item<T>): void {
    this.#byKey.delete(item.key);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#set(item.index, last);
    this.#settle(last);
  }

  #set(index: number, item: Item<T>): void {
    item.index = index;
    this.#items[index] = item;
  }

  /** Moves `item` up or down to where it belongs. */
  #settle(item: Item<T>): void {
    for (;;) {
      const parent = this.#items[(item.index - 1) >> 1];
      if (item.index === 0 || parent === undefined || !this.#less(item.value, parent.value)) break;
      const index = parent.index;
      this.#set(item.index, parent);
      this.#set(index, item);
    }
    for (;;) {
      const left = this.#items[2 * item.index + 1];
      const right = this.#items[2 * item.index + 2];
      const child = left !== undefined && right !== undefined && this.#less(right.value, left.value) ? right : left;
      if (child === undefined || !this.#less(child.value, item.value)) return;
      const index = child.index;
      this.#set(item.index, child);
      this.#set(index, item);
    }
  }
}
