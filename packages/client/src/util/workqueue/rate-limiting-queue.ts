import { Heap, type Process } from '@coracle/kernel';
import { type Got, Queue, type WorkQueue } from './queue.ts';
import { defaultControllerRateLimiter, type RateLimiter } from './rate-limiter.ts';

interface Waiting<T> {
  readonly item: T;
  atMs: number;
  cancelled: boolean;
}

/**
 * A queue whose items can be added later, or after the wait that their failures have earned (client-go util/workqueue
 * delaying_queue.go, rate_limiting_queue.go).
 */
export class RateLimitingQueue<T> implements WorkQueue<T> {
  readonly #queue: Queue<T>;
  readonly #process: Process;
  readonly #limiter: RateLimiter<T>;
  readonly #waiting = new Heap<Waiting<T>>((a, b) => a.atMs < b.atMs);
  readonly #byItem = new Map<T, Waiting<T>>();
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;

  constructor(options: { readonly process: Process; readonly name: string; readonly rateLimiter?: RateLimiter<T> }) {
    this.#queue = new Queue(options);
    this.#process = options.process;
    this.#limiter = options.rateLimiter ?? defaultControllerRateLimiter(options.process.clock);
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

  /** What waits for its time is not worth the wait when nobody will work on it. */
  #dropWaiting(): void {
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
    this.#byItem.clear();
    while (this.#waiting.pop() !== undefined);
  }

  /** Adds after `ms`; of several waits of one item the shortest counts. Not positive: now. */
  addAfter(item: T, ms: number): void {
    if (this.isShuttingDown) return;
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
    this.#arm();
  }

  /** Adds after the wait that the rate limiter gives. */
  addRateLimited(item: T): void {
    this.#queue.retried();
    this.addAfter(item, this.#limiter.when(item));
  }

  /** The item succeeded: its next failure counts as the first. */
  forget(item: T): void {
    this.#limiter.forget(item);
  }

  numRequeues(item: T): number {
    return this.#limiter.retries(item);
  }

  /** One timer, for the earliest item. */
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
