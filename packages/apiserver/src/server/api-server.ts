import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  FieldError,
  type Frozen,
  newForbidden,
  newInternalError,
  newInvalid,
  newPathNotFound,
  newStatusError,
  newUnauthorized,
  type RequestInfo,
  readYamlStream,
  requestInfo,
  StatusError,
  writeJsonBytes,
  writeYaml,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Authenticator, Credentials } from '../authentication/authenticator.ts';
import { anonymous, authenticated, type UserInfo } from '../authentication/user.ts';
import type { Attributes, Authorizer, Decision } from '../authorization/authorizer.ts';
import type { ApiObject, RequestContext, ResourceDefinition } from '../registry/definition.ts';
import { steppedStorage } from '../storage/stepped.ts';
import type { Storage } from '../storage/storage.ts';
import type { BodyReaders } from './body.ts';
import { readBody } from './body.ts';
import { Discovery } from './discovery.ts';
import { impersonationOf } from './impersonation.ts';
import { type MediaType, negotiate, type Wanted } from './negotiation.ts';
import type { ProtobufForm } from './protobuf.ts';
import { type Answer, render } from './render.ts';
import { type Call, type ResourceInfo, serveResource } from './resource-handler.ts';
import type { Resources } from './resources.ts';

/** A path outside /api and /apis. `undefined`: nothing is served there. */
export type PathHandler = (
  request: ApiRequest,
  query: ReadonlyMap<string, string>,
  user: UserInfo,
) => Promise<Answer | undefined> | Answer | undefined;

export interface ApiServerOptions {
  readonly process: Process;
  readonly storage: Storage;
  readonly resources: Resources;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** `storage`: every operation of the store is a step of its own, so that requests interleave in a simulation. */
  readonly interleave?: 'requests' | 'storage';
  readonly readers?: BodyReaders;
  /** Of the kinds that have one: the form of most clients in Go. */
  readonly protobuf?: ProtobufForm;
  /** By the first segment of the path: `version`, `healthz`, `openapi`. */
  readonly paths?: Readonly<Record<string, PathHandler>>;
  /** What legacy discovery says clients shall dial; known once the server listens. */
  serverAddress?(): string;
  /** Told of every authorization that passed: for the test that lists them. */
  readonly onAuthorized?: (attributes: Attributes, reason: string) => void;
}

/** Who asks, how the answer shall be handed over, and until when. */
export interface HandleOptions {
  readonly user: UserInfo;
  readonly form: 'object' | 'bytes';
  readonly signal: AbortSignal;
}

const notFoundPage: Answer = {
  is: 'bytes',
  status: 404,
  contentType: 'text/plain; charset=utf-8',
  bytes: Buffer.from('404 page not found\n'),
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Warnings of one answer, and characters of each, beyond which they are cut (apiserver pkg/warning). */
const maxWarnings = 50;
const maxWarningLength = 2_000;

/**
 * The one handler of every request (apiserver pkg/server, the chain of filters): authenticate, impersonate, authorize, serve,
 * give the answer its form. Listeners and in-process callers both come here.
 */
export class ApiServer {
  readonly process: Process;
  readonly resources: Resources;
  readonly storage: Storage;
  readonly #options: ApiServerOptions;
  readonly #discovery: Discovery;
  readonly #readers: BodyReaders;
  #requests = 0;

  constructor(options: ApiServerOptions) {
    this.process = options.process;
    this.resources = options.resources;
    this.storage = options.storage;
    this.#options = options;
    const { protobuf, readers = {} } = options;
    const withYaml: BodyReaders = { 'application/yaml': readYamlBody, ...readers };
    this.#readers =
      protobuf === undefined
        ? withYaml
        : { ...withYaml, 'application/vnd.kubernetes.protobuf': (bytes) => ({ value: protobuf.read(bytes) }) };
    this.#discovery = new Discovery(options.resources);
  }

  /** For listeners: finds out who asks. The answer is bytes. */
  async serve(request: ApiRequest, credentials: Credentials, call: Call): Promise<ApiResponse> {
    const found = this.#options.authenticator.authenticate(credentials);
    const user = found instanceof Promise ? await found : found;
    if (user === 'refused') return this.#withHeaders(this.#refusal(newUnauthorized(), request, 'bytes'), []);
    return this.#handle(request, user === undefined ? anonymous : authenticated(user), 'bytes', call);
  }

  /** Never rejects: what goes wrong is an answer with a Status. */
  handle(request: ApiRequest, options: HandleOptions): Promise<ApiResponse> {
    return this.#handle(request, options.user, options.form, options);
  }

  async #handle(request: ApiRequest, caller: UserInfo, form: HandleOptions['form'], call: Call): Promise<ApiResponse> {
    const query = queryOf(request);
    const info = requestInfo(request, query);
    const warnings: string[] = [];
    try {
      const user = mayImpersonate(request) ? await this.#impersonate(request, caller) : caller;
      const asked = this.#authorize(info, user, query);
      if (asked !== undefined) await asked;
      const context = this.#context(user, info, query, request, (text) => addWarning(warnings, text));
      const answer = await this.#serve(request, info, query, context, call);
      const wanted = wantedForm(answer, request, query, this.#options.protobuf !== undefined && form === 'bytes');
      const nowMs = this.process.clock.now();
      const response = render(answer, {
        form,
        wanted,
        includeObject: query.get('includeObject') ?? 'Metadata',
        nowMs,
        encode: this.#encode,
        protobuf: this.#options.protobuf,
      });
      return this.#withHeaders(response, warnings);
    } catch (error) {
      return this.#withHeaders(this.#refusal(error, request, form), warnings);
    }
  }

  async #serve(
    request: ApiRequest,
    info: RequestInfo,
    query: ReadonlyMap<string, string>,
    context: RequestContext,
    call: Call,
  ): Promise<Answer> {
    if (info.kind === 'path') return this.#servePath(request, info.path, query, context.user);
    const registry = this.resources.registry(info.group, info.version, info.resource);
    if (registry !== undefined && isAddressed(registry.definition, info)) {
      const { deprecation } = registry.definition;
      if (deprecation !== undefined) context.warn(deprecation);
      return serveResource({ process: this.process, registry, info, request, query, context, readers: this.#readers, call });
    }
    // Groups without built-in kinds are served by another handler upstream, which has no Status to give.
    if (!this.resources.hasBuiltInGroup(info.group)) return notFoundPage;
    return this.#serveAction(request, info, context);
  }

  async #serveAction(request: ApiRequest, info: ResourceInfo, context: RequestContext): Promise<Answer> {
    const action = this.resources.action(info.group, info.version, info.resource);
    // Only the collection of such a resource has a path; there is nothing to be read.
    if (action === undefined || info.name !== '' || action.namespaced !== (info.namespace !== '')) throw newPathNotFound();
    if (info.verb !== 'create')
      throw newStatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const body = readBody(request.body, action.kind, this.#readers).value;
    const sent = deepFreeze(body ?? {}) as ApiObject; // readBody refuses what is no object; nobody relies on more of it
    const value = await action.create(await this.resources.admitAction(action, sent, context), context);
    return { is: 'value', status: 201, value };
  }

  async #servePath(request: ApiRequest, path: string, query: ReadonlyMap<string, string>, user: UserInfo): Promise<Answer> {
    const [root = ''] = path.split('/').filter((part) => part !== '');
    if (root === 'api' || root === 'apis') return this.#discover(request, path.replace(/\/+$/, ''));
    const { paths = {} } = this.#options;
    const handler = Object.hasOwn(paths, root) ? paths[root] : undefined;
    const answer = await handler?.(request, query, user);
    return answer ?? notFoundPage;
  }

  #discover(request: ApiRequest, path: string): Answer {
    if (request.method !== 'GET')
      throw newStatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
    const wanted = negotiate(request.headers);
    if (wanted.as === 'APIGroupDiscoveryList' && (path === '/api' || path === '/apis')) {
      const contentType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
      const { value, hash } = this.#discovery.aggregated(path);
      const etag = `"${hash}"`;
      const headers = { 'cache-control': 'public', etag, vary: 'Accept' };
      if (request.headers['if-none-match'] === etag) return { is: 'bytes', status: 304, contentType, bytes: new Uint8Array(), headers };
      return { is: 'value', status: 200, value, contentType, headers };
    }
    const document = this.#discovery.legacy(path, this.#options.serverAddress?.() ?? '');
    if (document !== undefined) return { is: 'value', status: 200, value: document };
    const [, group = ''] = path.split('/').filter((part) => part !== '');
    if (path.startsWith('/apis/') && !this.resources.hasGroup(group)) {
      return notFoundPage;
    }
    throw newPathNotFound();
  }

  #context(
    user: UserInfo,
    info: RequestInfo,
    query: ReadonlyMap<string, string>,
    request: ApiRequest,
    warn: (text: string) => void,
  ): RequestContext {
    const { process, storage } = this;
    const dryRun = query.get('dryRun') ?? '';
    const optionsKind = info.kind === 'resource' ? optionsKinds[info.verb] : undefined;
    if (dryRun !== '' && dryRun !== 'All' && optionsKind !== undefined) {
      throw newInvalid({ group: 'meta.k8s.io', kind: optionsKind }, '', [FieldError.notSupported('dryRun', [dryRun], ['All'])]);
    }
    const lane = `request/${this.#requests++}`;
    return {
      user,
      namespace: info.kind === 'resource' && info.resource !== 'namespaces' ? info.namespace : '',
      dryRun: dryRun === 'All',
      clock: process.clock,
      random: process.random,
      storage: this.#options.interleave === 'storage' ? steppedStorage(storage, process, lane) : storage,
      userAgent: request.headers['user-agent'] ?? '',
      warn,
    };
  }

  /** A context for work that the server does of itself, as `user`. */
  contextFor(user: UserInfo, namespace = ''): RequestContext {
    const { process, storage } = this;
    return {
      user,
      namespace,
      dryRun: false,
      clock: process.clock,
      random: process.random,
      storage,
      userAgent: 'apiserver',
      warn: () => undefined,
    };
  }

  async #impersonate(request: ApiRequest, caller: UserInfo): Promise<UserInfo> {
    const impersonation = impersonationOf(request);
    if (impersonation === undefined) return caller;
    for (const { apiGroup, resource, subresource, namespace, name } of impersonation.needs) {
      await this.#require({
        user: caller,
        verb: 'impersonate',
        resourceRequest: true,
        apiGroup,
        apiVersion: 'v1',
        resource,
        subresource,
        namespace,
        name,
      });
    }
    return impersonation.user;
  }

  /** Most decisions are lookups; only what has to be waited for is a promise. Throws, or rejects with, the refusal. */
  #authorize(info: RequestInfo, user: UserInfo, query: ReadonlyMap<string, string>): Promise<void> | undefined {
    if (info.kind === 'path') return this.#require({ user, verb: info.verb, resourceRequest: false, path: info.path });
    const { verb, group, version, resource, subresource, namespace } = info;
    // Who lists or watches one object by its name needs no right to the others (requestinfo.go).
    const name = info.name === '' && (verb === 'list' || verb === 'watch') ? selectedName(query) : info.name;
    const fieldSelector = selecting.has(verb) ? query.get('fieldSelector') : undefined;
    return this.#require({
      user,
      verb,
      resourceRequest: true,
      apiGroup: group,
      apiVersion: version,
      resource,
      subresource,
      namespace,
      name,
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
  }

  #require(attributes: Attributes): Promise<void> | undefined {
    const answer = this.#options.authorizer.authorize(attributes);
    if (answer instanceof Promise) return answer.then((decision) => this.#enforce(attributes, decision));
    this.#enforce(attributes, answer);
    return undefined;
  }

  #enforce(attributes: Attributes, { decision, reason }: Decision): void {
    if (decision !== 'allow') throw forbidden(attributes, reason);
    this.#options.onAuthorized?.(attributes, reason);
  }

  #refusal(error: unknown, request: ApiRequest, form: 'object' | 'bytes'): ApiResponse {
    let refusal: StatusError;
    if (error instanceof StatusError) refusal = error;
    else {
      this.process.log.error('A request failed', {
        method: request.method,
        path: request.path,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      refusal = newInternalError(error instanceof Error ? error.message : String(error));
    }
    const { status } = refusal;
    const seconds = status.details?.retryAfterSeconds;
    const wanted = request.headers['accept'] === 'application/yaml' ? { ...plainForm, mediaType: 'application/yaml' as const } : plainForm;
    const value = deepFreeze({ ...status, metadata: {} });
    const response = render(
      { is: 'value', status: refusal.code, value },
      { form, wanted, includeObject: 'None', nowMs: 0, encode: this.#encode, protobuf: undefined },
    );
    return seconds === undefined ? response : { ...response, headers: { ...response.headers, 'retry-after': String(seconds) } };
  }

  readonly #encode = (value: Frozen<unknown>, mediaType: MediaType): Uint8Array => {
    const { protobuf } = this.#options;
    if (mediaType === 'application/yaml') return encoder.encode(writeYaml(value));
    return mediaType === 'application/vnd.kubernetes.protobuf' && protobuf !== undefined ? protobuf.write(value) : writeJsonBytes(value);
  };

  #withHeaders(response: ApiResponse, warnings: readonly string[]): ApiResponse {
    const headers: Record<string, string> = { ...response.headers, 'audit-id': this.process.random.uuid() };
    if ('body' in response && response.body.form === 'object') headers['content-type'] ??= 'application/json';
    if (warnings.length > 0) headers['warning'] = warnings.join(', ');
    return { ...response, headers };
  }
}

/** The first document; what keys it has twice is told as upstream's reader tells it. */
function readYamlBody(bytes: Uint8Array): { readonly value: unknown; readonly faults: readonly string[] } {
  const [document] = readYamlStream(decoder.decode(bytes));
  return { value: document?.value ?? {}, faults: (document?.duplicates ?? []).map(({ message }) => message) };
}

/** Whether the path has a namespace where the resource has, as far as the path can be meant at all. */
function isAddressed({ namespaced }: ResourceDefinition, { namespace, name, resource }: ResourceInfo): boolean {
  return namespaced ? namespace !== '' || name === '' : namespace === '' || resource === 'namespaces';
}

/** Deletes read their own, which may come in a body. */
const optionsKinds: Readonly<Record<string, string>> = { create: 'CreateOptions', update: 'UpdateOptions', patch: 'PatchOptions' };

const selecting: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

/** X of the field selector `metadata.name=X`; '' for any other. */
function selectedName(query: ReadonlyMap<string, string>): string {
  return /^metadata\.name==?([^,!=]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}

const plainForm: Wanted = { mediaType: 'application/json', as: 'object', version: '', pretty: false };

function wantedForm(answer: Answer, { headers }: ApiRequest, query: ReadonlyMap<string, string>, protobuf: boolean): Wanted {
  switch (answer.is) {
    case 'object':
    case 'list':
    case 'watch':
      return negotiate(headers, { protobuf: protobuf && !answer.definition.typedItems, pretty: query.get('pretty') === 'true' });
    default:
      return plainForm;
  }
}

/** What nearly all requests have none of is looked for once, not header by header. */
function mayImpersonate({ headers, repeatedHeaders }: ApiRequest): boolean {
  if (repeatedHeaders !== undefined) return true;
  for (const name in headers) if (name.startsWith('impersonate-')) return true;
  return false;
}

const noQuery: ReadonlyMap<string, string> = new Map();

/** The first of several values counts, except where a handler reads the request's own list. */
function queryOf({ query }: ApiRequest): ReadonlyMap<string, string> {
  if (query.length === 0) return noQuery;
  const map = new Map<string, string>();
  for (const [name, value] of query) if (!map.has(name)) map.set(name, value);
  return map;
}

function addWarning(warnings: string[], text: string): void {
  if (warnings.length >= maxWarnings) return;
  const shown = text
    .slice(0, maxWarningLength)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll(/[\r\n]+/g, ' ');
  const line = `299 - "${shown}"`;
  if (!warnings.includes(line)) warnings.push(line);
}

function forbidden(attributes: Attributes, reason: string): StatusError {
  const { user, verb } = attributes;
  const why = reason === '' ? '' : `: ${reason}`;
  if (!attributes.resourceRequest)
    return newForbidden(
      { group: '', resource: '' },
      '',
      `User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(attributes.path)}${why}`,
    );
  const { apiGroup, resource, subresource, namespace, name } = attributes;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(apiGroup)} ${where}${why}`;
  return newForbidden({ group: apiGroup, resource }, name, what);
}
