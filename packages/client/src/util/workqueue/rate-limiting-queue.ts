import { DelayingQueue } from './delaying-queue.ts';
import type { Got, QueueOptions, WorkQueue } from './queue.ts';
import { defaultControllerRateLimiter, type RateLimiter } from './rate-limiter.ts';

/** What a `RateLimitingQueue` is made with. */
export interface RateLimitingQueueOptions<T> extends QueueOptions<T> {
  /** Default: `defaultControllerRateLimiter`. */
  readonly rateLimiter?: RateLimiter<T>;
}

/** A queue whose items come back after the wait that their failures have earned (client-go util/workqueue rate_limiting_queue.go). */
export class RateLimitingQueue<T> implements WorkQueue<T> {
  readonly #queue: DelayingQueue<T>;
  readonly #limiter: RateLimiter<T>;

  constructor(options: RateLimitingQueueOptions<T>) {
    this.#queue = new DelayingQueue(options);
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

  tryGet(): Got<T> | undefined {
    return this.#queue.tryGet();
  }

  done(item: T): void {
    this.#queue.done(item);
  }

  shutDown(): void {
    this.#queue.shutDown();
  }

  shutDownWithDrain(): Promise<void> {
    return this.#queue.shutDownWithDrain();
  }

  /** Adds after `ms`; of several waits of one item the one that ends first counts. Not positive: now. */
  addAfter(item: T, ms: number): void {
    this.#queue.addAfter(item, ms);
  }

  /** Adds after the wait that the rate limiter gives. */
  addRateLimited(item: T): void {
    this.#queue.addAfter(item, this.#limiter.when(item));
  }

  /** The item succeeded: its next failure counts as the first. */
  forget(item: T): void {
    this.#limiter.forget(item);
  }

  numRequeues(item: T): number {
    return this.#limiter.retries(item);
  }
}
