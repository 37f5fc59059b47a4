import { deepFreeze, type DeleteOptions, type Frozen, type KubeObject, type Status } from '@coracle/apimachinery';
import { metaNamespaceKey, type ResourceClient, type ResourceHandle, type RestClient, type SubresourceClient } from '@coracle/client';
import { isGone, type OwnWrites } from './own-writes.ts';

interface Recorded<T extends KubeObject> {
  readonly rest: RestClient;
  readonly handle: ResourceHandle<T>;
  readonly namespace: string;
  readonly client: ResourceClient<T>;
  readonly own: OwnWrites<T>;
}

/** `client`, whose answers to writes `own` is told of. Dry runs write nothing. */
export function recordingClient<T extends KubeObject>({ rest, handle, namespace, client, own }: Recorded<T>): ResourceClient<T> {
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
    async delete(name, options = {}) {
      const deleted = own.deleting(metaNamespaceKey({ metadata: { namespace: handle.namespaced ? namespace : '', name } }));
      const request = rest.delete().groupVersion(handle.group, handle.version).namespaceIfScoped(namespace, handle.namespaced);
      // Not the client's own delete, which keeps the answer to itself.
      const answer = await request.resource(handle.resource).name(name).body(deleteBody(options)).do<Answer>();
      if (options.dryRun === undefined || options.dryRun.length === 0) recordDeletion(answer, own, deleted);
    },
    async deleteCollection(deleteOptions, listOptions) {
      try {
        await client.deleteCollection(deleteOptions, listOptions);
      } finally {
        own.wroteUnknown(); // also when it failed half-way
      }
    },
    subresource: <R>(name: string, subresource: string) => recordingSubresource(client.subresource<R>(name, subresource), own),
  };
}

/** A Status, or the object as it is or was. */
type Answer = Frozen<Status> | Frozen<KubeObject>;

function recordDeletion<T extends KubeObject>(answer: Answer, own: OwnWrites<T>, deleted: ReturnType<OwnWrites<T>['deleting']>): void {
  if (answer.kind === 'Status') {
    const { details } = answer as Frozen<Status>; // by its kind
    if (details?.uid === undefined) own.wroteUnknown();
    else deleted({ uid: details.uid });
    return;
  }
  const { metadata } = answer as Frozen<KubeObject>; // by its kind
  const { uid, resourceVersion: version } = metadata;
  if (metadata.deletionTimestamp !== undefined && !isGone(answer)) own.wrote(answer as Frozen<T>);
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
      await client.delete(options);
      own.wroteUnknown();
    },
  };
}

function deleteBody(options: DeleteOptions): Frozen<unknown> {
  return deepFreeze({ kind: 'DeleteOptions', apiVersion: 'v1', ...options } as unknown);
}
