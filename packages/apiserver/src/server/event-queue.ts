/** Why a queue ended: its consumer went away, its producer finished, or the consumer was too slow. */
export type QueueEnd = 'finished' | 'cancelled' | 'overflow';

/**
 * A bounded queue between a producer that must not wait and one consumer that iterates batches. What arrives while the
 * consumer works is given to it in one batch. When `limit` items wait the queue ends with 'overflow': a slow watcher is
 * closed, never buffered without bound.
 */
export class EventQueue<T> implements AsyncIterable<readonly T[]> {
  readonly #limit: number;
  readonly #onEnd: (why: QueueEnd) => void;
  #items: T[] = [];
  /** How many of the items that wait were there from the start. */
  #started = 0;
  #ended: QueueEnd | undefined;
  #wake: (() => void) | undefined;

  constructor(options: { readonly limit: number; readonly onEnd?: (why: QueueEnd) => void }) {
    this.#limit = options.limit;
    this.#onEnd = options.onEnd ?? (() => {});
  }

  get size(): number {
    return this.#items.length;
  }

  /** What the queue starts with: not bounded by the limit, since it is one list that exists already. */
  start(items: readonly T[]): void {
    for (const item of items) this.#items.push(item); // a spread would overflow the stack
    this.#started = this.#items.length;
  }

  push(items: readonly T[]): void {
    if (this.#ended !== undefined) return;
    const waiting = this.#items.length - this.#started;
    if (waiting + items.length > this.#limit && this.#items.length > 0) {
      this.#items = [];
      this.end('overflow');
      return;
    }
    for (const item of items) this.#items.push(item);
    this.#signal();
  }

  /** What was pushed before is still delivered, except after a cancel or an overflow. */
  end(why: QueueEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    if (why === 'cancelled') this.#items = [];
    this.#onEnd(why);
    this.#signal();
  }

  /** Not a generator: those take three promises for each batch. */
  [Symbol.asyncIterator](): AsyncIterator<readonly T[], undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.end('cancelled');
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<readonly T[], undefined>> {
    if (this.#items.length > 0) {
      const batch = this.#items;
      this.#items = [];
      this.#started = 0;
      return Promise.resolve({ done: false, value: batch });
    }
    if (this.#ended !== undefined) return Promise.resolve({ done: true, value: undefined });
    // What is pushed before the consumer comes to run is one batch.
    return new Promise<void>((resolve) => this.#park(resolve)).then(() => this.#next());
  }

  #park(resolve: () => void): void {
    this.#wake = resolve;
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
