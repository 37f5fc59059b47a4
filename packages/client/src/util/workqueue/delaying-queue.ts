import { Heap, type Process } from '@coracle/kernel';
import { type Got, Queue, type QueueOptions, type WorkQueue } from './queue.ts';

interface Waiting<T> {
  readonly item: T;
  readonly atMs: number;
  cancelled: boolean;
}

/** A queue whose items can be added later (client-go util/workqueue delaying_queue.go). One timer serves all that wait. */
export class DelayingQueue<T> implements WorkQueue<T> {
  readonly #queue: Queue<T>;
  readonly #process: Process;
  readonly #waiting = new Heap<Waiting<T>>((a, b) => a.atMs < b.atMs);
  readonly #byItem = new Map<T, Waiting<T>>();
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;

  constructor(options: QueueOptions<T>) {
    this.#queue = new Queue(options);
    this.#process = options.process;
  }

  get length(): number {
    return this.#queue.length;
  }

  get isShuttingDown(): boolean {
    return this.#queue.isShuttingDown;
  }

  add(item: T): void {
    this.#queue.add(item);
  }

  get(): Promise<Got<T>> {
    return this.#queue.get();
  }

  tryGet(): Got<T> | undefined {
    return this.#queue.tryGet();
  }

  done(item: T): void {
    this.#queue.done(item);
  }

  shutDown(): void {
    this.#dropWaiting();
    this.#queue.shutDown();
  }

  shutDownWithDrain(): Promise<void> {
    this.#dropWaiting();
    return this.#queue.shutDownWithDrain();
  }

  /** Adds after `ms`; of several waits of one item the one that ends first counts. Not positive: now. */
  addAfter(item: T, ms: number): void {
    if (this.isShuttingDown) return;
    this.#queue.retried();
    if (ms <= 0) {
      this.add(item);
      return;
    }
    const atMs = this.#process.clock.monotonic() + ms;
    const known = this.#byItem.get(item);
    if (known !== undefined) {
      if (known.atMs <= atMs) return;
      known.cancelled = true;
    }
    const waiting = { item, atMs, cancelled: false };
    this.#byItem.set(item, waiting);
    this.#waiting.push(waiting);
    // The heap may hold as many cancelled waits as real ones, not more: an item that is put off again and again costs nothing.
    if (this.#waiting.size > 2 * this.#byItem.size + 16) this.#waiting.retain((each) => !each.cancelled);
    this.#arm();
  }

  /** What waits for its time is not worth the wait when nobody will work on it. */
  #dropWaiting(): void {
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
    this.#byItem.clear();
    this.#waiting.retain(() => false);
  }

  #arm(): void {
    let next = this.#waiting.peek();
    while (next?.cancelled === true) {
      this.#waiting.pop();
      next = this.#waiting.peek();
    }
    if (next === undefined || (this.#timer !== undefined && this.#timer.atMs <= next.atMs)) return;
    this.#timer?.handle[Symbol.dispose]();
    const inMs = next.atMs - this.#process.clock.monotonic();
    this.#timer = { atMs: next.atMs, handle: this.#process.clock.timer(inMs, () => this.#fire()) };
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.#process.clock.monotonic();
    for (let next = this.#waiting.peek(); next !== undefined && (next.cancelled || next.atMs <= nowMs); next = this.#waiting.peek()) {
      this.#waiting.pop();
      if (next.cancelled) continue;
      this.#byItem.delete(next.item);
      this.add(next.item);
    }
    this.#arm();
  }
}
