import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { type Deletion, metaNamespaceKey, metaOf, type ResourceClient, type ResourceHandle, type SubresourceClient } from '@coracle/client';
import { isGone, type OwnWrites } from './own-writes.ts';

interface Recorded<T extends KubeObject> {
  readonly handle: ResourceHandle<T>;
  readonly namespace: string;
  readonly client: ResourceClient<T>;
  readonly own: OwnWrites<T>;
}

/** `client`, whose answers to writes `own` is told of. Dry runs write nothing. */
export function recordingClient<T extends KubeObject>({ handle, namespace, client, own }: Recorded<T>): ResourceClient<T> {
  const recorded = async (write: Promise<Frozen<T>>, options: { readonly dryRun?: string } = {}): Promise<Frozen<T>> => {
    const answer = await write;
    if (options.dryRun === undefined) own.wrote(answer);
    return answer;
  };
  return {
    ...client,
    create: (object, options) => recorded(client.create(object, options), options),
    update: (object, options) => recorded(client.update(object, options), options),
    updateStatus: (object, options) => recorded(client.updateStatus(object, options), options),
    patch: (name, type, patch, options) => recorded(client.patch(name, type, patch, options), options),
    apply: (configuration, options) => recorded(client.apply(configuration, options), options),
    applyStatus: (configuration, options) => recorded(client.applyStatus(configuration, options), options),
    async delete(name, options) {
      const deleted = own.deleting(metaNamespaceKey({ metadata: { namespace: handle.namespaced ? namespace : '', name } }));
      const deletion = await client.delete(name, options);
      if ((options?.dryRun ?? []).length === 0) recordDeletion(deletion, own, deleted);
      return deletion;
    },
    async deleteCollection(deleteOptions, listOptions) {
      try {
        return await client.deleteCollection(deleteOptions, listOptions);
      } finally {
        own.wroteUnknown(); // also when it failed half-way
      }
    },
    subresource: <R>(name: string, subresource: string) => recordingSubresource(client.subresource<R>(name, subresource), own),
  };
}

function recordDeletion<T extends KubeObject>(
  { status, object }: Deletion<T>,
  own: OwnWrites<T>,
  deleted: ReturnType<OwnWrites<T>['deleting']>,
): void {
  if (object === undefined) {
    const uid = status?.details?.uid;
    if (uid === undefined) own.wroteUnknown();
    else deleted({ uid });
    return;
  }
  const { uid, resourceVersion: version, deletionTimestamp } = metaOf(object);
  if (deletionTimestamp !== undefined && !isGone(object)) own.wrote(object);
  else if (uid === undefined) own.wroteUnknown();
  else deleted({ uid, ...(version !== undefined && { version }) });
}

/** Its answers are of another kind, and tell no more than how far the object's cache has to come. */
function recordingSubresource<T extends KubeObject, R>(client: SubresourceClient<R>, own: OwnWrites<T>): SubresourceClient<R> {
  const recorded = async (write: Promise<Frozen<R>>, options: { readonly dryRun?: string } = {}): Promise<Frozen<R>> => {
    const answer = await write;
    const { metadata } = (answer ?? {}) as { readonly metadata?: { readonly resourceVersion?: string } };
    if (options.dryRun === undefined) own.wroteAt(metadata?.resourceVersion ?? '');
    return answer;
  };
  return {
    get: client.get,
    create: (body, options) => recorded(client.create(body, options), options),
    update: (body, options) => recorded(client.update(body, options), options),
    patch: (type, patch, options) => recorded(client.patch(type, patch, options), options),
    apply: (configuration, options) => recorded(client.apply(configuration, options), options),
    async delete(options) {
      const deletion = await client.delete(options);
      own.wroteUnknown();
      return deletion;
    },
  };
}
