import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import { DeltaFifo, type Deltas } from './delta-fifo.ts';
import { type Indexer, type Indexers, Store } from './indexer.ts';
import { DeletedFinalStateUnknown, metaNamespaceKey, metaOf } from './keys.ts';
import { type Lister, listerOf } from './lister.ts';
import { type ListWatch, Reflector } from './reflector.ts';

/**
 * What happens to the objects of an informer (tools/cache ResourceEventHandler). Handlers must be quick and must not throw:
 * they put keys into queues. A throw stops the process, as a panic does in Go.
 */
export interface ResourceEventHandler<T> {
  /** `isInInitialList`: the object was there when the handler was added or the informer started. */
  onAdd?(object: Frozen<T>, isInInitialList: boolean): void;
  /** After a resync `old` and `object` are the same. A recreated object may come as an update with another uid. */
  onUpdate?(old: Frozen<T>, object: Frozen<T>): void;
  onDelete?(object: Frozen<T> | DeletedFinalStateUnknown<T>): void;
}

export interface HandlerRegistration {
  /** The informer has synced, and this handler has seen everything of the first list. */
  hasSynced(): boolean;
  /** No event comes after this. Idempotent. */
  remove(): void;
}

export interface InformerOptions<T> {
  readonly process: Process;
  /** For logs and traces: `pods`, `deployments.apps`. */
  readonly name: string;
  readonly listWatch: ListWatch<T>;
  readonly indexers?: Indexers<T>;
  /** How often handlers that ask for nothing else get all objects again. 0: never, the default. At least 1,000. */
  readonly resyncPeriodMs?: number;
  /** Applied before an object is stored, to drop what nobody reads. Must be idempotent and must not change its argument. */
  readonly transform?: (object: Frozen<T>) => Frozen<T>;
}

const shortestResyncMs = 1000;

type Notification<T> = (handler: ResourceEventHandler<T>) => void;

/** One handler and what it has not been given yet. */
interface Listener<T> {
  readonly handler: ResourceEventHandler<T>;
  readonly resyncPeriodMs: number;
  nextResyncMs: number;
  /** Present while the initial objects wait for their step: what happens meanwhile queues behind them. */
  pending: Notification<T>[] | undefined;
}

/**
 * A local copy of one resource, shared by everybody in the process who reads it or reacts to it (tools/cache
 * shared_informer.go). The store is updated first, then the handlers are told, in the order in which they were added.
 */
export class SharedIndexInformer<T extends KubeObject> {
  readonly name: string;
  readonly indexer: Indexer<T>;
  readonly lister: Lister<T>;
  readonly #process: Process;
  readonly #store: Store<T>;
  readonly #fifo: DeltaFifo<T>;
  readonly #reflector: Reflector<T>;
  readonly #defaultResyncMs: number;
  readonly #listeners = new Set<Listener<T>>();
  readonly #synced: PromiseWithResolvers<void> = Promise.withResolvers();
  #resyncTimer: Disposable | undefined;
  #resyncCheckMs: number;
  #state: 'created' | 'running' | 'stopped' = 'created';

  constructor(options: InformerOptions<T>) {
    this.name = options.name;
    this.#process = options.process;
    this.#store = new Store<T>({ indexers: options.indexers ?? {} });
    this.indexer = this.#store;
    this.lister = listerOf(this.#store);
    this.#fifo = new DeltaFifo<T>({ known: this.#store, transform: options.transform });
    this.#reflector = new Reflector<T>({
      process: options.process,
      name: options.name,
      listWatch: options.listWatch,
      store: this.#fifo,
      onBatch: () => this.#drain(),
    });
    this.#defaultResyncMs = options.resyncPeriodMs ?? 0;
    this.#resyncCheckMs = this.#defaultResyncMs;
    this.#synced.promise.catch(() => undefined); // whoever waits is told; nobody has to wait
  }

  /** The first list is in the store and was told to the handlers that were there. */
  hasSynced(): boolean {
    return this.#fifo.hasSynced;
  }

  /** Resolves when `hasSynced` becomes true; rejects when the informer ends before, or with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void> {
    return unlessAborted(this.#synced.promise, signal);
  }

  /** The version up to which the store is complete; '' before the first list. */
  get lastSyncResourceVersion(): string {
    return this.#reflector.lastSyncResourceVersion;
  }

  /** Allowed at any time; throws RangeError for a name that is taken. */
  addIndexers(indexers: Indexers<T>): void {
    this.#store.addIndexers(indexers);
  }

  /** A handler added late is given the present objects first, in a step of its own. Throws once the informer has ended. */
  addEventHandler(handler: ResourceEventHandler<T>, options: { readonly resyncPeriodMs?: number } = {}): HandlerRegistration {
    if (this.#state === 'stopped') throw new Error(`Cannot add a handler to the informer of ${this.name}: it has stopped`);
    const resyncPeriodMs = this.#resyncPeriod(options.resyncPeriodMs ?? this.#defaultResyncMs);
    const nextResyncMs = this.#process.clock.monotonic() + resyncPeriodMs;
    const listener: Listener<T> = { handler, resyncPeriodMs, nextResyncMs, pending: undefined };
    this.#listeners.add(listener);
    if (this.#store.size > 0) this.#replay(listener);
    return {
      hasSynced: () => this.hasSynced() && listener.pending === undefined,
      remove: () => void this.#listeners.delete(listener),
    };
  }

  /** Fills and follows until `signal` aborts. Throws when it runs or ran already. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#state !== 'created') throw new Error(`Cannot run the informer of ${this.name}: it is ${this.#state}`);
    this.#state = 'running';
    this.#armResync();
    await this.#reflector.run(signal);
    this.#state = 'stopped';
    if (!this.hasSynced()) this.#synced.reject(new Error(`The informer of ${this.name} ended before its first list`));
    this.#resyncTimer?.[Symbol.dispose]();
  }

  #replay(listener: Listener<T>): void {
    const pending: Notification<T>[] = this.#store.list().map((object) => (handler) => handler.onAdd?.(object, true));
    listener.pending = pending;
    this.#process.post({ lane: `informer ${this.name}`, op: 'initial-list' }, () => {
      listener.pending = undefined;
      for (const notification of pending) if (this.#listeners.has(listener)) this.#tell(listener, notification);
    });
  }

  #drain(): void {
    while (this.#fifo.pop((deltas, isInInitialList) => this.#processDeltas(deltas, isInInitialList)));
    if (this.#fifo.hasSynced) this.#synced.resolve();
  }

  #processDeltas(deltas: Deltas<T>, isInInitialList: boolean): void {
    for (const delta of deltas) {
      if (delta.type === 'Deleted') {
        const { object } = delta;
        this.#store.delete(object instanceof DeletedFinalStateUnknown ? object.key : metaNamespaceKey({ metadata: metaOf(object) }));
        this.#notify((handler) => handler.onDelete?.(object), false);
        continue;
      }
      const { object } = delta;
      const old = this.#store.set(object);
      if (old === undefined) this.#notify((handler) => handler.onAdd?.(object, isInInitialList), false);
      else {
        const isSync = metaOf(old).resourceVersion === metaOf(object).resourceVersion;
        this.#notify((handler) => handler.onUpdate?.(old, object), isSync);
      }
    }
  }

  /** `isSync`: nothing has changed, so only the handlers whose resync is due are told. */
  #notify(notification: Notification<T>, isSync: boolean): void {
    const nowMs = this.#process.clock.monotonic();
    for (const listener of this.#listeners) {
      if (isSync && !isDue(listener, nowMs)) continue;
      if (listener.pending === undefined) this.#tell(listener, notification);
      else listener.pending.push(notification);
    }
  }

  #tell(listener: Listener<T>, notification: Notification<T>): void {
    try {
      notification(listener.handler);
    } catch (error) {
      // Thrown from a post it is reported and stops the process, while the store and the other handlers stay consistent.
      this.#process.post({ lane: `informer ${this.name}`, op: 'handler-failed' }, () => {
        throw error;
      });
    }
  }

  /** What a handler gets of the period it asks for: the check period, which is fixed once running, is the shortest. */
  #resyncPeriod(wantedMs: number): number {
    if (wantedMs <= 0) return 0;
    const periodMs = Math.max(wantedMs, shortestResyncMs);
    if (this.#state === 'running') return this.#resyncCheckMs === 0 ? 0 : Math.max(periodMs, this.#resyncCheckMs);
    if (this.#resyncCheckMs === 0 || periodMs < this.#resyncCheckMs) this.#resyncCheckMs = periodMs;
    return periodMs;
  }

  #armResync(): void {
    if (this.#resyncCheckMs === 0) return;
    this.#resyncTimer = this.#process.clock.timer(this.#resyncCheckMs, () => this.#resync(), { background: true });
  }

  #resync(): void {
    const nowMs = this.#process.clock.monotonic();
    const due = [...this.#listeners].filter((listener) => isDue(listener, nowMs));
    if (due.length > 0) {
      this.#fifo.resync();
      this.#drain();
      for (const listener of due) listener.nextResyncMs = nowMs + listener.resyncPeriodMs;
    }
    this.#armResync();
  }
}

function isDue(listener: Listener<unknown>, nowMs: number): boolean {
  return listener.resyncPeriodMs > 0 && nowMs >= listener.nextResyncMs;
}
