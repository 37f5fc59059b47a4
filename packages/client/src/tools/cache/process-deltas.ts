import type { Frozen } from '@coracle/apimachinery';
import type { Delta, ObjectDelta } from './deltas.ts';
import type { Store } from './indexer.ts';
import { DeletedFinalStateUnknown } from './keys.ts';

/** Who is told what became of a store. */
export interface DeltaListener<T> {
  onAdd(object: Frozen<T>, isInInitialList: boolean): void;
  onUpdate(old: Frozen<T>, object: Frozen<T>): void;
  onDelete(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): void;
  /** What is told up to `listEnds` is all of one list, or of a resync, and may be much. */
  listBegins(): void;
  listEnds(): void;
}

/** Applies one delta to `store`, then tells `listener` (tools/cache controller.go processDeltas). */
export function processDelta<T>(listener: DeltaListener<T>, store: Store<T>, delta: Delta<T>, isInInitialList: boolean): void {
  switch (delta.type) {
    case 'ReplacedAll':
      replaceAll(listener, store, delta, isInInitialList);
      return;
    case 'SyncAll':
      tellInTurns(listener, () => {
        for (const object of store.list()) listener.onUpdate(object, object);
      });
      return;
    case 'Bookmark':
      store.bookmark(delta.resourceVersion);
      return;
    default:
      tell(listener, delta, store.apply(delta), isInInitialList);
  }
}

/** Applies deltas of different keys in one step, then tells of each (tools/cache controller.go processDeltasInBatch). */
export function processBatch<T>(
  listener: DeltaListener<T>,
  store: Store<T>,
  deltas: readonly ObjectDelta<T>[],
  isInInitialList: boolean,
): void {
  const olds: (Frozen<T> | undefined)[] = [];
  for (const delta of deltas) olds.push(store.apply(delta));
  let at = 0;
  for (const delta of deltas) tell(listener, delta, olds[at++], isInInitialList);
}

function tell<T>(listener: DeltaListener<T>, delta: ObjectDelta<T>, old: Frozen<T> | undefined, isInInitialList: boolean): void {
  if (delta.type === 'Deleted') listener.onDelete(delta.object);
  else if (old === undefined) listener.onAdd(delta.object, isInInitialList);
  else listener.onUpdate(old, delta.object);
}

/** The whole store first, then the deletions, then what is there. */
function replaceAll<T>(
  listener: DeltaListener<T>,
  store: Store<T>,
  { keys, objects, resourceVersion }: Extract<Delta<T>, { readonly type: 'ReplacedAll' }>,
  isInInitialList: boolean,
): void {
  // Of ten thousand objects this is the longest that anybody waits: the first list is not compared with nothing.
  const deletions: DeletedFinalStateUnknown<T>[] = [];
  let olds: (Frozen<T> | undefined)[] = [];
  if (store.size > 0) {
    const present = new Set(keys);
    for (const key of store.listKeys()) if (!present.has(key)) deletions.push(new DeletedFinalStateUnknown<T>(key, store.getByKey(key)));
    olds = keys.map((key) => store.getByKey(key));
  }
  store.replaceByKey(keys, objects, resourceVersion);
  // A transform may give several objects one key: only the last of them is there.
  const isUnique = store.size === objects.length;
  tellInTurns(listener, () => {
    for (const deletion of deletions) listener.onDelete(deletion);
    objects.forEach((object, at) => {
      if (!isUnique && store.getByKey(keys[at] ?? '') !== object) return;
      const old = olds[at];
      if (old === undefined) listener.onAdd(object, isInInitialList);
      else listener.onUpdate(old, object);
    });
  });
}

/** What `tell` tells may be too much for one turn of the event loop. */
function tellInTurns<T>(listener: DeltaListener<T>, tell: () => void): void {
  listener.listBegins();
  try {
    tell();
  } finally {
    listener.listEnds();
  }
}
