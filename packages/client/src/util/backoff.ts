import type { Process } from '@coracle/kernel';

/** How waits grow (apimachinery util/wait Backoff). Times are in milliseconds. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly factor: number;
  readonly capMs: number;
  /** Each wait is made longer by up to this fraction of itself, so that many clients do not return at once. */
  readonly jitter: number;
  /** A wait after so long without one is the first again. Default: never. */
  readonly resetAfterMs?: number;
}

/** Growing waits with jitter (apimachinery util/wait Backoff). */
export class Backoff {
  readonly #process: Process;
  readonly #options: BackoffOptions;
  #nextMs: number;
  #lastAtMs: number | undefined;

  constructor(process: Process, options: BackoffOptions) {
    this.#process = process;
    this.#options = options;
    this.#nextMs = options.baseMs;
  }

  /** The wait to make now, in milliseconds. */
  next(): number {
    const { baseMs, factor, capMs, jitter, resetAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    const nowMs = this.#process.clock.monotonic();
    if (this.#lastAtMs !== undefined && nowMs - this.#lastAtMs > resetAfterMs) this.#nextMs = baseMs;
    this.#lastAtMs = nowMs;
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(capMs, waitMs * factor);
    return waitMs * (1 + jitter * this.#process.random.float());
  }
}
