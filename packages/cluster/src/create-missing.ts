import { type Frozen, isAlreadyExists, isNotFound, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import type { Clientset, RestMapper } from '@coracle/client';

/** What of a RestMapper is asked here. */
export type KindMapper = Pick<RestMapper, 'handleForKind'>;

/**
 * Creates `object`, whatever its kind, and leaves alone what is there already: it is asked for first, since to check what is not
 * written afterwards would be most of the work. Resolves with whether it was created. Rejects with NoMatchError for a kind that is
 * not served.
 */
export async function createMissing(clientset: Clientset, mapper: KindMapper, object: Frozen<KubeObject>): Promise<boolean> {
  const { group, version } = parseGroupVersion(object.apiVersion ?? '');
  const handle = await mapper.handleForKind({ group, version, kind: object.kind ?? '' });
  const client = clientset.resource(handle, handle.namespaced ? (object.metadata.namespace ?? 'default') : '');
  try {
    await client.get(object.metadata.name ?? '');
    return false;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    await client.create(object as never); // the handle is that of its kind
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}
