import { type Process, unlessAborted } from '@coracle/kernel';
import { freezing, type Transform } from './deltas.ts';
import type { ResourceEventHandler } from './event-handlers.ts';
import { Store } from './indexer.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { processBatch, processDelta } from './process-deltas.ts';
import { ProcessorListener } from './processor-listener.ts';
import { type BatchConsumer, RealFifo } from './real-fifo.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import type { Indexers } from './thread-safe-store.ts';

/** What a `CacheController` reads, and whom it gives it to (tools/cache Config). */
export interface ControllerConfig<T> extends Omit<ReflectorOptions<T>, 'store' | 'onBatch'> {
  readonly queue: RealFifo<T>;
  readonly consumer: BatchConsumer<T>;
  /** Awaited before `run` resolves, when nothing more is consumed: handlers end strictly after what feeds them. */
  readonly onEnd?: () => Promise<void>;
}

/**
 * Fills a queue from the server and gives what comes out to a consumer (tools/cache Controller). All that one batch of the transport
 * brings is consumed in the step that brought it.
 */
export class CacheController<T> {
  readonly #process: Process;
  readonly #name: string;
  readonly #queue: RealFifo<T>;
  readonly #consumer: BatchConsumer<T>;
  readonly #onEnd: (() => Promise<void>) | undefined;
  readonly #reflector: Reflector<T>;
  readonly #synced: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(config: ControllerConfig<T>) {
    this.#process = config.process;
    this.#name = config.name;
    this.#queue = config.queue;
    this.#consumer = config.consumer;
    this.#onEnd = config.onEnd;
    this.#reflector = new Reflector<T>({ ...config, store: config.queue, onBatch: () => this.#drain() });
    this.#queue.whenSynced().then(this.#synced.resolve, this.#synced.reject);
    this.#synced.promise.catch(() => undefined); // whoever waits is told; nobody has to wait
  }

  /** Everything of the first list was consumed. */
  get hasSynced(): boolean {
    return this.#queue.hasSynced;
  }

  /** Resolves when `hasSynced` becomes true; rejects when `run` ends before, or with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    return unlessAborted(this.#synced.promise, signal);
  }

  get lastSyncResourceVersion(): string {
    return this.#reflector.lastSyncResourceVersion;
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#reflector.run(signal);
    } finally {
      this.#queue.close();
      if (!this.#queue.hasSynced) this.#synced.reject(new Error(`The informer of ${this.#name} ended before its first list`));
      await this.#onEnd?.();
    }
  }

  #drain(): void {
    try {
      while (this.#queue.popBatch(this.#consumer));
    } catch (error) {
      // An index function that throws is a bug which a new list would only repeat: it stops the process.
      this.#process.post({ lane: `informer ${this.#name}`, op: 'cache-failed' }, () => {
        throw error;
      });
    }
  }
}

/** What `newInformer` takes (tools/cache InformerOptions). */
export interface CacheInformerOptions<T> extends Omit<ReflectorOptions<T>, 'store' | 'onBatch' | 'shouldResync'> {
  readonly handler: ResourceEventHandler<T>;
  readonly indexers?: Indexers<T>;
  readonly transform?: Transform<T> | undefined;
  /** Where it tells of its load. Default: nowhere. */
  readonly metrics?: InformerMetrics | undefined;
}

/** A cache with one handler that is there from the start (tools/cache NewInformerWithOptions). */
export function newInformer<T>(options: CacheInformerOptions<T>): { readonly store: Store<T>; readonly controller: CacheController<T> } {
  const { handler, indexers = {}, transform, metrics, ...reading } = options;
  const store = new Store<T>({ indexers, metrics });
  const listener = new ProcessorListener<T>({
    process: options.process,
    name: options.name,
    handler,
    requestedResyncMs: 0,
    resyncPeriodMs: 0,
    onRemove: () => undefined,
  });
  const consumer: BatchConsumer<T> = {
    batch: (deltas, isInInitialList) => processBatch(listener, store, deltas, isInInitialList),
    single: (delta, isInInitialList) => processDelta(listener, store, delta, isInInitialList),
  };
  const queue = new RealFifo<T>({ transform: freezing(transform), metrics });
  return { store, controller: new CacheController<T>({ ...reading, queue, consumer, onEnd: () => listener.removeAndWait() }) };
}
