import {
  type ApiRequest,
  deepFreeze,
  newBadRequest,
  newMethodNotAllowed,
  newMethodNotSupported,
  newPathNotFound,
  type RequestInfo,
  type Unstructured,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { ApiObject, RequestContext, ResourceDefinition, Strategy, Subresource } from '../registry/definition.ts';
import type { GenericRegistry, UpdateOptions } from '../registry/generic-registry.ts';
import { parseListQuery } from '../registry/list-options.ts';
import { readList, readOne } from '../registry/reader.ts';
import { type BodyReaders, decodeObject, type FieldValidation, fieldValidationOf, type OptionsKind, readBody } from './body.ts';
import { readDeleteOptions } from './delete-options.ts';
import { readPatch, type SentPatch } from './patch.ts';
import type { Answer } from './render.ts';
import { watchCollection } from './watch.ts';

export type ResourceInfo = Extract<RequestInfo, { readonly kind: 'resource' }>;

export interface ResourceRequest {
  readonly process: Process;
  readonly registry: GenericRegistry;
  readonly info: ResourceInfo;
  readonly request: ApiRequest;
  readonly query: ReadonlyMap<string, string>;
  readonly context: RequestContext;
  readonly readers: BodyReaders;
  readonly call: Call;
}

/** Says when the client is gone, to what does not end by itself: few requests ask for the signal, and it is not made before. */
export interface Call {
  readonly signal: AbortSignal;
}

/** Items deleted at once by a deletecollection (upstream: --delete-collection-workers). */
const deleteWorkers = 1;

/** Serves the verbs of one resource (apiserver pkg/endpoints/handlers). Throws Statuses. */
export async function serveResource(served: ResourceRequest): Promise<Answer> {
  const { info, registry } = served;
  const { definition } = registry;
  if (info.subresource !== '') return serveSubresource(served);
  if (info.rest !== '') throw newPathNotFound();
  const { verb } = info;
  if (!(definition.verbs as readonly string[]).includes(verb)) throw newMethodNotAllowed();
  switch (verb) {
    case 'get':
      return get(served);
    case 'list': {
      const listed = await readList(served.context.storage, definition, info.namespace, parseListQuery(served.query, false));
      return { is: 'list', definition, listed };
    }
    case 'watch':
      return watch(served);
    case 'create':
      return create(served);
    case 'update':
      return update(served, {});
    case 'patch':
      return patch(served, {});
    case 'delete':
      return remove(served);
    case 'deletecollection':
      return removeCollection(served);
    default:
      throw newMethodNotAllowed();
  }
}

async function get({ registry: { definition }, context, info, query }: ResourceRequest): Promise<Answer> {
  const { resourceVersion } = parseListQuery(new Map([['resourceVersion', query.get('resourceVersion') ?? '']]), false);
  const stored = await readOne(context.storage, definition, info.namespace, info.name, resourceVersion);
  return objectAnswer(definition, { status: 200, object: definition.convert?.fromStorage(stored.object) ?? stored.object, stored });
}

async function watch({ process, registry: { definition }, context, info, query, call }: ResourceRequest): Promise<Answer> {
  // A watch of one object by its path is one of the collection that selects the name.
  const selecting = info.name === '' ? query : new Map([...query, ['fieldSelector', `metadata.name=${info.name}`]]);
  const parsed = parseListQuery(selecting, true);
  const { signal } = call;
  const events = await watchCollection({ process, storage: context.storage, definition, namespace: info.namespace, query: parsed, signal });
  return { is: 'watch', definition, events };
}

async function create(served: ResourceRequest): Promise<Answer> {
  const { registry, context, info } = served;
  const { definition } = registry;
  if (info.name !== '' || (definition.namespaced && info.namespace === '')) throw newMethodNotAllowed();
  const object = decodeBody(served, 'CreateOptions');
  requireNamespace(definition, info, object);
  const { object: written, stored } = await registry.create(context, object);
  return objectAnswer(definition, { status: 201, object: written, stored });
}

async function update(served: ResourceRequest, options: UpdateOptions): Promise<Answer> {
  const { registry, context, info } = served;
  const { definition } = registry;
  if (info.name === '') throw newMethodNotAllowed();
  const object = decodeBody(served, 'UpdateOptions');
  const written = await registry.replace(context, info.name, addressed(definition, info, object), options);
  return objectAnswer(definition, { status: written.created ? 201 : 200, object: written.object, stored: written.stored });
}

async function patch(served: ResourceRequest, options: UpdateOptions): Promise<Answer> {
  const { registry, context, info, query } = served;
  const { definition } = registry;
  if (info.name === '') throw newMethodNotAllowed();
  const validation = fieldValidationOf(query, 'PatchOptions');
  const applied = readPatch(sentPatch(served, validation), definition.strategicMerge);
  const written = await registry.change(
    context,
    info.name,
    (current) => {
      const value = applied.apply(current);
      const object = decodeObject(definition, { value, duplicates: applied.duplicates }, validation, context, (why) =>
        applied.refused(value, current, why),
      );
      return addressed(definition, info, object);
    },
    options,
  );
  return objectAnswer(definition, { status: 200, object: written.object, stored: written.stored });
}

function sentPatch({ request: { body, headers }, context }: ResourceRequest, validation: FieldValidation): SentPatch {
  return { body, contentType: body?.form === 'bytes' ? body.contentType : (headers['content-type'] ?? ''), validation, context };
}

async function remove(served: ResourceRequest): Promise<Answer> {
  const { registry, context, info } = served;
  const { definition } = registry;
  const { options, dryRun } = readDeleteOptions(served.request, served.query, served.readers);
  const { object, stored, gone } = await registry.delete(dryRun ? { ...context, dryRun } : context, info.name, options);
  if (!gone || definition.strategy.returnsDeletedObject === true) return objectAnswer(definition, { status: 200, object, stored });
  const details = {
    name: info.name,
    ...(definition.group === '' ? {} : { group: definition.group }),
    kind: definition.resource,
    ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
  };
  return { is: 'value', status: 200, value: deepFreeze({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }) };
}

async function removeCollection(served: ResourceRequest): Promise<Answer> {
  const { registry, context, info, query } = served;
  const { definition } = registry;
  const { options, dryRun } = readDeleteOptions(served.request, query, served.readers);
  const listed = await readList(context.storage, definition, info.namespace, parseListQuery(query, false));
  const waiting = [...listed.items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const { metadata } = item.object;
      const scoped = { ...context, dryRun: context.dryRun || dryRun, namespace: metadata.namespace ?? '' };
      try {
        await registry.delete(scoped, metadata.name ?? '', options);
      } catch (error) {
        if (!isGone(error)) throw error; // somebody else was faster
      }
    }
  };
  await Promise.all(Array.from({ length: deleteWorkers }, worker));
  return { is: 'list', definition, listed };
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 404;
}

async function serveSubresource(served: ResourceRequest): Promise<Answer> {
  const { registry, info, context, request, query } = served;
  const { definition } = registry;
  const subresource = Object.hasOwn(definition.subresources, info.subresource) ? definition.subresources[info.subresource] : undefined;
  if (subresource === undefined) throw newPathNotFound();
  const verb = info.verb;
  if (!(subresource.verbs as readonly string[]).includes(verb))
    throw definition.typedItems ? newMethodNotSupported(definition, verb) : newMethodNotAllowed();
  if (subresource.handler === undefined) return serveView(served, subresource);
  const isBuilt = subresource.isBuilt !== false; // otherwise what was sent does not matter
  const isRead = isBuilt && request.body !== undefined && verb !== 'patch';
  const body = isRead ? readBody(request.body, subresource.response.kind, served.readers).value : undefined;
  const response = await subresource.handler({
    verb: verb as 'get',
    name: info.name,
    context,
    body: verb === 'create' && isBuilt ? await admitted(served, body) : body,
    ...(verb === 'patch' && isBuilt
      ? { patched: readPatch(sentPatch(served, fieldValidationOf(query, 'PatchOptions')), undefined).apply }
      : {}),
    query,
    signal: served.call.signal,
    registry,
  });
  if ('object' in response) return { is: 'value', status: response.status, value: response.object };
  if ('bytes' in response) return { is: 'bytes', status: response.status, contentType: response.contentType, bytes: response.bytes };
  return { is: 'stream', status: response.status, contentType: response.contentType, chunks: response.chunks };
}

async function admitted({ registry, info, context }: ResourceRequest, body: unknown): Promise<ApiObject> {
  const object = deepFreeze(body ?? {}) as ApiObject; // readBody refuses what is no object; who asks for more of it looks
  return registry.admitCreate(context, { subresource: info.subresource, name: info.name, object });
}

/** A subresource that is a view of its object: status. */
async function serveView(served: ResourceRequest, subresource: Subresource): Promise<Answer> {
  const options: UpdateOptions = {
    subresource: subresource.name,
    strategy: subresource.strategy ?? viewOfStatus(served.registry.definition),
  };
  switch (served.info.verb) {
    case 'get':
      return get(served);
    case 'update':
      return update(served, options);
    default:
      return patch(served, options);
  }
}

/** Writes through `/status` change nothing but the status (and metadata, which goes by the rules of all updates). */
function viewOfStatus({ strategy, statusStrategy = {} }: ResourceDefinition): Strategy {
  return {
    ...(strategy.allowUnconditionalUpdate === undefined ? {} : { allowUnconditionalUpdate: strategy.allowUnconditionalUpdate }),
    ...statusStrategy,
    validateUpdate: (object, old, context) => statusStrategy.validateUpdate?.(object, old, context) ?? [],
    prepareForUpdate(object, old, context) {
      const { status: _status, ...rest } = old;
      const metadata =
        strategy.statusKeepsMetadata === true ? { ...old.metadata, resourceVersion: object.metadata.resourceVersion } : object.metadata;
      const changed = { ...rest, metadata, ...(object['status'] === undefined ? {} : { status: object['status'] }) } as ApiObject; // the kind and metadata are there
      return statusStrategy.prepareForUpdate?.(changed, old, context) ?? changed;
    },
  };
}

function decodeBody(
  { registry: { definition }, request, query, context, readers }: ResourceRequest,
  optionsKind: OptionsKind,
): Unstructured {
  const validation = fieldValidationOf(query, optionsKind);
  return decodeObject(definition, readBody(request.body, definition.kind, readers), validation, context);
}

/** Refuses another object than the path names. */
function addressed(definition: ResourceDefinition, info: ResourceInfo, object: Unstructured): Unstructured {
  const { name = '' } = object.metadata;
  if (name === '') throw newBadRequest(`the name of the object (${info.name} based on URL) was undeterminable: name must be provided`);
  if (name !== info.name) throw newBadRequest(`the name of the object (${name}) does not match the name on the URL (${info.name})`);
  requireNamespace(definition, info, object);
  return object;
}

function requireNamespace(definition: ResourceDefinition, info: ResourceInfo, object: Unstructured): void {
  const { namespace = '' } = object.metadata;
  if (definition.namespaced && namespace !== '' && namespace !== info.namespace) {
    throw newBadRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function objectAnswer(
  definition: ResourceDefinition,
  {
    status,
    object,
    stored,
  }: { readonly status: number; readonly object: ApiObject; readonly stored: Extract<Answer, { is: 'object' }>['stored'] },
): Answer {
  return { is: 'object', status, definition, object, stored };
}
