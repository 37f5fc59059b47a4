import {
  type ApiRequest,
  type Body,
  type ExchangeOptions,
  type Frozen,
  isValidPathSegment,
  type Method,
  type WatchFrame,
  type WireHeaders,
} from '@coracle/apimachinery';
import type { WireRequest } from '../transport/wire-request.ts';
import type { RequestRateLimiter } from './flow-control.ts';
import type { Warning, WarningHandler } from './warnings.ts';

/** What is known of the objects that a request asks for. */
export type ExpectedObjects = Pick<ExchangeOptions, 'kind' | 'withoutManagedFields' | 'previous'>;

/** A finished request with what its sender must know of it. */
export interface RequestPlan {
  readonly request: WireRequest;
  /** What it is about, for errors of servers that do not say. */
  readonly resource: { readonly group: string; readonly resource: string };
  readonly name: string;
  readonly expected: ExpectedObjects;
  /** Of all its tries; undefined for the client's own. */
  readonly timeoutMs: number | undefined;
  readonly maxRetries: number | undefined;
  readonly warningHandler: WarningHandler | undefined;
  readonly rateLimiter: RequestRateLimiter | undefined;
}

/** An answer with its head (client-go rest.Result). */
export interface Answer<T = Frozen<unknown>> {
  readonly status: number;
  readonly headers: WireHeaders;
  readonly warnings: readonly Warning[];
  readonly value: T;
}

/** Sends finished requests; implemented by RestClient. */
export interface RequestSender {
  send(plan: RequestPlan, signal?: AbortSignal): Promise<Answer>;
  sendRaw(plan: RequestPlan, signal?: AbortSignal): Promise<Answer<Uint8Array>>;
  sendWatch(plan: RequestPlan, signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>>;
  sendStream(plan: RequestPlan, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * A request under construction (client-go rest.Request). Parts may come in any order. What is wrong with them is
 * remembered and thrown, as TypeError, by `do` or `watch`, before anything is sent.
 */
export class Request {
  readonly #sender: RequestSender;
  readonly #method: Method;
  #query: [string, string][] = [];
  readonly #headers: Record<string, string> = {};
  readonly #repeatedHeaders: Record<string, readonly string[]> = {};
  #prefix = '';
  #group = '';
  #suffix = '';
  #namespace: string | undefined;
  #resource: string | undefined;
  #name: string | undefined;
  #subresource: string | undefined;
  #body: Body | undefined;
  #timeoutMs: number | undefined;
  #maxRetries: number | undefined;
  #warningHandler: WarningHandler | undefined;
  #rateLimiter: RequestRateLimiter | undefined;
  #expected: ExpectedObjects = {};
  #fault: string | undefined;

  constructor(sender: RequestSender, method: Method) {
    this.#sender = sender;
    this.#method = method;
  }

  /** The whole path, for what is no resource: `/version`, `/openapi/v3`. A slash at the end of a single segment is kept. */
  absPath(...segments: string[]): this {
    const [only = ''] = segments;
    this.#prefix = joined(segments);
    if (segments.length === 1 && only.length > 1 && only.endsWith('/')) this.#prefix += '/';
    return this;
  }

  /** Path and query of a link within the server; replaces the parameters so far. */
  requestUri(uri: string): this {
    if (!URL.canParse(uri, 'http://server')) {
      this.#refuse(`"${uri}" is no URI`);
      return this;
    }
    const url = new URL(uri, 'http://server');
    this.#query = [...url.searchParams];
    return this.absPath(url.pathname);
  }

  /** Before namespace, resource and name. */
  prefix(...segments: string[]): this {
    this.#prefix = joined([this.#prefix, ...segments]);
    return this;
  }

  /** After all of them. */
  suffix(...segments: string[]): this {
    this.#suffix = joined([this.#suffix, ...segments]).slice(1);
    return this;
  }

  groupVersion(group: string, version: string): this {
    this.#prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    this.#group = group;
    return this;
  }

  namespace(namespace: string): this {
    if (this.#namespace !== undefined) this.#refuse(`namespace already set to "${this.#namespace}", cannot change to "${namespace}"`);
    else this.#namespace = this.#segment('namespace', namespace);
    return this;
  }

  /** Sets the namespace only for resources that live in one. */
  namespaceIfScoped(namespace: string, namespaced: boolean): this {
    return namespaced ? this.namespace(namespace) : this;
  }

  resource(resource: string): this {
    if (this.#resource !== undefined) this.#refuse(`resource already set to "${this.#resource}", cannot change to "${resource}"`);
    else this.#resource = this.#segment('resource', resource.toLowerCase());
    return this;
  }

  name(name: string): this {
    if (name === '') this.#refuse('resource name may not be empty');
    else if (this.#name !== undefined) this.#refuse(`resource name already set to "${this.#name}", cannot change to "${name}"`);
    else this.#name = this.#segment('resource name', name);
    return this;
  }

  /** One or several segments: `scale`, or `proxy/healthz`. */
  subresource(subresource: string): this {
    if (this.#subresource !== undefined)
      this.#refuse(`subresource already set to "${this.#subresource}", cannot change to "${subresource}"`);
    else
      this.#subresource = subresource
        .split('/')
        .map((part) => this.#segment('subresource', part))
        .join('/');
    return this;
  }

  param(name: string, value: string): this {
    this.#query.push([name, value]);
    return this;
  }

  /** Adds every member that is set, as the server spells it. */
  params(options: object): this {
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined && value !== '') this.param(name, String(value));
    }
    return this;
  }

  /** Replaces what the header was; several values are several lines. */
  header(name: string, ...values: string[]): this {
    const key = name.toLowerCase();
    delete this.#headers[key];
    delete this.#repeatedHeaders[key];
    const [only] = values;
    if (values.length > 1) this.#repeatedHeaders[key] = values;
    else if (only !== undefined) this.#headers[key] = only;
    return this;
  }

  /** Of all tries together, told to the server too. */
  timeout(timeoutMs: number): this {
    this.#timeoutMs = timeoutMs;
    return this;
  }

  /** Tries after the first. Default 10; what is below zero is zero. */
  maxRetries(maxRetries: number): this {
    this.#maxRetries = Math.max(0, maxRetries);
    return this;
  }

  /** Instead of the client's. */
  warningHandler(handler: WarningHandler): this {
    this.#warningHandler = handler;
    return this;
  }

  /** Says what is asked for, by a list or a watch too: of a built-in kind, it may then come as protobuf over a wire. */
  expect(objects: ExpectedObjects): this {
    this.#expected = objects;
    return this;
  }

  /** Instead of the client's. */
  throttle(limiter: RequestRateLimiter): this {
    this.#rateLimiter = limiter;
    return this;
  }

  /** An object, frozen, as in process the server gets it as it is; or bytes, which are sent as they are. */
  body(body: Frozen<unknown>, contentType = 'application/json'): this {
    if (body instanceof Uint8Array) {
      this.#body = { form: 'bytes', contentType, bytes: body };
      return this;
    }
    this.#body = { form: 'object', object: body };
    return this.header('content-type', contentType);
  }

  /** Sends, and resolves with the answer's object, deep-frozen. Throws StatusError, TransportError or TypeError. */
  async do<T>(signal?: AbortSignal): Promise<Frozen<T>> {
    return (await this.#sender.send(this.plan(), signal)).value as Frozen<T>; // the caller names the type of what it asked for
  }

  /** The same with the status (201 says that it was created), headers and warnings. */
  async answer<T>(signal?: AbortSignal): Promise<Answer<Frozen<T>>> {
    return (await this.#sender.send(this.plan(), signal)) as Answer<Frozen<T>>; // as above
  }

  /** The answer's bytes, undecoded. */
  async doRaw(signal?: AbortSignal): Promise<Uint8Array> {
    return (await this.#sender.sendRaw(this.plan(), signal)).value;
  }

  /** A connection that is lost before it began, again and again, gives a watch without events. */
  async watch(signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>> {
    return this.#sender.sendWatch(this.param('watch', 'true').plan(), signal);
  }

  /** The answer's bytes as they come, for `pods/log` and the like; ends when the server does, or `signal` aborts. */
  async stream(signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#sender.sendStream(this.plan(), signal);
  }

  /** The request as the transport takes it. Throws TypeError when a part was wrong. */
  build(): ApiRequest {
    return this.plan().request;
  }

  /** What `do` sends. Throws TypeError when a part was wrong. */
  plan(): RequestPlan {
    const fault = this.#fault ?? this.#emptyNamespace();
    if (fault !== undefined) throw new TypeError(`Cannot send request: ${fault}`);
    const timeout: readonly [string, string][] =
      this.#timeoutMs === undefined || this.#timeoutMs === 0 ? [] : [['timeout', goDuration(this.#timeoutMs)]];
    return {
      request: {
        method: this.#method,
        path: this.#path(),
        query: timeout.length === 0 ? this.#query : [...this.#query, ...timeout],
        headers: this.#headers,
        ...(Object.keys(this.#repeatedHeaders).length === 0 ? {} : { repeatedHeaders: this.#repeatedHeaders }),
        ...(this.#body === undefined ? {} : { body: this.#body }),
      },
      resource: { group: this.#group, resource: this.#resource ?? '' },
      name: this.#name ?? '',
      expected: this.#expected,
      timeoutMs: this.#timeoutMs,
      maxRetries: this.#maxRetries,
      warningHandler: this.#warningHandler,
      rateLimiter: this.#rateLimiter,
    };
  }

  /** All namespaces are for reading many; whoever names one object, or makes one, must say where. */
  #emptyNamespace(): string | undefined {
    if (this.#namespace !== '') return undefined;
    if (this.#method === 'POST') return 'an empty namespace may not be set during creation';
    if (this.#name !== undefined && this.#method !== 'PATCH') return 'an empty namespace may not be set when a resource name is provided';
    return undefined;
  }

  #path(): string {
    let path = this.#prefix;
    if (this.#namespace !== undefined && this.#namespace !== '') path += `/namespaces/${this.#namespace}`;
    for (const part of [this.#resource, this.#name, this.#subresource, this.#suffix])
      if (part !== undefined && part !== '') path += `/${part}`;
    return path;
  }

  #segment(what: string, value: string): string {
    const [fault] = isValidPathSegment(value);
    if (fault !== undefined) this.#refuse(`invalid ${what} "${value}": ${fault}`);
    return encodeURIComponent(value).replaceAll('%3A', ':'); // RBAC names hold colons, which a path may
  }

  #refuse(fault: string): void {
    this.#fault ??= fault;
  }
}

/** One path with single slashes between, and none at the end (Go's path.Join). */
function joined(segments: readonly string[]): string {
  const parts = segments.flatMap((segment) => segment.split('/')).filter((part) => part !== '' && part !== '.');
  return `/${parts.join('/')}`;
}

/** `1m30s`, as Go writes a duration. */
function goDuration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`;
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1_000];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
