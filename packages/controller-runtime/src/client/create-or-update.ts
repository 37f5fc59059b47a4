import { deepFreeze, type Frozen, isNotFound, type KubeObject, semanticEqual } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Client } from './client.ts';
import { keyText, type ObjectKey } from './reader.ts';

/** What was done, and the object as it is on the server now (controllerutil.OperationResult). */
export interface CreateOrUpdateResult<T> {
  readonly operation: 'created' | 'updated' | 'unchanged';
  readonly object: Frozen<T>;
}

/**
 * Makes the object what `mutate` returns of its present state, undefined when it is absent (controllerutil.CreateOrUpdate).
 * Reads past the cache; an update carries the resourceVersion that was read, so that a conflict throws. Throws TypeError when
 * `mutate` returns an object of another name or namespace.
 */
export async function createOrUpdate<T extends KubeObject>(
  client: Client,
  handle: ResourceHandle<T>,
  { namespace, name }: ObjectKey,
  mutate: (current: Frozen<T> | undefined) => T | Frozen<T>,
): Promise<CreateOrUpdateResult<T>> {
  const live = client.live(handle, namespace);
  const named = (wanted: T | Frozen<T>): T | Frozen<T> => {
    const { metadata } = wanted as KubeObject; // frozen or not, it is one
    if (metadata.name === name && (metadata.namespace ?? namespace) === namespace) return wanted;
    throw new TypeError(`Cannot make ${handle.kind} "${keyText({ namespace, name })}" an object of another name or namespace`);
  };
  let current: Frozen<T>;
  try {
    current = await live.get(name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { operation: 'created', object: await live.create(named(mutate(undefined))) };
  }
  const wanted = deepFreeze(named(mutate(current)));
  if (semanticEqual(current, wanted)) return { operation: 'unchanged', object: current };
  return { operation: 'updated', object: await live.update(wanted as Frozen<T>) };
}
