import type { Frozen } from '@coracle/apimachinery';
import { DeletedFinalStateUnknown } from './keys.ts';

/**
 * What happens to the objects of an informer (tools/cache ResourceEventHandler). A handler that returns a promise
 * is given the next event when it is settled; it delays nobody else. A throw or a rejection stops the process, as a panic does in Go.
 */
export interface ResourceEventHandler<T> {
  /** `isInInitialList`: the object was there when the handler was added or the informer started. */
  onAdd?(object: Frozen<T>, isInInitialList: boolean): unknown;
  /** After a resync `old` and `object` are the same. A recreated object may come as an update with another uid. */
  onUpdate?(old: Frozen<T>, object: Frozen<T>): unknown;
  onDelete?(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): unknown;
}

/**
 * `handler`, told only of objects that `filter` holds for: one that comes to pass is added, one that ceases to is deleted (tools/cache
 * FilteringResourceEventHandler). Of a deletion whose last state is not known nothing is told.
 */
export function filteringHandler<T>(filter: (object: Frozen<T>) => boolean, handler: ResourceEventHandler<T>): ResourceEventHandler<T> {
  return {
    onAdd: (object, isInInitialList) => (filter(object) ? handler.onAdd?.(object, isInInitialList) : undefined),
    onUpdate(old, object) {
      const wasIn = filter(old);
      if (filter(object)) return wasIn ? handler.onUpdate?.(old, object) : handler.onAdd?.(object, false);
      return wasIn ? handler.onDelete?.(old) : undefined;
    },
    onDelete(deleted) {
      const state = deleted instanceof DeletedFinalStateUnknown ? deleted.object : (deleted as Frozen<T>); // no tombstone
      return state !== undefined && filter(state as Frozen<T>) ? handler.onDelete?.(deleted) : undefined;
    },
  };
}
