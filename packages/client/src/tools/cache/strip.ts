import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';

/**
 * A transform for informers: drops who owns which field, about half of what an object takes in a cache, and which only server-side apply
 * asks for (controller-runtime cache.TransformStripManagedFields). What was dropped must be read anew before an object is written as a whole.
 */
export function withoutManagedFields<T>(object: Frozen<T>): Frozen<T> {
  const { metadata } = object as Partial<KubeObject>; // an informer has refused what has none
  if (metadata?.managedFields === undefined) return object;
  // Made anew: an object that lost a member by `delete` takes more room than before.
  const { managedFields: _, ...kept } = metadata;
  return deepFreeze({ ...object, metadata: kept }) as Frozen<T>; // the same type: the member is optional
}
