import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { type Clientset, type ResourceHandle, tweakedListWatch, untilWithSync } from '@coracle/client';
import type { Condition } from './conditions.ts';
import { keyText, type ObjectKey } from './reader.ts';

/**
 * Waits until an object is what `condition` wants; at once when it is (kube-rs runtime wait::await_condition). Resolves with the object,
 * undefined where there is none. It watches, and outlasts every broken connection and every refusal: give it a signal that aborts in
 * time. Rejects with the signal's reason, and with what `condition` throws.
 */
export async function awaitCondition<T extends KubeObject>(
  clientset: Clientset,
  handle: ResourceHandle<T>,
  key: ObjectKey,
  condition: Condition<T>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Frozen<T> | undefined> {
  let last: Frozen<T> | undefined;
  const holds = (object: Frozen<T> | undefined): boolean => {
    last = object;
    return condition(object);
  };
  const listWatch = tweakedListWatch<T>(clientset.resource(handle, key.namespace), (options) => ({
    ...options,
    fieldSelector: `metadata.name=${key.name}`,
  }));
  await untilWithSync<T>(
    { process: clientset.process, name: `${handle.resource} ${keyText(key)}`, listWatch, ...(signal !== undefined && { signal }) },
    [({ type, object }) => holds(type === 'DELETED' ? undefined : (object as Frozen<T>))], // of the kind that was asked for
    (store) => holds(store.list()[0]),
  );
  return last;
}
