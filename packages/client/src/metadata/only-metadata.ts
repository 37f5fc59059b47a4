import { type Frozen, groupVersion, type KubeObject, type WatchFrame } from '@coracle/apimachinery';
import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import type { Deletion } from '../rest/deletion.ts';
import type { ResourceClient } from '../rest/resource-client.ts';
import type { PartialObjectMetadata } from './partial-metadata.ts';

/**
 * `handle`, whose objects are read with nothing but their metadata, for who needs names, labels and owners (controller-runtime
 * builder.OnlyMetadata). They are named by their own kind. Clients, informers and caches take it as any other
 * handle; an informer of it is another than that of the whole objects. It cannot create or update.
 */
export function onlyMetadata({
  group,
  version,
  resource,
  kind,
  namespaced,
}: ResourceHandle<KubeObject>): ResourceHandle<PartialObjectMetadata> {
  return { group, version, resource, kind, namespaced, onlyMetadata: true };
}

/** The handle of the same resource, whose objects are read as they are. */
export function wholeObjects({ group, version, resource, kind, namespaced }: ResourceHandle<KubeObject>): ResourceHandle<KubeObject> {
  return { group, version, resource, kind, namespaced };
}

/** What an object is without the rest, under the name of its own kind. */
export function metadataProjection(handle: ResourceHandle<KubeObject>, { metadata }: Frozen<KubeObject>): Frozen<PartialObjectMetadata> {
  return Object.freeze({ apiVersion: groupVersion(handle), kind: handle.kind, metadata });
}

/** `client`, which asks for metadata, with answers that hold nothing else, whatever the server sent. */
export function metadataOnlyClient(
  handle: ResourceHandle<PartialObjectMetadata>,
  client: ResourceClient<PartialObjectMetadata>,
): ResourceClient<PartialObjectMetadata> {
  type Answer = Frozen<PartialObjectMetadata>;
  const named = async (answer: Promise<Answer>): Promise<Answer> => metadataProjection(handle, await answer);
  const refuse = (verb: string) => async (): Promise<never> => {
    throw new TypeError(`Cannot ${verb} a ${handle.kind} with only its metadata: patch it`);
  };
  return {
    ...client,
    get: (...asked) => named(client.get(...asked)),
    async list(...asked) {
      const { metadata, items } = await client.list(...asked);
      return { metadata, items: items.map((item) => metadataProjection(handle, item)) };
    },
    create: refuse('create'),
    update: refuse('update'),
    updateStatus: refuse('update'),
    patch: (...asked) => named(client.patch(...asked)),
    apply: (...asked) => named(client.apply(...asked)),
    applyStatus: (...asked) => named(client.applyStatus(...asked)),
    async delete(...asked): Promise<Deletion<PartialObjectMetadata>> {
      const deletion = await client.delete(...asked);
      return deletion.object === undefined ? deletion : { object: metadataProjection(handle, deletion.object) };
    },
    async deleteCollection(...asked) {
      const { metadata, items } = await client.deleteCollection(...asked);
      return { metadata, items: items.map((item) => metadataProjection(handle, item)) };
    },
    watch: async (...asked) => projectedFrames(handle, await client.watch(...asked)),
  };
}

/** Errors are passed on as they are. */
async function* projectedFrames(
  handle: ResourceHandle<PartialObjectMetadata>,
  batches: AsyncIterable<readonly WatchFrame[]>,
): AsyncGenerator<readonly WatchFrame[], void, undefined> {
  for await (const batch of batches) {
    yield batch.map(
      ({ type, object }) =>
        type === 'ERROR' ? { type, object } : { type, object: metadataProjection(handle, object as Frozen<KubeObject>) }, // of these events it is one
    );
  }
}
