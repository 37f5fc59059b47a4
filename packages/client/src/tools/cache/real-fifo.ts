import type { Frozen } from '@coracle/apimachinery';
import { Fifo } from '../../util/fifo.ts';
import type { Delta, KnownObjects, ObjectDelta, Transform } from './deltas.ts';
import type { InformerMetrics } from './informer-metrics.ts';
import { DeletedFinalStateUnknown, metaNamespaceKey, metaOf } from './keys.ts';
import { QueueProgress } from './queue-progress.ts';
import type { ReflectorStore } from './reflector-store.ts';

/** What a `RealFifo` is made with (tools/cache RealFIFOOptions). */
export interface RealFifoOptions<T> {
  /** Where the popped deltas end up. Undefined: the queue is atomic, so that a list, a resync and a bookmark are one delta each. */
  readonly known?: KnownObjects<T>;
  readonly keyOf?: (object: Frozen<T>) => string;
  readonly transform?: Transform<T> | undefined;
  /** Deltas of one batch at most. Default 1,000. */
  readonly batchSize?: number;
  /** Where it tells how much waits, and how long that takes to process. Default: nowhere. */
  readonly metrics?: InformerMetrics | undefined;
}

/** What takes the deltas of `popBatch`: several changes of different keys at once, or one delta of any kind. */
export interface BatchConsumer<T> {
  batch(deltas: readonly ObjectDelta<T>[], isInInitialList: boolean): void;
  single(delta: Delta<T>, isInInitialList: boolean): void;
}

/**
 * Hands out every change in the order in which it came (tools/cache the_real_fifo.go). Of a list, the deletions come before the objects.
 * A throw of the consumer passes through; what it was given is popped all the same.
 */
export class RealFifo<T> implements ReflectorStore<T> {
  readonly transform: Transform<T> | undefined;
  readonly #known: KnownObjects<T> | undefined;
  readonly #keyOf: (object: Frozen<T>) => string;
  readonly #batchSize: number;
  readonly #deltas = new Fifo<Delta<T>>();
  readonly #progress = new QueueProgress();
  readonly #metrics: InformerMetrics | undefined;

  constructor(options: RealFifoOptions<T> = {}) {
    this.transform = options.transform;
    this.#known = options.known;
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
    this.#batchSize = options.batchSize ?? 1000;
    this.#metrics = options.metrics;
  }

  /** Deltas that wait. */
  get length(): number {
    return this.#deltas.length;
  }

  /** The first list was processed, or the first thing that came was no list. */
  get hasSynced(): boolean {
    return this.#progress.hasSynced;
  }

  get isClosed(): boolean {
    return this.#progress.isClosed;
  }

  whenSynced(): Promise<void> {
    return this.#progress.whenSynced;
  }

  /** Throws TypeError for what has no key. */
  keyOf(value: Frozen<T> | DeletedFinalStateUnknown<T>): string {
    return value instanceof DeletedFinalStateUnknown ? value.key : this.#keyOf(value as Frozen<T>); // no tombstone
  }

  add(object: Frozen<T>): void {
    const state = this.#transformed(object);
    const key = this.#keyOf(state);
    this.#progress.populate();
    this.#push({ type: 'Added', key, object: state });
  }

  update(object: Frozen<T>): void {
    const state = this.#transformed(object);
    const key = this.#keyOf(state);
    this.#progress.populate();
    this.#push({ type: 'Updated', key, object: state });
  }

  /** Also of what nobody knows: the consumer decides. */
  delete(object: Frozen<T> | DeletedFinalStateUnknown<T>): void {
    const state = object instanceof DeletedFinalStateUnknown ? object : this.#transformed(object as Frozen<T>); // no tombstone
    const key = this.keyOf(state);
    this.#progress.populate();
    this.#push({ type: 'Deleted', key, object: state });
  }

  /** `objects` is all there is: what else is queued or known was deleted unseen. Throws before anything is queued. */
  replace(objects: readonly Frozen<T>[], resourceVersion = '', isTransformed = false): void {
    const states = isTransformed ? objects : objects.map((object) => this.#transformed(object));
    const keys = states.map((state) => this.#keyOf(state));
    if (this.#known === undefined) this.#push({ type: 'ReplacedAll', keys, objects: states, resourceVersion });
    else this.#replaceEach(this.#known, keys, states);
    this.#progress.populate(this.#deltas.length);
  }

  /** Queues what is known once more; not what has a change queued already. */
  resync(): void {
    if (this.#known === undefined) {
      this.#push({ type: 'SyncAll' });
      return;
    }
    const queued = new Set<string>();
    for (const delta of this.#deltas) if ('key' in delta) queued.add(delta.key);
    for (const key of this.#known.listKeys()) {
      const object = this.#known.getByKey(key);
      if (object !== undefined && !queued.has(key)) this.#push({ type: 'Sync', key, object });
    }
  }

  /** Queued by an atomic queue only: elsewhere it could overtake what a list is taken apart into. */
  bookmark(resourceVersion: string): void {
    if (this.#known === undefined) this.#push({ type: 'Bookmark', resourceVersion });
  }

  /** Hands the oldest delta to `process`; false when there is none. */
  pop(process: (delta: Delta<T>, isInInitialList: boolean) => void): boolean {
    const isInInitialList = !this.hasSynced;
    const delta = this.#deltas.shift();
    if (delta === undefined) return false;
    return this.#processed(1, () => process(delta, isInInitialList));
  }

  /**
   * Hands out as many of the oldest changes as are of different keys; a list, a resync and a bookmark come alone. The first list ends a
   * batch. False when there is nothing.
   */
  popBatch(consumer: BatchConsumer<T>): boolean {
    const isInInitialList = !this.hasSynced;
    const first = this.#deltas.shift();
    if (first === undefined) return false;
    if (!('key' in first) || this.#deltas.length === 0) return this.#processed(1, () => consumer.single(first, isInInitialList));
    const initial = this.#progress.initialPopulationCount;
    const most = initial > 0 ? Math.min(this.#batchSize, initial) : this.#batchSize;
    const keys = new Set([first.key]);
    const batch: ObjectDelta<T>[] = [first];
    while (batch.length < most) {
      const next = this.#deltas.peek();
      if (next === undefined || !('key' in next) || keys.has(next.key)) break;
      keys.add(next.key);
      batch.push(next);
      this.#deltas.shift();
    }
    return this.#processed(batch.length, () => {
      if (batch.length === 1) consumer.single(first, isInInitialList);
      else consumer.batch(batch, isInInitialList);
    });
  }

  /** True once there is something to pop; false when the queue was closed and is empty. */
  waitForItem(): Promise<boolean> {
    return this.#progress.waitForItem(() => this.#deltas.length > 0);
  }

  close(): void {
    this.#progress.close();
  }

  #processed(count: number, process: () => void): true {
    try {
      if (this.#metrics === undefined) process();
      else {
        this.#metrics.queued(this.#deltas.length);
        this.#metrics.measured(process);
      }
    } finally {
      this.#progress.popped(count);
    }
    return true;
  }

  #replaceEach(known: KnownObjects<T>, keys: readonly string[], objects: readonly Frozen<T>[]): void {
    const present = new Set(keys);
    const newest = new Map<string, ObjectDelta<T>>();
    for (const delta of this.#deltas) if ('key' in delta) newest.set(delta.key, delta);
    for (const [key, delta] of newest) {
      if (present.has(key) || delta.type === 'Deleted') continue;
      this.#push({ type: 'Deleted', key, object: new DeletedFinalStateUnknown<T>(key, delta.object) });
    }
    for (const key of known.listKeys()) {
      if (present.has(key) || newest.has(key)) continue;
      this.#push({ type: 'Deleted', key, object: new DeletedFinalStateUnknown<T>(key, known.getByKey(key)) });
    }
    let at = 0;
    for (const object of objects) this.#push({ type: 'Replaced', key: keys[at++] ?? '', object });
  }

  #transformed(object: Frozen<T>): Frozen<T> {
    return this.transform === undefined ? object : this.transform(object);
  }

  #push(delta: Delta<T>): void {
    this.#deltas.push(delta);
    this.#metrics?.queued(this.#deltas.length);
    this.#progress.wake();
  }
}
