import type { Frozen } from '@coracle/apimachinery';
import { assert } from '@coracle/kernel';
import { DeletedFinalStateUnknown, metaNamespaceKey, metaOf } from './keys.ts';
import type { Indexer } from './indexer.ts';
import { Fifo } from '../../util/fifo.ts';
import type { ReflectorStore } from './reflector.ts';

/** What happened to an object, as seen by the reflector. `Replaced` comes of a list, `Sync` of a resync. */
export type Delta<T> =
  | { readonly type: 'Added' | 'Updated' | 'Replaced' | 'Sync'; readonly object: Frozen<T> }
  | { readonly type: 'Deleted'; readonly object: Frozen<T> | DeletedFinalStateUnknown<T> };

/** The changes of one key that were not processed yet, oldest first; never empty. */
export type Deltas<T> = readonly Delta<T>[];

/**
 * Collects changes by key and hands out the keys in the order in which they came (tools/cache delta_fifo.go). A key is
 * queued once, with all its changes.
 */
export class DeltaFifo<T> implements ReflectorStore<T> {
  readonly #known: Pick<Indexer<T>, 'getByKey' | 'listKeys'>;
  readonly #keyOf: (object: Frozen<T>) => string;
  readonly #transform: ((object: Frozen<T>) => Frozen<T>) | undefined;
  readonly #items = new Map<string, Delta<T>[]>();
  // Invariant: each key of `#items` once, in first-seen order.
  readonly #order = new Fifo<string>();
  #populated = false;
  #initialPopulationCount = 0;

  /** `known` is the store that the popped deltas end up in: it tells what a list no longer holds. */
  constructor(options: {
    readonly known: Pick<Indexer<T>, 'getByKey' | 'listKeys'>;
    readonly keyOf?: (object: Frozen<T>) => string;
    readonly transform?: ((object: Frozen<T>) => Frozen<T>) | undefined;
  }) {
    this.#known = options.known;
    this.#keyOf = options.keyOf ?? ((object) => metaNamespaceKey({ metadata: metaOf(object) }));
    this.#transform = options.transform;
  }

  get length(): number {
    return this.#items.size;
  }

  /** The first list has arrived, and all of it was popped. */
  get hasSynced(): boolean {
    return this.#populated && this.#initialPopulationCount === 0;
  }

  add(object: Frozen<T>): void {
    this.#populated = true;
    this.#queue({ type: 'Added', object: this.#transformed(object) });
  }

  update(object: Frozen<T>): void {
    this.#populated = true;
    this.#queue({ type: 'Updated', object: this.#transformed(object) });
  }

  /** Drops the deletion of what nobody knows. */
  delete(object: Frozen<T>): void {
    this.#populated = true;
    const key = this.#keyOf(object);
    if (!this.#items.has(key) && this.#known.getByKey(key) === undefined) return;
    this.#queue({ type: 'Deleted', object: this.#transformed(object) });
  }

  /** `objects` is all there is: what else is queued or known was deleted unseen. */
  replace(objects: readonly Frozen<T>[]): void {
    const present = new Set<string>();
    for (const object of objects) {
      present.add(this.#keyOf(object));
      this.#queue({ type: 'Replaced', object: this.#transformed(object) });
    }
    let deletions = 0;
    for (const [key, deltas] of [...this.#items]) {
      if (present.has(key)) continue;
      const newest = deltas.at(-1);
      if (newest === undefined || newest.type === 'Deleted') continue;
      this.#queue({ type: 'Deleted', object: new DeletedFinalStateUnknown<T>(key, newest.object) }, key);
      deletions++;
    }
    for (const key of this.#known.listKeys()) {
      if (present.has(key) || this.#items.has(key)) continue;
      this.#queue({ type: 'Deleted', object: new DeletedFinalStateUnknown<T>(key, this.#known.getByKey(key)) }, key);
      deletions++;
    }
    if (this.#populated) return;
    this.#populated = true;
    this.#initialPopulationCount = present.size + deletions;
  }

  /** Queues what is known once more. Not where a change is queued: the old state would overtake the new one. */
  resync(): void {
    for (const key of this.#known.listKeys()) {
      const object = this.#known.getByKey(key);
      if (object !== undefined && !this.#items.has(key)) this.#queue({ type: 'Sync', object });
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
    if (this.#initialPopulationCount > 0) this.#initialPopulationCount--;
    process(deltas, isInInitialList);
    return true;
  }

  #transformed(object: Frozen<T>): Frozen<T> {
    return this.#transform === undefined ? object : this.#transform(object);
  }

  #queue(delta: Delta<T>, key: string = this.#keyOf(delta.object as Frozen<T>)): void {
    const deltas = this.#items.get(key);
    if (deltas === undefined) {
      this.#items.set(key, [delta]);
      this.#order.push(key);
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
