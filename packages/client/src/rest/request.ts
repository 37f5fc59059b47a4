import { type ApiRequest, type Body, type Frozen, isValidPathSegment, type Method, type WatchFrame } from '@coracle/apimachinery';

/** Sends a finished request; implemented by RestClient. */
export interface RequestSender {
  send(request: ApiRequest, signal?: AbortSignal): Promise<Frozen<unknown>>;
  sendWatch(request: ApiRequest, signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>>;
  sendStream(request: ApiRequest, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/**
 * A request under construction (client-go rest.Request). Parts may come in any order. What is wrong with them is
 * remembered and thrown, as TypeError, by `do` or `watch`, before anything is sent.
 */
export class Request {
  readonly #sender: RequestSender;
  readonly #method: Method;
  readonly #query: [string, string][] = [];
  readonly #headers: Record<string, string> = {};
  #absolute: string | undefined;
  #root = '';
  #namespace: string | undefined;
  #resource: string | undefined;
  #name: string | undefined;
  #subresource: string | undefined;
  #body: Body | undefined;
  #fault: string | undefined;

  constructor(sender: RequestSender, method: Method) {
    this.#sender = sender;
    this.#method = method;
  }

  /** The whole path, for what is no resource: `/version`, `/openapi/v3`. */
  absPath(path: string): this {
    this.#absolute = path;
    return this;
  }

  groupVersion(group: string, version: string): this {
    this.#root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return this;
  }

  namespace(namespace: string): this {
    if (this.#namespace !== undefined) this.#refuse(`namespace already set to "${this.#namespace}", cannot change to "${namespace}"`);
    else this.#namespace = this.#segment('namespace', namespace);
    return this;
  }

  /** As client-go's: sets the namespace only for resources that live in one. */
  namespaceIfScoped(namespace: string, namespaced: boolean): this {
    return namespaced && namespace !== '' ? this.namespace(namespace) : this;
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

  header(name: string, value: string): this {
    this.#headers[name.toLowerCase()] = value;
    return this;
  }

  /** `object` must be frozen: in process the server gets it as it is. */
  body(object: Frozen<unknown>, contentType = 'application/json'): this {
    this.#body = { form: 'object', object };
    return this.header('content-type', contentType);
  }

  /** Sends, and resolves with the answer's object, deep-frozen. Throws StatusError, TransportError or TypeError. */
  async do<T>(signal?: AbortSignal): Promise<Frozen<T>> {
    return (await this.#sender.send(this.build(), signal)) as Frozen<T>; // the caller names the type of what it asked for
  }

  async watch(signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>> {
    return this.#sender.sendWatch(this.param('watch', 'true').build(), signal);
  }

  /** The answer's bytes as they come, for `pods/log` and the like; ends when the server does, or `signal` aborts. */
  async stream(signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#sender.sendStream(this.build(), signal);
  }

  /** The request as the transport takes it. Throws TypeError when a part was wrong. */
  build(): ApiRequest {
    if (this.#fault !== undefined) throw new TypeError(`Cannot send request: ${this.#fault}`);
    return {
      method: this.#method,
      path: this.#absolute ?? this.#path(),
      query: this.#query,
      headers: this.#headers,
      ...(this.#body === undefined ? {} : { body: this.#body }),
    };
  }

  #path(): string {
    let path = this.#root;
    if (this.#namespace !== undefined) path += `/namespaces/${this.#namespace}`;
    for (const part of [this.#resource, this.#name, this.#subresource]) if (part !== undefined) path += `/${part}`;
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
