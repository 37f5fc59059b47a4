import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  type Frozen,
  type Method,
  newGenericServerResponse,
  readJson,
  type Status,
  StatusError,
  type Transport,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import { type Process, TimeoutError } from '@coracle/kernel';
import { type RequestRateLimiter, Throttle, TokenBucketRateLimiter } from './flow-control.ts';
import { type Answer, Request, type RequestPlan, type RequestSender } from './request.ts';
import { isRetryable, nextTry, type Outcome, type Purpose, retryAfterSeconds, withPreviousError } from './retry.ts';
import { parseWarnings, type Warning, type WarningHandler, warningLogger } from './warnings.ts';

/** How a client asks (client-go rest.Config, without what concerns the connection). */
export interface ClientOptions {
  readonly process: Process;
  readonly transport: Transport;
  readonly userAgent?: string;
  /**
   * Lists and watches of built-in kinds are asked for in protobuf, over a wire: half of the bytes, and what nobody reads is not made. Default
   * true, as of client-go's generated clients; the objects are the same in JSON.
   */
  readonly prefersProtobuf?: boolean;
  /** Integers beyond 2^53 in answers become bigint; for objects whose types are not known. Default false. */
  readonly bigints?: boolean;
  /** Requests a second in the long run. Default: no limit, as servers have fairness of their own; upstream's is 5. Watches are free. */
  readonly qps?: number;
  /** Requests at once, with `qps`. Default 10. */
  readonly burst?: number;
  /** Instead of `qps` and `burst`; may be shared by clients. */
  readonly rateLimiter?: RequestRateLimiter;
  /** Default: each text is logged once. */
  readonly warningHandler?: WarningHandler;
  /** Of each request that is no watch, with all its tries. Default: none. */
  readonly timeoutMs?: number;
}

const defaultBurst = 10;
/** Tries after the first (client-go rest.NewRequest). */
const defaultMaxRetries = 10;
const utf8 = new TextDecoder();

/**
 * Requests to an API server, built part by part (client-go rest.RESTClient):
 * `rest.get().groupVersion('', 'v1').namespace('a').resource('pods').name('b').do()`.
 */
export class RestClient implements RequestSender {
  readonly process: Process;
  readonly transport: Transport;
  readonly #userAgent: string;
  readonly #bigints: boolean;
  readonly #prefersProtobuf: boolean;
  readonly #throttle: Throttle | undefined;
  readonly #warn: WarningHandler;
  readonly #timeoutMs: number | undefined;
  readonly #metrics: ReturnType<typeof clientMetrics>;

  constructor(options: ClientOptions) {
    const { process, qps = 0, burst = defaultBurst } = options;
    this.process = process;
    this.transport = options.transport;
    this.#userAgent = options.userAgent ?? `coracle/${process.name}`;
    this.#bigints = options.bigints ?? false;
    this.#prefersProtobuf = options.prefersProtobuf ?? true;
    const limiter = options.rateLimiter ?? (qps > 0 ? new TokenBucketRateLimiter(process, { qps, burst }) : undefined);
    this.#throttle = limiter === undefined ? undefined : new Throttle(process, limiter, options.transport.host);
    this.#warn = options.warningHandler ?? warningLogger(process.log);
    this.#timeoutMs = options.timeoutMs;
    this.#metrics = clientMetrics(process, options.transport);
  }

  verb(method: Method): Request {
    return new Request(this, method);
  }
  get(): Request {
    return this.verb('GET');
  }
  post(): Request {
    return this.verb('POST');
  }
  put(): Request {
    return this.verb('PUT');
  }
  patch(): Request {
    return this.verb('PATCH');
  }
  delete(): Request {
    return this.verb('DELETE');
  }

  async send(plan: RequestPlan, signal?: AbortSignal): Promise<Answer> {
    const response = await this.#exchange(plan, 'answer', signal);
    return { status: response.status, headers: response.headers, warnings: this.#warnings(plan, response), value: this.#decode(response) };
  }

  async sendRaw(plan: RequestPlan, signal?: AbortSignal): Promise<Answer<Uint8Array>> {
    const response = await this.#exchange(plan, 'answer', signal);
    if (!('body' in response) || response.body.form === 'stream')
      throw new TransportError('Cannot read the answer: it is a stream', { executed: 'unknown' });
    const { body } = response;
    const value = body.form === 'bytes' ? body.bytes : new TextEncoder().encode(JSON.stringify(body.object));
    return { status: response.status, headers: response.headers, warnings: this.#warnings(plan, response), value };
  }

  async sendWatch(plan: RequestPlan, signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>> {
    let response: ApiResponse;
    try {
      response = await this.#exchange(plan, 'watch', signal);
    } catch (error) {
      // As if it had begun and ended: whoever watches starts anew where it was.
      if (isRetryable(error, 'watch', 'GET')) return nothing();
      throw error;
    }
    this.#warnings(plan, response);
    if ('events' in response) return response.events;
    throw new TransportError(`Cannot watch "${plan.request.path}": the answer is no stream of events`, { executed: 'unknown' });
  }

  async sendStream(plan: RequestPlan, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#exchange(plan, 'stream', signal);
    this.#warnings(plan, response);
    if ('body' in response && response.body.form === 'stream') return response.body.chunks;
    if ('body' in response && response.body.form === 'bytes') return once(response.body.bytes);
    throw new TransportError(`Cannot stream "${plan.request.path}": the answer is no stream of bytes`, { executed: 'unknown' });
  }

  /** Sends until the answer is final, within the request's time. */
  async #exchange(plan: RequestPlan, purpose: Purpose, signal: AbortSignal | undefined): Promise<ApiResponse> {
    const throttle = plan.rateLimiter === undefined ? this.#throttle : new Throttle(this.process, plan.rateLimiter, this.transport.host);
    // Before the time runs: a client that is slowed down must not give its caller a time-out without having asked.
    if (throttle !== undefined && purpose !== 'watch') await throttle.pass(plan.request, signal);
    const timeoutMs = plan.timeoutMs ?? this.#timeoutMs ?? 0;
    if (timeoutMs <= 0 || purpose !== 'answer') return this.#tries(plan, purpose, throttle, signal);
    using deadline = this.process.clock.deadline(timeoutMs, { signal });
    return await this.#tries(plan, purpose, throttle, deadline.signal);
  }

  async #tries(plan: RequestPlan, purpose: Purpose, throttle: Throttle | undefined, signal: AbortSignal | undefined): Promise<ApiResponse> {
    const { request, maxRetries = defaultMaxRetries } = plan;
    const full: ApiRequest = { ...request, headers: { accept: 'application/json', 'user-agent': this.#userAgent, ...request.headers } };
    let previous: unknown;
    for (let attempts = 1; ; attempts++) {
      const outcome = await this.#try(full, plan, signal);
      this.#metrics.asked(codeOf(outcome), request.method);
      if (attempts > 1) this.#metrics.retried(codeOf(outcome), request.method);
      if ('response' in outcome && outcome.response.status >= 200 && outcome.response.status < 300) return outcome.response;
      const next = nextTry({
        purpose,
        method: request.method,
        isBodyStreamed: request.body?.form === 'stream',
        attempts,
        maxRetries,
        outcome,
      });
      if (next === undefined)
        throw withPreviousError(
          'error' in outcome ? this.#failure(outcome.error, request) : this.#refusal(plan, outcome.response),
          previous,
        );
      if ('error' in outcome) previous = outcome.error;
      try {
        await this.process.clock.sleep(next.waitMs, { signal });
        await throttle?.pass(request, signal, next.reason);
      } catch (error) {
        throw withPreviousError(this.#failure(error, request), previous);
      }
    }
  }

  async #try(request: ApiRequest, { expected: { kind, ...expected } }: RequestPlan, signal: AbortSignal | undefined): Promise<Outcome> {
    try {
      return {
        response: await this.transport.exchange(request, {
          ...expected,
          kind: this.#prefersProtobuf ? kind : undefined,
          signal,
          bigints: this.#bigints,
        }),
      };
    } catch (error) {
      return { error };
    }
  }

  /** Our own time-out is no answer; the caller's reason is the caller's. */
  #failure(error: unknown, { method, path }: ApiRequest): unknown {
    if (!(error instanceof TimeoutError)) return error;
    return new TransportError(`No answer to ${method} ${path}: ${error.message}`, { executed: 'unknown', cause: error });
  }

  #warnings({ warningHandler }: RequestPlan, { headers }: ApiResponse): readonly Warning[] {
    const header = headers['warning'];
    if (header === undefined) return [];
    const warnings = parseWarnings(header);
    for (const warning of warnings) (warningHandler ?? this.#warn)(warning);
    return warnings;
  }

  #decode(response: ApiResponse): Frozen<unknown> {
    if ('events' in response) throw new TransportError('Cannot decode the answer: it is a watch', { executed: 'unknown' });
    const { body } = response;
    switch (body.form) {
      case 'object':
        return deepFreeze(body.object as unknown);
      case 'bytes':
        if (body.bytes.length === 0) return undefined;
        if (!body.contentType.startsWith('application/json')) return utf8.decode(body.bytes);
        return deepFreeze(readJson(body.bytes, { bigints: this.#bigints }).value);
      case 'stream':
        throw new TransportError('Cannot decode the answer: it is a stream', { executed: 'unknown' });
    }
  }

  /** The server's own Status, or one made of what it said, as a proxy in between may (client-go newUnstructuredResponseError). */
  #refusal(plan: RequestPlan, response: ApiResponse): StatusError {
    this.#warnings(plan, response);
    const decoded = 'events' in response || response.body.form === 'stream' ? undefined : this.#decodedRefusal(response);
    if (isStatus(decoded)) return new StatusError(decoded);
    const text = typeof decoded === 'string' ? decoded.trim().slice(0, mostRefusalCharacters) : '';
    return newGenericServerResponse({
      code: response.status,
      verb: plan.request.method,
      resource: plan.resource,
      name: plan.name,
      serverMessage: text === '' ? 'unknown' : text,
      retryAfterSeconds: retryAfterSeconds(response) ?? 0,
      isUnexpected: true,
    });
  }

  #decodedRefusal(response: ApiResponse): Frozen<unknown> {
    try {
      return this.#decode(response);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return undefined; // it says JSON and is none: the code is all there is
    }
  }
}

const mostRefusalCharacters = 2_048;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}

/** Errors can be worded in any way: a series for each would have no bound. */
function codeOf(outcome: Outcome): string {
  return 'response' in outcome ? String(outcome.response.status) : '<error>';
}

function clientMetrics({ metrics }: Process, { host = '' }: Transport) {
  const requests = metrics.counter({
    name: 'rest_client_requests_total',
    help: 'Requests that were answered or failed, by status, method and server.',
    labels: ['code', 'method', 'host'],
  });
  const retries = metrics.counter({
    name: 'rest_client_request_retries_total',
    help: 'Tries after the first, by status, method and server.',
    labels: ['code', 'verb', 'host'],
  });
  return {
    asked: (code: string, method: Method): void => requests.add(1, code, method, host),
    retried: (code: string, method: Method): void => retries.add(1, code, method, host),
  };
}
