import { type Frozen, isAlreadyExists, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import type { Clientset, RestMapper } from '@coracle/client';

/**
 * Creates `object`, whatever its kind, and leaves alone what is there already. Resolves with whether it was created. Rejects with
 * NoMatchError for a kind that is not served.
 */
export async function createMissing(clientset: Clientset, mapper: RestMapper, object: Frozen<KubeObject>): Promise<boolean> {
  const { group, version } = parseGroupVersion(object.apiVersion ?? '');
  const handle = await mapper.handleForKind({ group, version, kind: object.kind ?? '' });
  const namespace = handle.namespaced ? (object.metadata.namespace ?? 'default') : '';
  try {
    await clientset.resource(handle, namespace).create(object as never); // the handle is that of its kind
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}
