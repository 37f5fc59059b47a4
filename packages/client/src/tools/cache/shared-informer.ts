import type { KubeObject, QualifiedResource } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import { CacheController } from './controller.ts';
import { freezing, type Transform } from './deltas.ts';
import type { ResourceEventHandler } from './event-handlers.ts';
import { type Indexer, Store } from './indexer.ts';
import { objectNameKey, resourceVersionOf } from './keys.ts';
import { type Lister, listerOf } from './lister.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { type ListWatch, readingListWatch } from './list-watch.ts';
import { type DeltaListener, processBatch, processDelta } from './process-deltas.ts';
import { type HandlerRegistration, ProcessorListener } from './processor-listener.ts';
import { RealFifo } from './real-fifo.ts';
import { withoutManagedFields } from './strip.ts';
import type { Indexers } from './thread-safe-store.ts';

/** What a `SharedIndexInformer` is made with (tools/cache SharedIndexInformerOptions). */
export interface InformerOptions<T> {
  readonly process: Process;
  /** For logs and traces: `pods`, `deployments.apps`. */
  readonly name: string;
  readonly listWatch: ListWatch<T>;
  readonly indexers?: Indexers<T>;
  /** How often handlers that ask for nothing else get all objects again. 0: no handler ever does, the default. At least 1,000. */
  readonly resyncPeriodMs?: number;
  /** See `setTransform`. */
  readonly transform?: Transform<T> | undefined;
  /** See `setWatchErrorHandler`. */
  readonly onWatchError?: ((error: Error) => void) | undefined;
  /** What the events have to be of; others are reported and skipped. Default: anything. */
  readonly expected?: { readonly apiVersion: string; readonly kind: string } | undefined;
  /** What the lister's NotFound names. */
  readonly resource?: QualifiedResource;
  /** False: list and watch without trying to stream the list. Default true. */
  readonly watchList?: boolean;
  /** Where it tells of its load. Default: nowhere. */
  readonly metrics?: InformerMetrics | undefined;
}

const shortestResyncMs = 1000;

/**
 * A local copy of one resource, shared by everybody in the process who reads it or reacts to it (tools/cache
 * shared_informer.go). The store is updated first, then the handlers are told; for each of them in order, between them in none.
 */
export class SharedIndexInformer<T extends KubeObject> {
  readonly name: string;
  readonly indexer: Indexer<T>;
  readonly lister: Lister<T>;
  readonly #options: InformerOptions<T>;
  readonly #process: Process;
  readonly #store: Store<T>;
  // Copied when it changes. What is told at once is told to those of `#audience`: a handler that one of them adds is given the store as it
  // is after all of that.
  #listeners: readonly ProcessorListener<T>[] = [];
  #audience: readonly ProcessorListener<T>[] = [];
  readonly #synced: PromiseWithResolvers<void> = Promise.withResolvers();
  #controller: CacheController<T> | undefined;
  #transform: Transform<T> | undefined;
  #onWatchError: ((error: Error) => void) | undefined;
  // How often the listeners are asked whether they are due; fixed once running. 0: there is no resync.
  #resyncCheckMs: number;
  #state: 'created' | 'running' | 'stopped' = 'created';

  /** Throws RangeError for a period that is no time. */
  constructor(options: InformerOptions<T>) {
    this.name = options.name;
    this.#options = options;
    this.#process = options.process;
    this.#store = new Store<T>({ indexers: options.indexers ?? {}, metrics: options.metrics });
    this.indexer = this.#store;
    this.lister = listerOf(this.#store, options.resource, () =>
      this.#process.log.warn('Listing a namespace without its index', { informer: this.name }),
    );
    this.#transform = options.transform;
    this.#onWatchError = options.onWatchError;
    this.#resyncCheckMs = checkedPeriod(options.resyncPeriodMs ?? 0);
    this.#synced.promise.catch(() => undefined); // whoever waits is told; nobody has to wait
  }

  /** The first list is in the store, and was given to the handlers that were there; whether one has seen all of it, its registration knows. */
  hasSynced(): boolean {
    return this.#controller?.hasSynced ?? false;
  }

  /** Resolves when `hasSynced` becomes true; rejects when the informer ends before, or with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    return unlessAborted(this.#synced.promise, signal);
  }

  /** It was run, and has ended. */
  get isStopped(): boolean {
    return this.#state === 'stopped';
  }

  /** The version up to which the store is complete; '' before the first list. */
  get lastSyncResourceVersion(): string {
    return this.#controller?.lastSyncResourceVersion ?? '';
  }

  /** Throws RangeError for a name that is taken, and Error once the informer has ended. */
  addIndexers(indexers: Indexers<T>): void {
    if (this.#state === 'stopped') throw new Error(`Cannot add an index to the informer of ${this.name}: it has stopped`);
    this.#store.addIndexers(indexers);
  }

  /**
   * Applied before an object is stored, to drop what nobody reads. Must be idempotent and must not change its argument, which is frozen.
   * Throws once the informer runs.
   */
  setTransform(transform: Transform<T>): void {
    this.#assertNotStarted('set the transform');
    this.#transform = transform;
  }

  /** Told of every failure to list or to begin a watch; a new try follows in any case. Must be quick. Throws once the informer runs. */
  setWatchErrorHandler(onWatchError: (error: Error) => void): void {
    this.#assertNotStarted('set the watch error handler');
    this.#onWatchError = onWatchError;
  }

  /**
   * A handler added late is given the present objects first, in a step of its own. Throws Error once the informer has ended, and RangeError for
   * a period that is no time.
   */
  addEventHandler(handler: ResourceEventHandler<T>, options: { readonly resyncPeriodMs?: number } = {}): HandlerRegistration {
    if (this.#state === 'stopped') throw new Error(`Cannot add a handler to the informer of ${this.name}: it has stopped`);
    const requestedResyncMs = this.#requestedResync(checkedPeriod(options.resyncPeriodMs ?? this.#options.resyncPeriodMs ?? 0));
    const listener = new ProcessorListener<T>({
      process: this.#process,
      name: this.name,
      handler,
      requestedResyncMs,
      resyncPeriodMs: this.#grantedResync(requestedResyncMs),
      onRemove: (removed) => {
        this.#listeners = this.#listeners.filter((each) => each !== removed);
      },
    });
    this.#listeners = [...this.#listeners, listener];
    if (this.#state === 'running') listener.replay(this.#store.list());
    if (this.hasSynced()) listener.informerHasSynced();
    return listener;
  }

  /** As `registration.remove()`; does nothing for a registration of another informer. */
  removeEventHandler(registration: HandlerRegistration): void {
    if (registration instanceof ProcessorListener && this.#listeners.includes(registration)) registration.remove();
  }

  /** Fills and follows until `signal` aborts. A second run only warns, as upstream. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'created') {
      this.#process.log.warn('The informer was started already', { informer: this.name });
      return;
    }
    const { indexers: _indexers, ...reading } = this.#options;
    const listener = this.#distributor();
    this.#controller = new CacheController<T>({
      ...reading,
      listWatch: readingListWatch(reading.listWatch, {
        withoutManagedFields: this.#transform === withoutManagedFields,
        previous: (namespace, name) => this.#store.getByKey(objectNameKey({ namespace, name })),
      }),
      onError: this.#onWatchError,
      resyncPeriodMs: this.#resyncCheckMs,
      shouldResync: () => this.#shouldResync(),
      onEnd: async () => {
        this.#state = 'stopped';
        await Promise.all(this.#listeners.map((each) => each.removeAndWait()));
      },
      queue: new RealFifo<T>({ transform: freezing(this.#transform), metrics: this.#options.metrics }),
      consumer: {
        batch: (deltas, isInInitialList) => {
          this.#audience = this.#listeners;
          processBatch(listener, this.#store, deltas, isInInitialList);
        },
        single: (delta, isInInitialList) => {
          this.#audience = this.#listeners;
          processDelta(listener, this.#store, delta, isInInitialList);
        },
      },
    });
    this.#state = 'running';
    this.#controller.whenSynced().then(
      () => this.#hasJustSynced(),
      (error: unknown) => this.#synced.reject(error),
    );
    await this.#controller.run(signal);
  }

  #hasJustSynced(): void {
    for (const listener of this.#listeners) listener.informerHasSynced();
    this.#synced.resolve();
  }

  #assertNotStarted(what: string): void {
    if (this.#state !== 'created') throw new Error(`Cannot ${what} of the informer of ${this.name}: it has started`);
  }

  #distributor(): DeltaListener<T> {
    return {
      onAdd: (object, isInInitialList) => {
        for (const listener of this.#audience) listener.onAdd(object, isInInitialList);
      },
      onUpdate: (old, object) => {
        // Nothing has changed: of interest only to who wants to be told again.
        const isSync = resourceVersionOf(old) === resourceVersionOf(object);
        for (const listener of this.#audience) if (!isSync || listener.resync.isSyncing) listener.onUpdate(old, object);
      },
      onDelete: (deleted) => {
        for (const listener of this.#audience) listener.onDelete(deleted);
      },
      listBegins: () => {
        for (const listener of this.#audience) listener.listBegins();
      },
      listEnds: () => {
        for (const listener of this.#audience) listener.listEnds();
      },
    };
  }

  /** What counts of the period that a handler asks for; before the start it may shorten the check period. */
  #requestedResync(wantedMs: number): number {
    if (wantedMs === 0) return 0;
    const periodMs = Math.max(wantedMs, shortestResyncMs);
    if (periodMs >= this.#resyncCheckMs) return periodMs;
    if (this.#state === 'running') return this.#resyncCheckMs;
    this.#resyncCheckMs = periodMs;
    for (const { resync } of this.#listeners) resync.periodMs = this.#grantedResync(resync.requestedMs);
    return periodMs;
  }

  #grantedResync(requestedMs: number): number {
    return requestedMs === 0 || this.#resyncCheckMs === 0 ? 0 : Math.max(requestedMs, this.#resyncCheckMs);
  }

  #shouldResync(): boolean {
    const nowMs = this.#process.clock.monotonic();
    let isDue = false;
    for (const { resync } of this.#listeners) if (resync.check(nowMs)) isDue = true;
    return isDue;
  }
}

/** Throws RangeError for what is no time in milliseconds. */
function checkedPeriod(periodMs: number): number {
  if (!(periodMs >= 0 && periodMs < Number.POSITIVE_INFINITY)) throw new RangeError(`Cannot resync every ${periodMs} ms`);
  return periodMs;
}
