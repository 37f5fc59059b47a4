import type { RateLimiter } from '@coracle/client';
import { firstAborted, type LogFields, type Logger, type Process, type Task, unlessAborted } from '@coracle/kernel';
import { ControllerMetrics, type Outcome } from './controller-metrics.ts';
import type { RequestQueue } from './event-handler.ts';
import {
  defaultErrorPolicy,
  type ErrorPolicy,
  isPanic,
  type ReconcileContext,
  type Reconciler,
  type Request,
  type Result,
} from './reconcile.ts';
import { fifoReconcileQueue, priorityReconcileQueue, type ReconcileQueue } from './reconcile-queue.ts';
import type { RequestType } from './request-type.ts';
import type { Source } from './source.ts';

/** How a controller works (pkg/controller Options). */
export interface ControllerOptions<R = Request> {
  /** Objects reconciled at a time; never one of them twice. Default 1. Throws RangeError unless it is a positive integer. */
  readonly maxConcurrentReconciles?: number;
  /** How long a request waits after each failure. Default: 5 ms doubling to 1,000 s for each by itself. */
  readonly rateLimiter?: RateLimiter<string>;
  /** Default true, as upstream: what was there at the start, and what a resync brings, waits behind new changes. */
  readonly usePriorityQueue?: boolean;
  /** Aborts the signal of a reconcile that takes longer; the reconciler has to heed it. Default 0: none. Throws RangeError below 0. */
  readonly reconciliationTimeoutMs?: number;
  /** How long the first list of each source may take. Default: the manager's, 2 minutes. */
  readonly cacheSyncTimeoutMs?: number;
  /** Whether it works only while the manager leads. Its sources fill the queue before that, in any case. Default true. */
  readonly needLeaderElection?: boolean;
  /** What to do after each throw. Default: try again, except after a TerminalError. */
  readonly errorPolicy?: ErrorPolicy<R>;
  /** False: a throw that is a bug (`isPanic`) ends the manager, whatever the policy says. Default true. */
  readonly recoverPanic?: boolean;
  /** Instead of the process's. */
  readonly log?: Logger;
}

/** All that a controller is made of; `ControllerBuilder` puts it together. */
export interface ControllerConfig<R = Request> extends ControllerOptions<R> {
  readonly process: Process;
  /** Names queue, logs and metrics. */
  readonly name: string;
  /** `objectRequests`, unless requests are something else than names of objects. */
  readonly requests: RequestType<R>;
  readonly sources: readonly Source<R>[];
  readonly reconciler: Reconciler<R>;
}

/** How much longer than its limit a source may take to say that it was reached. */
const guardMs = 1_000;

/**
 * The loop of one controller (pkg/internal/controller): sources put requests into a queue, workers take them and reconcile. Its
 * handlers are tied when it is made, so that the queue fills before it leads (upstream only with EnableWarmup), and it works in `run`.
 */
export class Controller<R = Request> implements RequestQueue<R> {
  readonly name: string;
  readonly phase: 'always' | 'leading';
  readonly #sources: Source<R>[];
  readonly #config: ControllerConfig<R>;
  readonly #process: Process;
  readonly #queue: ReconcileQueue;
  readonly #workers: number;
  readonly #errorPolicy: ErrorPolicy<R>;
  readonly #log: Logger;
  readonly #metrics: ControllerMetrics;
  // Of a key the last wish to come back: its timer.
  readonly #waiting = new Map<string, Disposable>();
  readonly #failed = new AbortController();
  // Of the run; aborted for ever when that has ended.
  #signal: AbortSignal | undefined;

  constructor(config: ControllerConfig<R>) {
    const { process, name, maxConcurrentReconciles: workers = 1, usePriorityQueue = true, reconciliationTimeoutMs = 0 } = config;
    if (!Number.isInteger(workers) || workers < 1) throw new RangeError(`Cannot reconcile ${workers} objects at a time`);
    if (!(reconciliationTimeoutMs >= 0)) throw new RangeError(`Cannot reconcile for ${reconciliationTimeoutMs} ms at most`);
    this.name = name;
    this.phase = config.needLeaderElection === false ? 'always' : 'leading';
    this.#config = config;
    this.#process = process;
    this.#workers = workers;
    this.#errorPolicy = config.errorPolicy ?? defaultErrorPolicy;
    this.#log = config.log ?? process.log;
    this.#queue = (usePriorityQueue ? priorityReconcileQueue : fifoReconcileQueue)({ process, name, rateLimiter: config.rateLimiter });
    this.#metrics = new ControllerMetrics(process, name, workers);
    this.#sources = [...config.sources];
    for (const source of this.#sources) source.start(this);
  }

  /** Requests that wait for a worker. */
  get length(): number {
    return this.#queue.length;
  }

  add(request: R, options: { readonly priority?: number; readonly afterMs?: number } = {}): void {
    this.#queue.add(this.#config.requests.format(request), options);
  }

  /**
   * Takes requests from one more source, while it works too: of a kind that was not there before, for example. Resolves at once before
   * `run`, which waits for it then; later, when all that there is at the start is in the queue. Throws as `run`, and Error when it has
   * ended.
   */
  async watch(source: Source<R>): Promise<void> {
    if (this.#signal?.aborted === true) throw new Error(`Cannot watch in controller "${this.name}": it has ended`);
    source.start(this);
    const number = this.#sources.push(source);
    if (this.#signal !== undefined) await this.#synced(source, number, this.#signal);
  }

  /**
   * Waits for its sources, then works until `signal` aborts; resolves when the last reconcile has ended. Throws CacheSyncError for a
   * source that does not come in time, what the error policy says is to stop the program, and Error when it was run before.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#signal !== undefined) throw new Error(`Cannot run controller "${this.name}": it was started before`);
    using first = firstAborted(signal, this.#failed.signal);
    this.#signal = first.signal;
    const shutDown = (): void => this.#queue.shutDown();
    if (first.signal.aborted) shutDown();
    else first.signal.addEventListener('abort', shutDown, { once: true });
    try {
      await Promise.all(this.#sources.map((source, i) => this.#synced(source, i + 1, first.signal)));
      await this.#work(first.signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      shutDown();
      this.#signal = AbortSignal.abort();
      for (const timer of this.#waiting.values()) timer[Symbol.dispose]();
      this.#waiting.clear();
    }
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
  }

  /** A source has to keep its time itself, as it can say what did not come; one that does not is not waited for without end. */
  async #synced(source: Source<R>, number: number, signal: AbortSignal): Promise<void> {
    const { cacheSyncTimeoutMs: timeoutMs } = this.#config;
    if (timeoutMs === undefined) return source.synced({ signal });
    using deadline = this.#process.clock.deadline(timeoutMs + guardMs, { signal });
    try {
      await unlessAborted(source.synced({ signal, timeoutMs }), deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted || signal.aborted) throw error;
      const what = `source ${number} of controller "${this.name}"`;
      throw new Error(`Timed out after ${timeoutMs / 1000} s waiting for ${what} to sync`, { cause: error });
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    this.#log.info('Starting workers', { controller: this.name, count: this.#workers });
    const workers: Task[] = [];
    for (let i = 0; i < this.#workers; i++) workers.push(this.#process.spawn(`${this.name} worker ${i}`, () => this.#takeAll(signal)));
    await Promise.all(workers.map((worker) => worker.done));
  }

  async #takeAll(signal: AbortSignal): Promise<void> {
    for (;;) {
      const taken = await this.#queue.get();
      if (taken.shutdown) return;
      const { key, priority } = taken;
      this.#metrics.began();
      const startMs = this.#process.clock.monotonic();
      let outcome: Outcome = 'error';
      try {
        outcome = await this.#take(key, priority, signal);
      } finally {
        this.#metrics.ended(outcome, this.#process.clock.monotonic() - startMs);
        this.#queue.done(key);
      }
    }
  }

  async #take(key: string, priority: number, signal: AbortSignal): Promise<Outcome> {
    const request = this.#config.requests.parse(key);
    const attempt = this.#queue.failures(key) + 1;
    const reconcileId = this.#process.random.uuid();
    const log = withFields(this.#log, { controller: this.name, key, reconcileId });
    let result: Result;
    try {
      result = await this.#reconcile(request, { signal, reconcileId, attempt, priority, log });
      checkNumbers(result.requeueAfterMs, result.priority);
    } catch (error) {
      this.#recover(error, { request, key, attempt, priority, log });
      return 'error';
    }
    const next = { priority: result.priority ?? priority };
    if (result.requeueAfterMs !== undefined && result.requeueAfterMs > 0) {
      this.#queue.forget(key);
      this.#comeBack(key, result.requeueAfterMs, next);
      return 'requeue_after';
    }
    this.#comeBack(key, undefined, next);
    if (result.requeue === true) {
      this.#queue.add(key, { rateLimited: true, ...next });
      return 'requeue';
    }
    this.#queue.forget(key);
    return 'success';
  }

  async #reconcile(request: R, context: ReconcileContext): Promise<Result> {
    const { reconciler, reconciliationTimeoutMs = 0 } = this.#config;
    if (reconciliationTimeoutMs === 0) return (await reconciler.reconcile(request, context)) ?? {};
    using deadline = this.#process.clock.deadline(reconciliationTimeoutMs, { signal: context.signal });
    try {
      return (await reconciler.reconcile(request, { ...context, signal: deadline.signal })) ?? {};
    } finally {
      if (deadline.signal.aborted && !context.signal.aborted) this.#metrics.timedOut();
    }
  }

  #recover(
    error: unknown,
    about: { readonly request: R; readonly key: string; readonly attempt: number; readonly priority: number; readonly log: Logger },
  ): void {
    const { request, key, attempt, priority, log } = about;
    const hasPanicked = isPanic(error);
    if (hasPanicked) this.#metrics.panicked();
    const text = error instanceof Error ? ((hasPanicked ? error.stack : undefined) ?? error.message) : String(error);
    let decision: ReturnType<ErrorPolicy>;
    try {
      decision = hasPanicked && this.#config.recoverPanic === false ? 'stop' : this.#errorPolicy(error, { request, attempt });
      if (typeof decision === 'object') checkNumbers(decision.retryAfterMs, decision.priority);
    } catch (policyError) {
      this.#failed.abort(policyError);
      return;
    }
    log.error('Reconcile failed', { attempt, error: text, decision });
    this.#comeBack(key, undefined, { priority });
    if (decision === 'stop') this.#failed.abort(error);
    else if (decision === 'terminal') this.#metrics.gaveUp();
    else {
      const { retryAfterMs, priority: wanted = priority } = decision === 'retry' ? {} : decision;
      if (retryAfterMs === undefined) this.#queue.add(key, { rateLimited: true, priority: wanted });
      else this.#comeBack(key, retryAfterMs, { priority: wanted });
    }
  }

  /** What the last reconcile of a key asked for counts: an earlier wish to come back is dropped. Upstream keeps the earliest. */
  #comeBack(key: string, afterMs: number | undefined, options: { readonly priority: number }): void {
    this.#waiting.get(key)?.[Symbol.dispose]();
    this.#waiting.delete(key);
    if (afterMs === undefined || this.#failed.signal.aborted) return;
    const add = (): void => {
      this.#waiting.delete(key);
      this.#queue.add(key, options);
    };
    this.#waiting.set(key, this.#process.clock.timer(afterMs, add));
  }
}

/** No number where one belongs is a bug of who gave it: the request would be lost, or the order of the queue. */
function checkNumbers(afterMs: number | undefined, priority: number | undefined): void {
  if (Number.isNaN(afterMs)) throw new RangeError(`Cannot reconcile again after ${afterMs} ms`);
  if (Number.isNaN(priority)) throw new RangeError(`Cannot reconcile again with priority ${priority}`);
}

function withFields(log: Logger, fields: LogFields): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, more: LogFields = {}): void =>
      log[level](message, { ...fields, ...more });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
