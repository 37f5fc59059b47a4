import { Fifo } from './fifo.ts';

/** Values from who has them when they come to who asks for the next one; without a bound, like the queues of informers. */
export class EventChannel<T> {
  readonly #values = new Fifo<T>();
  #isClosed = false;
  #wake: (() => void) | undefined;

  push(value: T): void {
    if (this.#isClosed) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** What was pushed before is still given out. */
  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Until it is closed and empty. For one reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const value = this.#values.shift();
      if (value !== undefined) yield value;
      else if (this.#isClosed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
