import type { Process } from '@coracle/kernel';

/** One item handed out by `get`; it is being processed until `done`. */
export type Got<T> = { readonly item: T; readonly shutdown: false } | { readonly shutdown: true };

/**
 * A queue of keys to work on (client-go util/workqueue). A key that waits is in it once, however often it is added; a key
 * that is added while it is being processed waits until it is done, and is then handed out again. So one key is never
 * worked on twice at a time, and no change is lost.
 */
export interface WorkQueue<T> {
  add(item: T): void;
  readonly length: number;
  /** Waits for an item, oldest first. `shutdown` once the queue is shut down and empty. */
  get(): Promise<Got<T>>;
  /** Must follow every `get`. */
  done(item: T): void;
  /** Takes no more items; those that wait are still handed out. */
  shutDown(): void;
  readonly isShuttingDown: boolean;
}

export class Queue<T> implements WorkQueue<T> {
  readonly #process: Process;
  readonly #name: string;
  readonly #waiting: T[] = [];
  readonly #dirty = new Set<T>(); // everything that needs work: what waits, and what changed while processed
  readonly #processing = new Map<T, Disposable>();
  readonly #getters: ((got: Got<T>) => void)[] = [];
  #isShuttingDown = false;

  /** `name` appears in traces and in reports of stuck work. */
  constructor(options: { readonly process: Process; readonly name: string }) {
    this.#process = options.process;
    this.#name = options.name;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  add(item: T): void {
    if (this.#isShuttingDown || this.#dirty.has(item)) return;
    this.#dirty.add(item);
    if (!this.#processing.has(item)) this.#offer(item);
  }

  get(): Promise<Got<T>> {
    return new Promise((resolve) => {
      this.#getters.push(resolve);
      this.#dispatch();
    });
  }

  done(item: T): void {
    this.#processing.get(item)?.[Symbol.dispose]();
    this.#processing.delete(item);
    if (this.#dirty.has(item)) this.#offer(item);
  }

  shutDown(): void {
    this.#isShuttingDown = true;
    this.#dispatch();
  }

  #offer(item: T): void {
    this.#waiting.push(item);
    this.#dispatch();
  }

  /** Hands out in a step of its own: which worker runs when is a choice of the runtime. */
  #dispatch(): void {
    while (this.#getters.length > 0) {
      const item = this.#waiting.shift();
      if (item === undefined) {
        if (this.#isShuttingDown) for (const getter of this.#getters.splice(0)) getter({ shutdown: true });
        return;
      }
      const getter = this.#getters.shift();
      this.#dirty.delete(item);
      this.#processing.set(item, this.#process.busy(`${this.#name}: ${String(item)}`));
      this.#process.post({ lane: `worker ${this.#name}`, op: 'get', key: String(item) }, () => {
        getter?.({ item, shutdown: false });
      });
    }
  }
}
