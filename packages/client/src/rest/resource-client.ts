import {
  deepFreeze,
  type DeleteOptions,
  type Frozen,
  groupVersion,
  type KubeObject,
  type ListMeta,
  type WatchFrame,
} from '@coracle/apimachinery';
import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import type { ApplyConfiguration } from '../applyconfigurations/apply-configuration.ts';
import {
  type ApplyOptions,
  type CallOptions,
  type GetOptions,
  type ListOptions,
  type PatchOptions,
  patchContentTypes,
  type PatchType,
  type WatchOptions,
  type WriteOptions,
} from './options.ts';
import { deleteBody, type Deletion, deletionOf } from './deletion.ts';
import { metadataOnlyClient } from '../metadata/only-metadata.ts';
import { acceptMetadata, acceptMetadataList, type PartialObjectMetadata } from '../metadata/partial-metadata.ts';
import type { Request } from './request.ts';
import type { RestClient } from './rest-client.ts';

/** A list as the server answers it: its own version, the token of the next page, and the objects. */
export interface ObjectList<T> {
  readonly metadata: ListMeta;
  readonly items: readonly Frozen<T>[];
}

/** A subresource whose objects have a type of their own: `scale`, `binding`, `eviction`, `token`. */
export interface SubresourceClient<R> {
  get(options?: GetOptions): Promise<Frozen<R>>;
  create(body: unknown, options?: WriteOptions): Promise<Frozen<R>>;
  update(body: unknown, options?: WriteOptions): Promise<Frozen<R>>;
  patch(type: PatchType, patch: unknown, options?: Omit<PatchOptions, 'subresource'>): Promise<Frozen<R>>;
  apply(configuration: unknown, options: ApplyOptions): Promise<Frozen<R>>;
  delete(options?: DeleteOptions): Promise<Deletion<R>>;
}

/** Members that say nothing yet when they are empty: nothing below them is required. */
type Omittable<T> = { [K in keyof T]-?: Record<never, never> extends T[K] ? K : never }[keyof T];

/**
 * What is written: an object as it was read, or one that leaves out what the server fills in, as `spec` of a Namespace. A member
 * with required ones below it, as `spec` of a Pod, has to be there.
 */
export type ObjectInput<T extends KubeObject> =
  | T
  | Frozen<T>
  | (Pick<Frozen<T>, 'metadata'> & Omit<Frozen<T>, Omittable<T>> & Partial<Frozen<T>>);

/**
 * One resource, in one namespace or cluster-wide (client-go gentype.ClientWithListAndApply). Answers are deep-frozen.
 * Every method throws StatusError for a refusal by the server and TransportError when no answer came.
 */
export interface ResourceClient<T extends KubeObject> {
  get(name: string, options?: GetOptions, io?: CallOptions): Promise<Frozen<T>>;
  /** Items name their kind, although servers leave that out in lists. */
  list(options?: ListOptions, io?: CallOptions): Promise<ObjectList<T>>;
  /** Fills in `apiVersion` and `kind` where absent. Freezes `object`. */
  create(object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>>;
  update(object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>>;
  updateStatus(object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>>;
  patch(name: string, type: PatchType, patch: unknown, options?: PatchOptions): Promise<Frozen<T>>;
  /**
   * Server-side apply: `options.fieldManager` owns the fields of `configuration`, which must name the object. Fields that it owned and
   * that are absent now are removed. Throws TypeError without a name or a manager.
   */
  apply(configuration: ApplyConfiguration<T>, options: ApplyOptions): Promise<Frozen<T>>;
  applyStatus(configuration: ApplyConfiguration<T>, options: ApplyOptions): Promise<Frozen<T>>;
  delete(name: string, options?: DeleteOptions): Promise<Deletion<T>>;
  /** Resolves with what it deleted, each object as it was or as it waits for its end. */
  deleteCollection(deleteOptions?: DeleteOptions, listOptions?: ListOptions): Promise<ObjectList<T>>;
  /** Batches of events until the server or `io.signal` ends the watch. */
  watch(options?: WatchOptions, io?: CallOptions): Promise<AsyncIterable<readonly WatchFrame[]>>;
  subresource<R = KubeObject>(name: string, subresource: string): SubresourceClient<R>;
}

/** The client for `handle` over `rest`; `namespace` '' is the cluster scope, or all namespaces for reading. */
export function resourceClient<T extends KubeObject>(rest: RestClient, handle: ResourceHandle<T>, namespace: string): ResourceClient<T> {
  const located = (request: Request): Request =>
    request.groupVersion(handle.group, handle.version).namespaceIfScoped(namespace, handle.namespaced).resource(handle.resource);
  const at = (request: Request, accept = acceptMetadata): Request =>
    handle.onlyMetadata === true ? located(request).header('accept', accept) : located(request);
  // As client-go's generated clients: whoever reads many objects reads them in the shorter form.
  const many = (request: Request, { withoutManagedFields, previous }: CallOptions): Request =>
    request.expect({ kind: handle.kind === '' || handle.onlyMetadata === true ? undefined : handle, withoutManagedFields, previous });
  const nameOf = (object: ObjectInput<T>): string => (object as KubeObject).metadata.name ?? ''; // each form of it is one
  const typed = (object: ObjectInput<T> | ApplyConfiguration<T>, kindName = handle.kind): Frozen<unknown> => {
    const { apiVersion, kind } = object as KubeObject; // each form of it is one
    // Whoever knows the resource only by its name knows no kind to add.
    if ((apiVersion !== undefined && kind !== undefined) || kindName === '') return deepFreeze(object as unknown);
    return deepFreeze({ apiVersion: groupVersion(handle), kind: kindName, ...object } as unknown);
  };
  const listed = ({ kind: listKind = '', metadata = {}, items }: Frozen<SentList<T>>): ObjectList<T> => {
    const kind = handle.kind === '' ? listKind.replace(/List$/, '') : handle.kind;
    return { metadata, items: ((items ?? []) as readonly Frozen<T>[]).map((item) => typed(item, kind)) as readonly Frozen<T>[] };
  };
  const applied = (configuration: ApplyConfiguration<T>, { force, ...options }: ApplyOptions): Request => {
    const { name = '' } = (configuration as KubeObject).metadata; // all of its metadata may be absent but the name
    if (name === '') throw new TypeError('name is required');
    if (options.fieldManager === '')
      throw new TypeError('PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch');
    const request = at(rest.patch()).name(name).params(options);
    return (force === true ? request.param('force', 'true') : request).body(typed(configuration), patchContentTypes.apply);
  };
  const client: ResourceClient<T> = {
    get: (name, options = {}, io = {}) => at(rest.get()).name(name).params(options).do<T>(io.signal),
    list: async (options = {}, io = {}) =>
      listed(await many(at(rest.get(), acceptMetadataList), io).params(options).do<SentList<T>>(io.signal)),
    create: (object, options = {}) => at(rest.post()).params(options).body(typed(object)).do<T>(),
    update: (object, options = {}) => at(rest.put()).name(nameOf(object)).params(options).body(typed(object)).do<T>(),
    updateStatus: (object, options = {}) =>
      at(rest.put()).name(nameOf(object)).subresource('status').params(options).body(typed(object)).do<T>(),
    patch: (name, type, patch, { subresource, ...options } = {}) => {
      const request = at(rest.patch()).name(name).params(options);
      if (subresource !== undefined) request.subresource(subresource);
      return request.body(deepFreeze(patch), patchContentTypes[type]).do<T>();
    },
    // Async, so that what is wrong with the arguments is a rejection as everywhere.
    apply: async (configuration, options) => applied(configuration, options).do<T>(),
    applyStatus: async (configuration, options) => applied(configuration, options).subresource('status').do<T>(),
    delete: async (name, options) => deletionOf<T>(await deleting(at(rest.delete()).name(name), options).do()),
    deleteCollection: async (deleteOptions, listOptions = {}) => {
      const answer = await deleting(at(rest.delete()).params(listOptions), deleteOptions).do<SentList<T> | undefined>();
      return listed(answer ?? {});
    },
    watch: (options = {}, io = {}) => many(at(rest.get()), io).params(options).watch(io.signal),
    subresource: <R>(name: string, subresource: string): SubresourceClient<R> => {
      const there = (request: Request): Request => located(request).name(name).subresource(subresource);
      const applyHere = ({ force, ...options }: ApplyOptions): Request => {
        const request = there(rest.patch()).params(options);
        return force === true ? request.param('force', 'true') : request;
      };
      return {
        get: (options = {}) => there(rest.get()).params(options).do<R>(),
        create: (body, options = {}) => there(rest.post()).params(options).body(deepFreeze(body)).do<R>(),
        update: (body, options = {}) => there(rest.put()).params(options).body(deepFreeze(body)).do<R>(),
        patch: (type, patch, options = {}) => there(rest.patch()).params(options).body(deepFreeze(patch), patchContentTypes[type]).do<R>(),
        apply: (configuration, options) => applyHere(options).body(deepFreeze(configuration), patchContentTypes.apply).do<R>(),
        delete: async (options) => deletionOf<R>(await deleting(there(rest.delete()), options).do()),
      };
    },
  };
  if (handle.onlyMetadata !== true) return client;
  const metadata = client as unknown as ResourceClient<PartialObjectMetadata>; // the handle says which T
  return metadataOnlyClient(handle as ResourceHandle<PartialObjectMetadata>, metadata) as unknown as ResourceClient<T>; // as above
}

/** A list on the wire. Go writes an empty list of items as null in some answers. */
interface SentList<T> {
  readonly kind?: string;
  readonly metadata?: ListMeta;
  readonly items?: readonly T[] | null;
}

function deleting(request: Request, options: DeleteOptions | undefined): Request {
  return options === undefined ? request : request.body(deleteBody(options));
}
