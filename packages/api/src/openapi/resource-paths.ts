import type { ResourceRow, SubresourceRow } from '../resource-row.ts';
import { type OpenApiSchema, patchSchemaName, refTo } from './schema.ts';

/** Operations of one path by method, and the parameters that all of them share. */
export type PathItem = Readonly<Record<string, unknown>>;

/** How a document names the kinds behind a resource. */
export interface PathSchemas {
  /** Name of the schema of a kind. */
  kind(group: string, version: string, kind: string): string;
  /** Names and types of the query parameters that a subresource's options are. */
  options(kind: string): readonly Parameter[];
  /** Whether DELETE answers with the deleted object instead of a Status. */
  returnsDeleted(row: ResourceRow): boolean;
  /** Whether objects can be patched by strategic merge; default: they can. */
  readonly strategicMerge?: boolean;
}

/** A parameter of an operation, as OpenAPI describes it. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly required?: true;
  readonly schema: OpenApiSchema;
}

interface Operation {
  readonly method: string;
  readonly id: string;
  readonly action: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly parameters: readonly Parameter[];
  readonly body?: OpenApiSchema;
  readonly responses: Readonly<Record<string, unknown>>;
}

const status = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
const deleteOptions = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
const watchEvent = 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent';
const resourceList = 'io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList';

const mediaTypes = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const watchTypes = [
  'application/json',
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf;stream=watch',
  'application/yaml',
];
const strategicMergePatch = 'application/strategic-merge-patch+json';
const patchTypes = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json', strategicMergePatch];
/** Order in which a path's methods are printed. */
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

const [name, namespace] = ['name', 'namespace'].map((one) => parameter(one, 'string', 'path'));
const pretty = parameter('pretty', 'string');
const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((one) => parameter(one, 'string'));
const deleteParameters = [
  parameter('dryRun', 'string'),
  parameter('gracePeriodSeconds', 'integer'),
  parameter('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  parameter('orphanDependents', 'boolean'),
  parameter('propagationPolicy', 'string'),
];
const selectParameters = [
  ...['continue', 'fieldSelector', 'labelSelector', 'resourceVersion', 'resourceVersionMatch', 'shardSelector'].map((one) =>
    parameter(one, 'string'),
  ),
  ...['limit', 'timeoutSeconds'].map((one) => parameter(one, 'integer')),
  parameter('sendInitialEvents', 'boolean'),
];
const listParameters = [...selectParameters, parameter('allowWatchBookmarks', 'boolean'), parameter('watch', 'boolean')];

export function parameter(named: string, type: 'string' | 'integer' | 'boolean', place: 'query' | 'path' = 'query'): Parameter {
  return { name: named, in: place, ...(place === 'path' ? { required: true } : {}), schema: { type, uniqueItems: true } };
}

/** `rbac.authorization.k8s.io`, `v1` → `rbacAuthorization_v1`. */
export function tagOf(group: string, version: string): string {
  const [first = 'core', ...rest] = group === '' ? [] : group.replace(/\.k8s\.io$/, '').split('.');
  return `${first}${rest.map(capital).join('')}_${version}`;
}

/** `/apis/apps/v1` and `/api/v1`. */
export function rootOf(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** The path at which a version of a group lists its resources. */
export function discoveryPath(group: string, version: string): readonly [path: string, item: PathItem] {
  const tag = tagOf(group, version);
  const get = {
    tags: [tag],
    operationId: `get${idPrefix(tag)}APIResources`,
    responses: { 200: answer(mediaTypes, refTo(resourceList)), 401: {} },
  };
  return [`${rootOf(group, version)}/`, { get }];
}

/** All paths of a resource with their operations (apiserver pkg/endpoints/installer.go). */
export function resourcePaths(row: ResourceRow, schemas: PathSchemas): readonly (readonly [path: string, item: PathItem])[] {
  const { group, version, resource, kind, namespaced } = row;
  const tag = tagOf(group, version);
  const prefix = idPrefix(tag);
  const scope = namespaced ? 'Namespaced' : '';
  const root = rootOf(group, version);
  const base = namespaced ? `/namespaces/{namespace}/${resource}` : `/${resource}`;
  const inScope = [...(namespaced && namespace !== undefined ? [namespace] : []), pretty];
  const named = name === undefined ? inScope : [name, ...inScope];
  const own = { group, version, kind };
  const has = (verb: string): boolean => row.verbs.includes(verb);
  const schema = refTo(schemas.kind(group, version, kind));
  const paths: (readonly [string, PathItem])[] = [];
  const add = (path: string, shared: readonly Parameter[], operations: readonly (Operation | undefined)[]): void => {
    const present = operations.filter((one) => one !== undefined);
    if (present.length > 0) paths.push([`${root}${path}`, pathItem(tag, shared, present)]);
  };

  const listing = { action: 'list', kind: own, parameters: listParameters };
  const list = has('list')
    ? { ...listing, method: 'get', responses: { 200: answer(watchTypes, refTo(schemas.kind(group, version, `${kind}List`))), 401: {} } }
    : undefined;
  if (list !== undefined && namespaced) add(`/${resource}`, [pretty], [{ ...list, id: `list${prefix}${kind}ForAllNamespaces` }]);
  add(base, inScope, [
    list && { ...list, id: `list${prefix}${scope}${kind}` },
    has('create') ? { ...write('post', `create${prefix}${scope}${kind}`, own, schema), parameters: writeParameters } : undefined,
    has('deletecollection')
      ? deletion(`delete${prefix}Collection${scope}${kind}`, 'deletecollection', own, selectParameters, { 200: refTo(status) })
      : undefined,
  ]);
  const deleted = schemas.returnsDeleted(row) ? schema : refTo(status);
  add(`${base}/{name}`, named, [
    ...itemOperations(row.verbs, `${prefix}${scope}${kind}`, own, schema, schemas),
    has('delete') ? deletion(`delete${prefix}${scope}${kind}`, 'delete', own, [], { 200: deleted, 202: deleted }) : undefined,
  ]);
  for (const sub of row.subresources) {
    for (const [path, item] of subresourcePaths(row, sub, schemas, tag)) add(`${base}/{name}/${path}`, named, item);
  }
  if (has('watch')) {
    const watch = {
      method: 'get',
      kind: own,
      parameters: listParameters,
      responses: { 200: answer(watchTypes, refTo(watchEvent)), 401: {} },
    };
    if (namespaced)
      add(`/watch/${resource}`, [pretty], [{ ...watch, action: 'watchlist', id: `watch${prefix}${kind}ListForAllNamespaces` }]);
    add(`/watch${base}`, inScope, [{ ...watch, action: 'watchlist', id: `watch${prefix}${scope}${kind}List` }]);
    add(`/watch${base}/{name}`, named, [{ ...watch, action: 'watch', id: `watch${prefix}${scope}${kind}` }]);
  }
  return paths;
}

type Subpath = readonly [path: string, operations: readonly Operation[]];

function subresourcePaths(row: ResourceRow, sub: SubresourceRow, schemas: PathSchemas, tag: string): readonly Subpath[] {
  const suffix = `${row.namespaced ? 'Namespaced' : ''}${row.kind}${capital(sub.name)}`;
  const { group, version, kind } = sub;
  if (kind.endsWith('Options')) return connectPaths(sub, suffix, schemas.options(kind), tag);
  const prefix = idPrefix(tag);
  if (sub.name === 'log') {
    const text = answer([...mediaTypes, 'text/plain'], { type: 'string' });
    const read: Operation = {
      method: 'get',
      id: `read${prefix}${suffix}`,
      action: 'get',
      kind: { group, version, kind },
      parameters: schemas.options('PodLogOptions'),
      responses: { 200: text, 401: {} },
    };
    return [[sub.name, [read]]];
  }
  const schema = refTo(schemas.kind(group, version, kind));
  const create = sub.verbs.includes('create')
    ? [{ ...write('post', `create${prefix}${suffix}`, { group, version, kind }, schema), parameters: writeParameters }]
    : [];
  return [[sub.name, [...itemOperations(sub.verbs, `${prefix}${suffix}`, { group, version, kind }, schema, schemas), ...create]]];
}

/** exec, attach, portforward and proxy: whatever the connection carries. A proxy takes the rest of the path too. */
function connectPaths(sub: SubresourceRow, suffix: string, options: readonly Parameter[], tag: string): readonly Subpath[] {
  const { group, version, kind } = sub;
  const used = sub.verbs.includes('update') ? methods : ['get', 'post'];
  const responses = { 200: answer(['*/*'], { type: 'string' }), 401: {} };
  const connect = (method: string, more: readonly Parameter[], ending: string): Operation => {
    const id = `connect${idPrefix(tag)}${capital(method)}${suffix}${ending}`;
    return { method, id, action: 'connect', kind: { group, version, kind }, parameters: [...more, ...options], responses };
  };
  const plain: Subpath = [sub.name, used.map((method) => connect(method, [], ''))];
  if (!options.some((one) => one.name === 'path')) return [plain];
  const rest = parameter('path', 'string', 'path');
  return [plain, [`${sub.name}/{path}`, used.map((method) => connect(method, [rest], 'WithPath'))]];
}

function itemOperations(
  verbs: readonly string[],
  suffix: string,
  kind: Operation['kind'],
  schema: OpenApiSchema,
  { strategicMerge = true }: PathSchemas,
): readonly Operation[] {
  const operations: Operation[] = [];
  if (verbs.includes('get'))
    operations.push({
      method: 'get',
      id: `read${suffix}`,
      action: 'get',
      kind,
      parameters: [],
      responses: { 200: answer(mediaTypes, schema), 401: {} },
    });
  if (verbs.includes('update')) operations.push({ ...write('put', `replace${suffix}`, kind, schema), parameters: writeParameters });
  if (verbs.includes('patch')) {
    const body = {
      content: content(strategicMerge ? patchTypes : patchTypes.filter((type) => type !== strategicMergePatch), refTo(patchSchemaName)),
      required: true,
    };
    const parameters = [...writeParameters, parameter('force', 'boolean')];
    operations.push({ ...write('patch', `patch${suffix}`, kind, schema), body, parameters });
  }
  return operations;
}

function write(
  method: 'post' | 'put' | 'patch',
  id: string,
  kind: Operation['kind'],
  schema: OpenApiSchema,
): Omit<Operation, 'parameters'> {
  const done = answer(mediaTypes, schema);
  const responses = { 200: done, 201: done, ...(method === 'post' ? { 202: done } : {}), 401: {} };
  return { method, id, action: method, kind, body: { content: content(['*/*'], schema), required: true }, responses };
}

function deletion(
  id: string,
  action: string,
  kind: Operation['kind'],
  selectors: readonly Parameter[],
  answers: Readonly<Record<number, OpenApiSchema>>,
): Operation {
  const responses = Object.fromEntries(Object.entries(answers).map(([code, schema]) => [code, answer(mediaTypes, schema)]));
  const body = { content: content(['*/*'], refTo(deleteOptions)) };
  return {
    method: 'delete',
    id,
    action,
    kind,
    parameters: [...deleteParameters, ...selectors],
    body,
    responses: { ...responses, 401: {} },
  };
}

/** Parameters that every operation takes stand at the path, all in order of name. */
function pathItem(tag: string, shared: readonly Parameter[], operations: readonly Operation[]): PathItem {
  const lists = operations.map(({ action, parameters }) => [
    ...(action === 'connect' ? shared.filter((one) => one !== pretty) : shared),
    ...parameters,
  ]);
  const common = (lists[0] ?? []).filter((one) => lists.every((list) => list.some((other) => isSame(one, other))));
  const item: Record<string, unknown> = {};
  for (const [i, operation] of [...operations.entries()].sort(([, a], [, b]) => methods.indexOf(a.method) - methods.indexOf(b.method))) {
    const rest = (lists[i] ?? []).filter((one) => !common.some((other) => isSame(one, other)));
    item[operation.method] = {
      tags: [tag],
      operationId: operation.id,
      ...(rest.length === 0 ? {} : { parameters: byName(rest) }),
      ...(operation.body === undefined ? {} : { requestBody: operation.body }),
      responses: operation.responses,
      'x-kubernetes-action': operation.action,
      'x-kubernetes-group-version-kind': operation.kind,
    };
  }
  return { ...item, ...(common.length === 0 ? {} : { parameters: byName(common) }) };
}

function isSame(a: Parameter, b: Parameter): boolean {
  return a.name === b.name && a.in === b.in;
}

function byName(parameters: readonly Parameter[]): readonly Parameter[] {
  return parameters.toSorted((a, b) => (a.name === b.name ? (a.in < b.in ? -1 : 1) : a.name < b.name ? -1 : 1));
}

function answer(types: readonly string[], schema: OpenApiSchema): OpenApiSchema {
  return { content: content(types, schema) };
}

function content(types: readonly string[], schema: OpenApiSchema): OpenApiSchema {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

/** `rbacAuthorization_v1` → `RbacAuthorizationV1`. */
function idPrefix(tag: string): string {
  return tag.split('_').map(capital).join('');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
