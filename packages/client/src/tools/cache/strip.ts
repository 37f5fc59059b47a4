import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { isDeferring, withMember } from '../../transport/deferred.ts';

/**
 * A transform for informers: drops who owns which field, about half of what an object takes in a cache, and which only server-side apply
 * asks for (controller-runtime cache.TransformStripManagedFields). What was dropped must be read anew before an object is written as a whole.
 */
export function withoutManagedFields<T>(object: Frozen<T>): Frozen<T> {
  const { metadata } = object as Partial<KubeObject>; // an informer has refused what has none
  if (metadata === undefined || !('managedFields' in metadata)) return object;
  const kept = isDeferring(metadata) ? withMember(metadata, 'managedFields', undefined) : deepFreeze(rest(metadata));
  // The same type: the member is optional.
  return (
    isDeferring(object as object) ? withMember(object as object, 'metadata', kept) : deepFreeze({ ...object, metadata: kept })
  ) as Frozen<T>;
}

/** Made anew: an object that lost a member by `delete` takes more room than before. */
function rest({ managedFields: _, ...kept }: KubeObject['metadata']): KubeObject['metadata'] {
  return kept;
}
