import type { Clock } from '@coracle/kernel';

/** How long an item waits before its next try (client-go util/workqueue, default_rate_limiters.go). */
export interface RateLimiter<T> {
  /** Milliseconds to wait now; counts as a failure of the item. */
  when(item: T): number;
  /** The item succeeded: the next failure counts as the first. */
  forget(item: T): void;
  retries(item: T): number;
}

/** `baseMs` × 2^failures, at most `maxMs`, for each item by itself. */
export class ItemExponentialFailureRateLimiter<T> implements RateLimiter<T> {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #failures = new Map<T, number>();

  constructor(baseMs: number, maxMs: number) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  when(item: T): number {
    const failures = this.#failures.get(item) ?? 0;
    this.#failures.set(item, failures + 1);
    return Math.min(this.#maxMs, this.#baseMs * 2 ** failures);
  }

  forget(item: T): void {
    this.#failures.delete(item);
  }

  retries(item: T): number {
    return this.#failures.get(item) ?? 0;
  }
}

/** `fastMs` for the first `maxFastAttempts` failures of an item, `slowMs` for those after. */
export class ItemFastSlowRateLimiter<T> implements RateLimiter<T> {
  readonly #fastMs: number;
  readonly #slowMs: number;
  readonly #maxFastAttempts: number;
  readonly #failures = new Map<T, number>();

  constructor(options: { readonly fastMs: number; readonly slowMs: number; readonly maxFastAttempts: number }) {
    this.#fastMs = options.fastMs;
    this.#slowMs = options.slowMs;
    this.#maxFastAttempts = options.maxFastAttempts;
  }

  when(item: T): number {
    const failures = this.retries(item) + 1;
    this.#failures.set(item, failures);
    return failures <= this.#maxFastAttempts ? this.#fastMs : this.#slowMs;
  }

  forget(item: T): void {
    this.#failures.delete(item);
  }

  retries(item: T): number {
    return this.#failures.get(item) ?? 0;
  }
}

/** A token bucket over all items: `perSecond` on average, `burst` at once. */
export class BucketRateLimiter<T> implements RateLimiter<T> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(options: { readonly clock: Pick<Clock, 'monotonic'>; readonly perSecond: number; readonly burst: number }) {
    this.#clock = options.clock;
    this.#perSecond = options.perSecond;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#atMs = options.clock.monotonic();
  }

  when(_item: T): number {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1000) - 1;
    this.#atMs = nowMs;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / this.#perSecond;
  }

  forget(): void {}

  retries(): number {
    return 0;
  }
}

/** The longest wait of several. */
export class MaxOfRateLimiter<T> implements RateLimiter<T> {
  readonly #limiters: readonly RateLimiter<T>[];

  constructor(...limiters: readonly RateLimiter<T>[]) {
    this.#limiters = limiters;
  }

  when(item: T): number {
    return Math.max(0, ...this.#limiters.map((limiter) => limiter.when(item)));
  }

  forget(item: T): void {
    for (const limiter of this.#limiters) limiter.forget(item);
  }

  retries(item: T): number {
    return Math.max(0, ...this.#limiters.map((limiter) => limiter.retries(item)));
  }
}

/** Another limiter's waits, none of them longer than `maxMs`. */
export class WithMaxWaitRateLimiter<T> implements RateLimiter<T> {
  readonly #limiter: RateLimiter<T>;
  readonly #maxMs: number;

  constructor(limiter: RateLimiter<T>, maxMs: number) {
    this.#limiter = limiter;
    this.#maxMs = maxMs;
  }

  when(item: T): number {
    return Math.min(this.#maxMs, this.#limiter.when(item));
  }

  forget(item: T): void {
    this.#limiter.forget(item);
  }

  retries(item: T): number {
    return this.#limiter.retries(item);
  }
}

/** For each item by itself: 1 ms doubling to 1,000 s. */
export function defaultItemBasedRateLimiter<T>(): RateLimiter<T> {
  return new ItemExponentialFailureRateLimiter<T>(1, 1_000_000);
}

/** Upstream's default: 5 ms doubling to 1,000 s for each item, and 10 per second with bursts of 100 over all. */
export function defaultControllerRateLimiter<T>(clock: Pick<Clock, 'monotonic'>): RateLimiter<T> {
  return new MaxOfRateLimiter<T>(
    new ItemExponentialFailureRateLimiter<T>(5, 1_000_000),
    new BucketRateLimiter<T>({ clock, perSecond: 10, burst: 100 }),
  );
}
