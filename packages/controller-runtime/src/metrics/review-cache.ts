import { createHmac } from 'node:crypto';
import { isInternalError, isTimeout, isTooManyRequests, suggestedDelaySeconds, TransportError } from '@coracle/apimachinery';
import { LruCache, retryOnError } from '@coracle/client';
import { type Process, TimeoutError, unlessAborted } from '@coracle/kernel';

/** How an API server is asked, and how long its answers count. */
export interface ReviewCacheOptions<Answer> {
  readonly process: Process;
  /** What is asked for, for traces. */
  readonly name: string;
  /** How long an answer counts, in milliseconds. */
  ttlMs(answer: Answer): number;
}

// Upstream remembers as many decisions, and tokens without a bound.
const mostAnswers = 8_192;
// Of all tries together. Upstream's bound for tokens; for a decision it waits as long as the caller does.
const mostMs = 10_000;
const backoff = { steps: 5, baseMs: 500, factor: 1.5, capMs: Number.POSITIVE_INFINITY, jitter: 0.2 };

/**
 * Answers of an API server to questions that come again and again: each is asked once, however many wait for it, tried anew where the
 * server says so (apiserver pkg/util/webhook), and kept for a time. Failures are not kept.
 */
export class ReviewCache<Answer> {
  readonly #options: ReviewCacheOptions<Answer>;
  readonly #answers: LruCache<string, Answer>;
  readonly #asked = new Map<string, Promise<Answer>>();
  #secret: Uint8Array | undefined;

  constructor(options: ReviewCacheOptions<Answer>) {
    const { clock } = options.process;
    this.#options = options;
    this.#answers = new LruCache(mostAnswers, () => clock.monotonic());
  }

  /** `signal` ends the wait; who else waits is not disturbed. Throws what the last try threw. */
  async answer(question: string, ask: (signal: AbortSignal) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    const key = this.#keyOf(question);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = this.#ask(key, ask);
      this.#asked.set(key, asked);
    }
    return unlessAborted(asked, signal);
  }

  #ask(key: string, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const { process, name, ttlMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    process.spawn(name, async (stopped) => {
      using deadline = process.clock.deadline(mostMs, { signal: stopped });
      const { signal } = deadline;
      try {
        const answer = await retryOnError(process, { ...backoff, signal }, isWorthAnotherTry, () => unlessAborted(ask(signal), signal));
        this.#answers.set(key, answer, ttlMs(answer));
        resolve(answer);
      } catch (error) {
        reject(error);
      } finally {
        this.#asked.delete(key);
      }
    });
    return promise;
  }

  /** Of one length, and no token is kept in memory (apiserver pkg/authentication/token/cache). */
  #keyOf(question: string): string {
    this.#secret ??= this.#options.process.random.bytes(32);
    return createHmac('sha256', this.#secret).update(question).digest('base64');
  }
}

/** The connection broke, or the server wants it (webhook.DefaultShouldRetry). */
function isWorthAnotherTry(error: unknown): boolean {
  if (error instanceof TransportError) return error.executed === 'unknown' && !(error.cause instanceof TimeoutError);
  return isInternalError(error) || isTimeout(error) || isTooManyRequests(error) || suggestedDelaySeconds(error) !== undefined;
}
