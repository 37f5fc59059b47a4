import { isConflict } from '@coracle/apimachinery';
import type { Process, Task } from '@coracle/kernel';
import { RateLimitingQueue } from '../util/workqueue/rate-limiting-queue.ts';

/** What a `KeyedController` is made with. */
export interface ControllerOptions {
  readonly process: Process;
  /** Names the queue, for traces and logs: `deployment`. */
  readonly name: string;
  /** Keys worked on at a time. Default 1. */
  readonly workers?: number;
  /** Brings the world of one key to what it should be. A throw is logged and tried again after a growing wait. */
  sync(key: string): Promise<void | { readonly requeueAfterMs: number }>;
  readonly queue?: RateLimitingQueue<string>;
}

/** The loop that every controller has: take a key, sync it, forget its failures or try again later. */
export class KeyedController {
  readonly queue: RateLimitingQueue<string>;
  readonly #process: Process;
  readonly #name: string;
  readonly #workers: number;
  readonly #sync: ControllerOptions['sync'];
  readonly #waiting = new Map<string, Disposable>();

  constructor(options: ControllerOptions) {
    this.#process = options.process;
    this.#name = options.name;
    this.#workers = options.workers ?? 1;
    this.#sync = (key) => options.sync(key);
    this.queue = options.queue ?? new RateLimitingQueue<string>({ process: options.process, name: options.name });
  }

  /** Works until `signal` aborts; then finishes the keys that wait, and resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const shutDown = (): void => this.queue.shutDown();
    if (signal.aborted) shutDown();
    else signal.addEventListener('abort', shutDown, { once: true });
    const workers: Task[] = [];
    for (let i = 0; i < this.#workers; i++) workers.push(this.#process.spawn(`${this.#name} worker ${i}`, () => this.#work()));
    await Promise.all(workers.map((worker) => worker.done));
    signal.removeEventListener('abort', shutDown);
    for (const timer of this.#waiting.values()) timer[Symbol.dispose]();
    this.#waiting.clear();
  }

  async #work(): Promise<void> {
    for (;;) {
      const got = await this.queue.get();
      if (got.shutdown) return;
      await this.#syncOne(got.item);
    }
  }

  /** What the last sync of a key asked for counts: an earlier wish to come back is dropped, and keeps nothing waiting. */
  #comeBack(key: string, afterMs: number | undefined): void {
    this.#waiting.get(key)?.[Symbol.dispose]();
    this.#waiting.delete(key);
    if (afterMs === undefined || this.queue.isShuttingDown) return;
    const add = (): void => {
      this.#waiting.delete(key);
      this.queue.add(key);
    };
    this.#waiting.set(key, this.#process.clock.timer(afterMs, add));
  }

  async #syncOne(key: string): Promise<void> {
    try {
      const result = await this.#sync(key);
      this.queue.forget(key);
      this.#comeBack(key, result?.requeueAfterMs);
    } catch (error) {
      const fields = { controller: this.#name, key, error: error instanceof Error ? error.message : String(error) };
      // That somebody was faster happens every day.
      if (isConflict(error)) this.#process.log.debug('Sync has to start over', fields);
      else this.#process.log.warn('Sync failed, trying again later', fields);
      this.queue.addRateLimited(key);
    } finally {
      this.queue.done(key);
    }
  }
}
