import type { Clock, Process } from '@coracle/kernel';

/** Slows a client down. */
export interface RequestRateLimiter {
  /** Resolves when the next request may go; rejects with the signal's reason when it aborts first. */
  wait(signal?: AbortSignal): Promise<void>;
}

/** `qps` requests a second in the long run, `burst` at once (client-go util/flowcontrol tokenBucketRateLimiter). */
export class TokenBucketRateLimiter implements RequestRateLimiter {
  readonly #clock: Clock;
  readonly #qps: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** Throws RangeError unless both are positive. */
  constructor(process: Pick<Process, 'clock'>, options: { readonly qps: number; readonly burst: number }) {
    if (!(options.qps > 0) || !(options.burst >= 1))
      throw new RangeError(`qps and burst must be positive, not ${options.qps} and ${options.burst}`);
    this.#clock = process.clock;
    this.#qps = options.qps;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#atMs = process.clock.monotonic();
  }

  /** Takes a token if there is one. */
  tryAccept(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes the next token, in order of the calls. A caller that gives up returns its token. */
  async wait(signal?: AbortSignal): Promise<void> {
    this.#refill();
    this.#tokens--;
    if (this.#tokens >= 0) return;
    try {
      await this.#clock.sleep((-this.#tokens / this.#qps) * 1_000, { signal });
    } catch (error) {
      this.#tokens++;
      throw error;
    }
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) / 1_000) * this.#qps);
    this.#atMs = nowMs;
  }
}

const longWaitMs = 50;
const veryLongWaitMs = 1_000;
const logEveryMs = 10_000;

/** Waits for `limiter`, and tells of waits that a user would notice, at most one in ten seconds (client-go rest tryThrottleWithInfo). */
export class Throttle {
  readonly #process: Process;
  readonly #limiter: RequestRateLimiter;
  readonly #host: string;
  readonly #latency;
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  /** `host` is the server's, for the metric. */
  constructor(process: Process, limiter: RequestRateLimiter, host = '') {
    this.#process = process;
    this.#limiter = limiter;
    this.#host = host;
    this.#latency = process.metrics.histogram({
      name: 'rest_client_rate_limiter_duration_seconds',
      help: 'Seconds that requests waited for the rate limit of this client, by method and server.',
      labels: ['verb', 'host'],
      bounds: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60],
    });
  }

  async pass(
    request: { readonly method: string; readonly path: string },
    signal: AbortSignal | undefined,
    reason = 'client-side throttling, not priority and fairness',
  ): Promise<void> {
    const { clock, log } = this.#process;
    const startMs = clock.monotonic();
    await this.#limiter.wait(signal);
    const nowMs = clock.monotonic();
    const waitedMs = nowMs - startMs;
    this.#latency.observe(waitedMs / 1_000, request.method, this.#host);
    if (waitedMs <= longWaitMs) return;
    const fields = { delayMs: Math.round(waitedMs), reason, verb: request.method, URL: request.path };
    if (waitedMs > veryLongWaitMs && nowMs - this.#loggedAtMs >= logEveryMs) {
      this.#loggedAtMs = nowMs;
      log.info('Waited before sending request', fields);
    } else log.debug('Waited before sending request', fields);
  }
}
