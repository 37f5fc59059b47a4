import type { Frozen, KubeObject, ObjectMeta } from '@coracle/apimachinery';

/** The metadata of an object of the API. Throws TypeError when there is none: what came was no object. */
export function metaOf(object: unknown): Frozen<ObjectMeta> {
  if (
    typeof object === 'object' &&
    object !== null &&
    'metadata' in object &&
    typeof object.metadata === 'object' &&
    object.metadata !== null
  ) {
    return object.metadata;
  }
  throw new TypeError('Cannot read the metadata of an object that has none');
}

/** '' for what has no metadata: a transform may have made it. */
export function resourceVersionOf(object: unknown): string {
  const metadata = (object as { readonly metadata?: { readonly resourceVersion?: string } } | null | undefined)?.metadata;
  return metadata?.resourceVersion ?? '';
}

/** `namespace/name`, or `name` for objects of the cluster scope (tools/cache MetaNamespaceKeyFunc). */
export function metaNamespaceKey(object: { readonly metadata: { readonly namespace?: string; readonly name?: string } }): string {
  const { namespace = '', name = '' } = object.metadata;
  // Joined, not put together by a template: the flat text that comes of it is found in a map in half the time.
  return namespace === '' ? name : [namespace, name].join('/');
}

/** Takes a key apart. Throws TypeError for one that `metaNamespaceKey` does not make. */
export function splitMetaNamespaceKey(key: string): { readonly namespace: string; readonly name: string } {
  const parts = key.split('/');
  const [first = '', second] = parts;
  if (parts.length > 2) throw new TypeError(`Cannot split key "${key}": unexpected format`);
  return second === undefined ? { namespace: '', name: first } : { namespace: first, name: second };
}

/** Namespace and name of an object; `namespace` is '' in the cluster scope (tools/cache ObjectName). */
export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** The key of a name. */
export function objectNameKey({ namespace, name }: ObjectName): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/**
 * What a handler gets when an object vanished while nobody watched: the last state that was seen, which may be old
 * (tools/cache DeletedFinalStateUnknown).
 */
export class DeletedFinalStateUnknown<T> {
  readonly key: string;
  readonly object: Frozen<T> | undefined;

  constructor(key: string, object: Frozen<T> | undefined) {
    this.key = key;
    this.object = object;
  }
}

/** The object of a deletion, whether its final state is known or not; undefined when nothing was ever known. */
export function objectFromDeletion<T extends KubeObject>(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): Frozen<T> | undefined {
  return deleted instanceof DeletedFinalStateUnknown ? deleted.object : (deleted as Frozen<T>);
}

/** The key of a deletion, known in every case (tools/cache DeletionHandlingMetaNamespaceKeyFunc). */
export function deletionKey<T extends KubeObject>(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): string {
  return deleted instanceof DeletedFinalStateUnknown ? deleted.key : metaNamespaceKey({ metadata: metaOf(deleted) });
}

/** The name of a deleted object, known in every case; of a key with more than one "/" the rest belongs to the name (tools/cache DeletedObject). */
export function deletionName<T extends KubeObject>(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): ObjectName {
  const key = deletionKey(deleted);
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
