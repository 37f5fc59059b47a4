import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { metaNamespaceKey, type ResourceClient, type ResourceHandle, type SubresourceClient } from '@coracle/client';
import type { WriteObserver } from './part-writes.ts';

interface Recorded<T extends KubeObject> {
  readonly handle: ResourceHandle<T>;
  readonly namespace: string;
  readonly client: ResourceClient<T>;
  readonly observer: WriteObserver<T>;
}

/** `client`, whose answers to writes `observer` is told of. Dry runs write nothing. */
export function recordingClient<T extends KubeObject>({ handle, namespace, client, observer }: Recorded<T>): ResourceClient<T> {
  const recorded = async (write: Promise<Frozen<T>>, options: { readonly dryRun?: string } = {}): Promise<Frozen<T>> => {
    const answer = await write;
    if (options.dryRun === undefined) observer.wrote(answer);
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
      const deleted = observer.deleting(metaNamespaceKey({ metadata: { namespace: handle.namespaced ? namespace : '', name } }));
      const deletion = await client.delete(name, options);
      if ((options?.dryRun ?? []).length === 0) deleted(deletion);
      return deletion;
    },
    async deleteCollection(deleteOptions, listOptions) {
      try {
        return await client.deleteCollection(deleteOptions, listOptions);
      } finally {
        observer.wroteUnknown(); // also when it failed half-way
      }
    },
    subresource: <R>(name: string, subresource: string) => recordingSubresource(client.subresource<R>(name, subresource), observer),
  };
}

/** Its answers are of another kind, and tell no more than how far the object's cache has to come. */
function recordingSubresource<R>(
  client: SubresourceClient<R>,
  observer: Pick<WriteObserver<KubeObject>, 'wroteAt' | 'wroteUnknown'>,
): SubresourceClient<R> {
  const recorded = async (write: Promise<Frozen<R>>, options: { readonly dryRun?: string } = {}): Promise<Frozen<R>> => {
    const answer = await write;
    const { metadata } = (answer ?? {}) as { readonly metadata?: { readonly resourceVersion?: string } };
    if (options.dryRun === undefined) observer.wroteAt(metadata?.resourceVersion ?? '');
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
      observer.wroteUnknown();
      return deletion;
    },
  };
}
