import { type AddOptions, PriorityQueue, type RateLimiter, RateLimitingQueue } from '@coracle/client';
import type { Process } from '@coracle/kernel';

/** What a worker took, by key. */
export type Taken = { readonly key: string; readonly priority: number; readonly shutdown: false } | { readonly shutdown: true };

/** What a controller needs of a work queue, with priorities or without. */
export interface ReconcileQueue {
  readonly length: number;
  add(key: string, options?: AddOptions): void;
  get(): Promise<Taken>;
  done(key: string): void;
  /** The next failure of the key counts as its first. */
  forget(key: string): void;
  /** Failures in a row. */
  failures(key: string): number;
  shutDown(): void;
}

/** As of the queues of the client; without a `rateLimiter` they have their own. */
export interface ReconcileQueueOptions {
  readonly process: Process;
  readonly name: string;
  readonly rateLimiter?: RateLimiter<string> | undefined;
}

/** New changes overtake what was there at the start. Drops what waits when it is shut down, as upstream. */
export function priorityReconcileQueue({ process, name, rateLimiter }: ReconcileQueueOptions): ReconcileQueue {
  const queue = new PriorityQueue<string>({ process, name, controller: name, ...(rateLimiter !== undefined && { rateLimiter }) });
  return {
    get length() {
      return queue.length;
    },
    add: (key, options = {}) => queue.addWithOptions(options, key),
    async get() {
      const got = await queue.getWithPriority();
      return got.shutdown ? got : { key: got.item, priority: got.priority, shutdown: false };
    },
    done: (key) => queue.done(key),
    forget: (key) => queue.forget(key),
    failures: (key) => queue.numRequeues(key),
    shutDown: () => queue.shutDown(),
  };
}

/** First in, first out, with upstream's limit of 10 retries a second over all keys; what waits is worked on before the end. */
export function fifoReconcileQueue({ process, name, rateLimiter }: ReconcileQueueOptions): ReconcileQueue {
  const queue = new RateLimitingQueue<string>({ process, name, controller: name, ...(rateLimiter !== undefined && { rateLimiter }) });
  return {
    get length() {
      return queue.length;
    },
    add(key, { rateLimited = false, afterMs = 0 } = {}) {
      if (rateLimited) queue.addRateLimited(key);
      else if (afterMs > 0) queue.addAfter(key, afterMs);
      else queue.add(key);
    },
    async get() {
      const got = await queue.get();
      return got.shutdown ? got : { key: got.item, priority: 0, shutdown: false };
    },
    done: (key) => queue.done(key),
    forget: (key) => queue.forget(key),
    failures: (key) => queue.numRequeues(key),
    shutDown: () => queue.shutDown(),
  };
}
