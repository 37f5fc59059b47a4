import {
  deepFreeze,
  type DeleteOptions,
  type Frozen,
  type GroupVersionResource,
  type KubeObject,
  type WatchFrame,
} from '@coracle/apimachinery';
import {
  type CallOptions,
  type GetOptions,
  type ListOptions,
  type PatchOptions,
  patchContentTypes,
  type PatchType,
  type WatchOptions,
} from '../rest/options.ts';
import { deleteBody, type Deletion, deletionOf } from '../rest/deletion.ts';
import type { Request } from '../rest/request.ts';
import type { ObjectList } from '../rest/resource-client.ts';
import { type ClientOptions, RestClient } from '../rest/rest-client.ts';
import { acceptMetadata, acceptMetadataList, metadataOf, type PartialObjectMetadata } from './partial-metadata.ts';

/** Reads metadata of one resource (client-go metadata.ResourceInterface). */
export interface MetadataResourceClient {
  get(name: string, options?: GetOptions, io?: CallOptions): Promise<Frozen<PartialObjectMetadata>>;
  list(options?: ListOptions, io?: CallOptions): Promise<ObjectList<PartialObjectMetadata>>;
  watch(options?: WatchOptions, io?: CallOptions): Promise<AsyncIterable<readonly WatchFrame[]>>;
  patch(name: string, type: PatchType, patch: unknown, options?: PatchOptions): Promise<Frozen<PartialObjectMetadata>>;
  delete(name: string, options?: DeleteOptions): Promise<Deletion<PartialObjectMetadata>>;
  deleteCollection(deleteOptions?: DeleteOptions, listOptions?: ListOptions): Promise<void>;
}

/** Any resource without what it is about, for who needs names, labels and owners only (client-go metadata.Client). */
export class MetadataClient {
  readonly rest: RestClient;

  constructor(options: ClientOptions) {
    this.rest = new RestClient(options);
  }

  /** `namespace` '' is the cluster scope, or all namespaces for reading. */
  resource(gvr: GroupVersionResource, namespace = ''): MetadataResourceClient {
    const { rest } = this;
    const at = (request: Request): Request =>
      request
        .groupVersion(gvr.group, gvr.version)
        .namespaceIfScoped(namespace, namespace !== '')
        .resource(gvr.resource);
    return {
      get: async (name, options = {}, io = {}) =>
        metadataOf(await at(rest.get()).name(name).header('accept', acceptMetadata).params(options).do<KubeObject>(io.signal)),
      list: async (options = {}, io = {}) => {
        const list = await at(rest.get())
          .header('accept', acceptMetadataList)
          .params(options)
          .do<{ metadata?: ObjectList<KubeObject>['metadata']; items?: KubeObject[] | null }>(io.signal);
        const items = (list.items ?? []) as readonly Frozen<KubeObject>[]; // the members of a frozen list are
        return { metadata: list.metadata ?? {}, items: items.map(metadataOf) };
      },
      watch: (options = {}, io = {}) => at(rest.get()).header('accept', acceptMetadata).params(options).watch(io.signal),
      patch: async (name, type, patch, { subresource, ...options } = {}) => {
        const request = at(rest.patch()).name(name).header('accept', acceptMetadata).params(options);
        if (subresource !== undefined) request.subresource(subresource);
        return metadataOf(await request.body(deepFreeze(patch), patchContentTypes[type]).do<KubeObject>());
      },
      delete: async (name, options = {}) => {
        const deletion = deletionOf<KubeObject>(
          await at(rest.delete()).name(name).header('accept', acceptMetadata).body(deleteBody(options)).do(),
        );
        return deletion.object === undefined ? deletion : { object: metadataOf(deletion.object) };
      },
      deleteCollection: async (options = {}, listOptions = {}) => {
        await at(rest.delete()).params(listOptions).body(deleteBody(options)).do();
      },
    };
  }
}
