import { deepFreeze, type Frozen } from '@coracle/apimachinery';
import type { DeletedFinalStateUnknown } from './keys.ts';

/** A change of one object. `Replaced` comes of a list, `Sync` of a resync. */
export type ObjectDelta<T> =
  | { readonly type: 'Added' | 'Updated' | 'Replaced' | 'Sync'; readonly key: string; readonly object: Frozen<T> }
  | { readonly type: 'Deleted'; readonly key: string; readonly object: Frozen<T> | DeletedFinalStateUnknown<T> };

/** What happened, as seen by the reflector (tools/cache Delta). The last three come of an atomic `RealFifo` only. */
export type Delta<T> =
  | ObjectDelta<T>
  /** `objects`, transformed already, are all there is at `resourceVersion`; the key of each is at its place in `keys`. */
  | {
      readonly type: 'ReplacedAll';
      readonly keys: readonly string[];
      readonly objects: readonly Frozen<T>[];
      readonly resourceVersion: string;
    }
  /** Everything that is known, once more. */
  | { readonly type: 'SyncAll' }
  | { readonly type: 'Bookmark'; readonly resourceVersion: string };

/** The changes of one key that were not processed yet, oldest first; never empty. */
export type Deltas<T> = readonly ObjectDelta<T>[];

/** What the consumer of a queue knows: it tells what a list no longer holds. */
export interface KnownObjects<T> {
  listKeys(): readonly string[];
  getByKey(key: string): Frozen<T> | undefined;
}

/**
 * Applied to objects on their way in. Must be idempotent and must not change its argument, which is frozen. An object is filed under the key
 * of what it makes; a throw of it, or a result without metadata, is reported like an object that cannot be written.
 */
export type Transform<T> = (object: Frozen<T>) => Frozen<T>;

/** `transform`, whose results are frozen as what comes from a server is. */
export function freezing<T>(transform: Transform<T> | undefined): Transform<T> | undefined {
  return transform === undefined ? undefined : (object) => deepFreeze(transform(object)) as Frozen<T>; // frozen now
}
