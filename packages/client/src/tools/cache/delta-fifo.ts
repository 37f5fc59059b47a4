import type { Frozen } from '@coracle/apimachinery';
import { assert } from '@coracle/kernel';
import { Fifo } from '../../util/fifo.ts';
import type { Deltas, KnownObjects, ObjectDelta, Transform } from './deltas.ts';
import { DeletedFinalStateUnknown, metaNamespaceKey, metaOf } from './keys.ts';
import { QueueProgress } from './queue-progress.ts';
import type { ReflectorStore } from './reflector-store.ts';

/** What a `DeltaFifo` is made with (tools/cache DeltaFIFOOptions). */
export interface DeltaFifoOptions<T> {
  /** Where the popped deltas end up. Without it, only what is queued can be deleted, and `resync` does nothing. */
  readonly known?: KnownObjects<T>;
  readonly keyOf?: (object: Frozen<T>) => string;
  readonly transform?: Transform<T> | undefined;
  /** False: objects of a list come as `Sync`, as in old versions. Default true. */
  readonly emitReplaced?: boolean;
}

/**
 * Collects changes by key and hands out the keys in the order in which they came (tools/cache delta_fifo.go). A key is
 * queued once, with all its changes. Informers use `RealFifo`, as upstream does since 1.36.
 */
export class DeltaFifo<T> implements ReflectorStore<T> {
  readonly transform: Transform<T> | undefined;
  readonly #known: KnownObjects<T> | undefined;
  readonly #keyOf: (object: Frozen<T>) => string;
  readonly #replaced: 'Replaced' | 'Sync';
  readonly #items = new Map<string, ObjectDelta<T>[]>();
  // Invariant: each key of `#items` once, in first-seen order.
  readonly #order = new Fifo<string>();
  readonly #progress = new QueueProgress();

  constructor(options: DeltaFifoOptions<T> = {}) {
    this.#known = options.known;
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
    this.#replaced = options.emitReplaced === false ? 'Sync' : 'Replaced';
    this.transform = options.transform;
  }

  /** Keys that wait. */
  get length(): number {
    return this.#items.size;
  }

  /** The first list was popped, or the first thing that came was no list. */
  get hasSynced(): boolean {
    return this.#progress.hasSynced;
  }

  get isClosed(): boolean {
    return this.#progress.isClosed;
  }

  whenSynced(): Promise<void> {
    return this.#progress.whenSynced;
  }

  /** The key of an object, of a deletion, or of the newest of several deltas. Throws TypeError for what has none. */
  keyOf(value: Frozen<T> | DeletedFinalStateUnknown<T> | Deltas<T>): string {
    if (Array.isArray(value)) {
      const newest = (value as Deltas<T>).at(-1); // the only array among them
      if (newest === undefined) throw new TypeError('Cannot tell the key of no deltas');
      return newest.key;
    }
    if (value instanceof DeletedFinalStateUnknown) return value.key;
    return this.#keyOf(value as Frozen<T>); // neither deltas nor a tombstone
  }

  add(object: Frozen<T>): void {
    const key = this.#keyOf(object);
    this.#progress.populate();
    this.#queue({ type: 'Added', key, object: this.#transformed(object) });
  }

  update(object: Frozen<T>): void {
    const key = this.#keyOf(object);
    this.#progress.populate();
    this.#queue({ type: 'Updated', key, object: this.#transformed(object) });
  }

  /** Drops the deletion of what nobody knows. */
  delete(object: Frozen<T> | DeletedFinalStateUnknown<T>): void {
    const key = this.keyOf(object);
    this.#progress.populate();
    if (!this.#items.has(key) && this.#known?.getByKey(key) === undefined) return;
    const state = object instanceof DeletedFinalStateUnknown ? object : this.#transformed(object as Frozen<T>); // no tombstone
    this.#queue({ type: 'Deleted', key, object: state });
  }

  /** `objects` is all there is: what else is queued or known was deleted unseen. */
  replace(objects: readonly Frozen<T>[], _resourceVersion = '', isTransformed = false): void {
    const present = new Set<string>();
    for (const object of objects) {
      const key = this.#keyOf(object);
      present.add(key);
      this.#queue({ type: this.#replaced, key, object: isTransformed ? object : this.#transformed(object) });
    }
    let deletions = 0;
    for (const [key, deltas] of [...this.#items]) {
      if (present.has(key)) continue;
      const newest = deltas.at(-1)?.object;
      const state = newest instanceof DeletedFinalStateUnknown ? newest.object : newest;
      this.#queue({ type: 'Deleted', key, object: new DeletedFinalStateUnknown<T>(key, state as Frozen<T> | undefined) }); // unwrapped
      deletions++;
    }
    for (const key of this.#known?.listKeys() ?? []) {
      if (present.has(key) || this.#items.has(key)) continue;
      this.#queue({ type: 'Deleted', key, object: new DeletedFinalStateUnknown<T>(key, this.#known?.getByKey(key)) });
      deletions++;
    }
    this.#progress.populate(present.size + deletions);
  }

  /** Queues what is known once more. Not where a change is queued: the old state would overtake the new one. */
  resync(): void {
    for (const key of this.#known?.listKeys() ?? []) {
      const object = this.#known?.getByKey(key);
      if (object !== undefined && !this.#items.has(key)) this.#queue({ type: 'Sync', key, object });
    }
  }

  /** Hands the oldest key's changes to `process`; false when there are none. */
  pop(process: (deltas: Deltas<T>, isInInitialList: boolean) => void): boolean {
    const key = this.#order.shift();
    if (key === undefined) return false;
    const deltas = this.#items.get(key);
    assert(deltas !== undefined, `key "${key}" is queued without changes`);
    const isInInitialList = !this.hasSynced;
    this.#items.delete(key);
    this.#progress.popped(1);
    process(deltas, isInInitialList);
    return true;
  }

  /** True once `pop` has something; false when the queue was closed and is empty. */
  waitForItem(): Promise<boolean> {
    return this.#progress.waitForItem(() => this.#items.size > 0);
  }

  close(): void {
    this.#progress.close();
  }

  #transformed(object: Frozen<T>): Frozen<T> {
    return this.transform === undefined ? object : this.transform(object);
  }

  #queue(delta: ObjectDelta<T>): void {
    const deltas = this.#items.get(delta.key);
    if (deltas === undefined) {
      this.#items.set(delta.key, [delta]);
      this.#order.push(delta.key);
      this.#progress.wake();
      return;
    }
    const newest = deltas.at(-1);
    if (delta.type === 'Deleted' && newest?.type === 'Deleted') {
      // Of two deletions in a row the one that knows the final state tells more.
      if (newest.object instanceof DeletedFinalStateUnknown) deltas[deltas.length - 1] = delta;
      return;
    }
    deltas.push(delta);
  }
}
