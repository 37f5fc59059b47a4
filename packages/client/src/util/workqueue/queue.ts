import type { Process } from '@coracle/kernel';
import { Fifo } from '../fifo.ts';
import { QueueMetrics } from './queue-metrics.ts';

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
  /** As `shutDown`; resolves when everything was handed out and is done. A later `shutDown` ends the wait. */
  shutDownWithDrain(): Promise<void>;
  readonly isShuttingDown: boolean;
}

export class Queue<T> implements WorkQueue<T> {
  readonly #process: Process;
  readonly #name: string;
  readonly #waiting = new Fifo<T>();
  readonly #dirty = new Set<T>(); // everything that needs work: what waits, and what changed while processed
  readonly #processing = new Map<T, Disposable>();
  readonly #getters: ((got: Got<T>) => void)[] = [];
  readonly #drainers: (() => void)[] = [];
  readonly #metrics: QueueMetrics<T>;
  #isShuttingDown = false;

  /** `name` appears in traces and in reports of stuck work. */
  constructor(options: { readonly process: Process; readonly name: string }) {
    this.#process = options.process;
    this.#name = options.name;
    this.#metrics = new QueueMetrics(options.process, options.name);
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
    this.#metrics.added(item);
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
    this.#metrics.done(item);
    if (this.#dirty.has(item)) this.#offer(item);
    if (this.#isDrained()) for (const drained of this.#drainers.splice(0)) drained();
  }

  shutDown(): void {
    this.#isShuttingDown = true;
    this.#dispatch();
    for (const drained of this.#drainers.splice(0)) drained();
  }

  shutDownWithDrain(): Promise<void> {
    this.shutDown();
    return new Promise((resolve) => {
      if (this.#isDrained()) resolve();
      else this.#drainers.push(resolve);
    });
  }

  /** Tells the metrics that an item comes back after a failure. */
  retried(): void {
    this.#metrics.retried();
  }

  #isDrained(): boolean {
    return this.#processing.size === 0 && this.#waiting.length === 0;
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
      this.#metrics.taken(item);
      this.#processing.set(item, this.#process.busy(`${this.#name}: ${String(item)}`));
      this.#process.post({ lane: `worker ${this.#name}`, op: 'get', key: String(item) }, () => {
        getter?.({ item, shutdown: false });
      });
    }
  }
}
