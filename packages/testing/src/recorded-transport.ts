import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  type ExchangeOptions,
  newGenericServerResponse,
  readJson,
  type Status,
  StatusError,
  type Transport,
  type WatchFrame,
} from '@coracle/apimachinery';
import { type Action, actionOf } from './action.ts';

/** Which requests an interceptor is asked about; what is left out may be anything. */
export interface ActionPattern {
  /** As of `Action`. */
  readonly verb?: string;
  /** `pods`, `pods/status`. */
  readonly resource?: string;
  readonly group?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** It is asked so many times at most. Default: always. */
  readonly times?: number;
}

/** What a watch answers with. */
type Events = AsyncIterable<readonly WatchFrame[]>;

/**
 * Sends the request on, with `object` instead of what was sent where it is given, and resolves with the answer: an object, the events of a
 * watch, text, or undefined for any other stream. Rejects with the StatusError of a refusal. Once for each request.
 */
export type Forward = (object?: unknown) => Promise<unknown>;

/**
 * What is done with a request: undefined lets it go on, an object is the answer, a StatusError that is thrown a refusal, any other error a
 * connection that broke. It may take its time, and it may `forward` first, to change the answer, or to lose it.
 */
export type Reaction = (action: Action, forward: Forward) => unknown;

interface Interceptor {
  readonly pattern: ActionPattern;
  readonly react: Reaction;
  timesLeft: number;
}

/** Actions that are kept; the oldest go. */
const mostActions = 10_000;
const reads: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const utf8 = new TextDecoder();

/**
 * Keeps what a client asks for and lets a test step in, in front of a server that is real: what client-go's fakes are used for (client-go
 * testing Fake), for every client over a transport. A request that is tried again is an action for each try.
 *
 * ```ts
 * const transport = new RecordedTransport(clientset.rest.transport);
 * const client = new Clientset({ process, transport });
 * transport.intercept({ verb: 'create', resource: 'pods', times: 1 }, () => { throw newForbidden(pods, '', 'not today'); });
 * ```
 */
export class RecordedTransport implements Transport {
  readonly #inner: Transport;
  readonly #actions: Action[] = [];
  #interceptors: readonly Interceptor[] = [];

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  get host(): string | undefined {
    return this.#inner.host;
  }

  /** What was asked for since the start or the last `clear`, in order; the last 10,000 of it. */
  get actions(): readonly Action[] {
    return [...this.#actions];
  }

  /** Those that are to change something. */
  get writes(): readonly Action[] {
    return this.#actions.filter(({ verb }) => !reads.has(verb));
  }

  clear(): void {
    this.#actions.length = 0;
  }

  /** From now on `react` is asked about the requests of `pattern`, after those who were there before; the first who answers is the last who is asked. Disposing ends it. */
  intercept(pattern: ActionPattern, react: Reaction): Disposable {
    const interceptor: Interceptor = { pattern, react, timesLeft: pattern.times ?? Number.POSITIVE_INFINITY };
    this.#interceptors = [...this.#interceptors, interceptor];
    return {
      [Symbol.dispose]: () => {
        this.#interceptors = this.#interceptors.filter((each) => each !== interceptor);
      },
    };
  }

  async exchange(request: ApiRequest, options?: ExchangeOptions): Promise<ApiResponse> {
    const action = this.#record(request);
    return this.#answer(request, this.#askedAbout(action), options);
  }

  /** An interceptor can refuse a connection that is to be upgraded, and nothing else: throws TypeError for one that answers. */
  async upgrade(request: ApiRequest, options?: ExchangeOptions): ReturnType<Transport['upgrade']> {
    const action = this.#record(request);
    const forward: Forward = () => Promise.reject(new TypeError(`Cannot forward "${action.path}": it is an upgrade`));
    for (const { react } of this.#askedAbout(action)) {
      if ((await react(action, forward)) !== undefined) throw new TypeError(`Cannot answer "${action.path}": it is an upgrade`);
    }
    return this.#inner.upgrade(request, options);
  }

  #record(request: ApiRequest): Action {
    const action = actionOf(request);
    this.#actions.push(action);
    if (this.#actions.length > mostActions) this.#actions.shift();
    return action;
  }

  *#askedAbout(action: Action): Generator<Interceptor, void, undefined> {
    for (const interceptor of this.#interceptors) {
      if (interceptor.timesLeft <= 0 || !matches(interceptor.pattern, action)) continue;
      interceptor.timesLeft--;
      yield interceptor;
    }
  }

  async #answer(
    request: ApiRequest,
    interceptors: Iterator<Interceptor, void, undefined>,
    options: ExchangeOptions | undefined,
  ): Promise<ApiResponse> {
    const next = interceptors.next();
    if (next.done === true) return this.#inner.exchange(request, options);
    let forwarded: { readonly response: ApiResponse; readonly content: unknown } | undefined;
    const forward: Forward = async (object) => {
      if (forwarded !== undefined) throw new TypeError(`Cannot forward "${request.path}" twice`);
      const response = await this.#answer(object === undefined ? request : withBody(request, object), interceptors, options);
      const content = contentOf(response);
      const isRefusal = response.status >= 400;
      forwarded = { response, content: isRefusal ? refusalOf(request, response.status, content) : content };
      if (isRefusal) throw forwarded.content;
      return content;
    };
    let result: unknown;
    try {
      result = await next.value.react(actionOf(request), forward);
    } catch (error) {
      if (forwarded !== undefined && error === forwarded.content) return forwarded.response;
      if (error instanceof StatusError) return responseOf(error);
      throw error;
    }
    if (forwarded !== undefined && (result === undefined || result === forwarded.content)) return forwarded.response;
    if (result === undefined) return this.#answer(request, interceptors, options);
    if (isEvents(result)) return { status: 200, headers: {}, events: result };
    return { status: 200, headers: {}, body: { form: 'object', object: deepFreeze(result) } };
  }
}

function matches(pattern: ActionPattern, action: Action): boolean {
  const { verb = action.verb, resource = action.resource, group = action.group } = pattern;
  const { namespace = action.namespace, name = action.name } = pattern;
  return (
    verb === action.verb && resource === action.resource && group === action.group && namespace === action.namespace && name === action.name
  );
}

function withBody(request: ApiRequest, object: unknown): ApiRequest {
  return { ...request, body: { form: 'object', object: deepFreeze(object) } };
}

function contentOf(response: ApiResponse): unknown {
  if ('events' in response) return response.events;
  const { body } = response;
  if (body.form === 'object') return body.object;
  if (body.form === 'stream') return undefined;
  return body.contentType.startsWith('application/json') ? deepFreeze(readJson(body.bytes).value) : utf8.decode(body.bytes);
}

function refusalOf({ method }: ApiRequest, code: number, content: unknown): StatusError {
  const isStatus = typeof content === 'object' && content !== null && 'kind' in content && content.kind === 'Status';
  return isStatus
    ? new StatusError(content as unknown as Status) // its kind says so
    : newGenericServerResponse({ code, verb: method, serverMessage: String(content) });
}

/** As a server sends it. */
function responseOf({ code, status }: StatusError): ApiResponse {
  const { retryAfterSeconds = 0 } = status.details ?? {};
  return {
    status: code,
    headers: retryAfterSeconds > 0 ? { 'retry-after': String(retryAfterSeconds) } : {},
    body: { form: 'object', object: deepFreeze({ kind: 'Status', apiVersion: 'v1', ...status }) },
  };
}

function isEvents(value: unknown): value is Events {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
