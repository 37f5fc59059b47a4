import type { Clock } from '@coracle/kernel';

/** Errors farther apart than this belong to different troubles. */
const minResetMs = 60_000;

/**
 * Says whether to try again after errors that usually pass, until they have gone on for too long (tools/cache retry_with_deadline.go).
 */
export class RetryWithDeadline {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #maxRetryMs: number;
  readonly #isRetryable: (error: unknown) => boolean;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  /** `maxRetryMs` 0: never try again. */
  constructor(options: {
    readonly clock: Pick<Clock, 'monotonic'>;
    readonly maxRetryMs: number;
    readonly isRetryable: (error: unknown) => boolean;
  }) {
    this.#clock = options.clock;
    this.#maxRetryMs = options.maxRetryMs;
    this.#isRetryable = options.isRetryable;
  }

  /** Takes note of an error. */
  after(error: unknown): void {
    if (!this.#isRetryable(error)) return;
    const nowMs = this.#clock.monotonic();
    if (this.#lastMs !== undefined && nowMs - this.#lastMs >= minResetMs) this.#firstMs = undefined;
    this.#firstMs ??= nowMs;
    this.#lastMs = nowMs;
  }

  /** False once the first error of the row is too long ago; the next one begins a new row. */
  shouldRetry(): boolean {
    if (this.#maxRetryMs <= 0) return false;
    if (this.#firstMs !== undefined && this.#clock.monotonic() - this.#firstMs <= this.#maxRetryMs) return true;
    this.#firstMs = undefined;
    this.#lastMs = undefined;
    return false;
  }
}
