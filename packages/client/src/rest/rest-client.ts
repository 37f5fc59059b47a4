import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  type Frozen,
  type Method,
  readJson,
  type Status,
  StatusError,
  type Transport,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { Request, type RequestSender } from './request.ts';

export interface ClientOptions {
  readonly process: Process;
  readonly transport: Transport;
  readonly userAgent?: string;
  /** Integers beyond 2^53 in answers become bigint; for objects whose types are not known. Default false. */
  readonly bigints?: boolean;
}

/** A refusal with Retry-After is tried again so often (client-go rest/with_retry.go). */
const maxRetries = 10;
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

  constructor(options: ClientOptions) {
    this.process = options.process;
    this.transport = options.transport;
    this.#userAgent = options.userAgent ?? `coracle/${options.process.name}`;
    this.#bigints = options.bigints ?? false;
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

  async send(request: ApiRequest, signal?: AbortSignal): Promise<Frozen<unknown>> {
    const response = await this.#exchange(request, signal);
    return this.#decode(response);
  }

  async sendWatch(request: ApiRequest, signal?: AbortSignal): Promise<AsyncIterable<readonly WatchFrame[]>> {
    const response = await this.#exchange(request, signal);
    if ('events' in response) return response.events;
    throw new TransportError(`Cannot watch "${request.path}": the answer is no stream of events`, { executed: 'unknown' });
  }

  async sendStream(request: ApiRequest, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#exchange(request, signal);
    if ('body' in response && response.body.form === 'stream') return response.body.chunks;
    if ('body' in response && response.body.form === 'bytes') return once(response.body.bytes);
    throw new TransportError(`Cannot stream "${request.path}": the answer is no stream of bytes`, { executed: 'unknown' });
  }

  /** Sends until the answer is final: 429, and 5xx that name a time, are tried again after it. */
  async #exchange(request: ApiRequest, signal: AbortSignal | undefined): Promise<ApiResponse> {
    const full: ApiRequest = {
      ...request,
      headers: { accept: 'application/json', 'user-agent': this.#userAgent, ...request.headers },
    };
    for (let attempt = 0; ; attempt++) {
      const response = await this.transport.exchange(full, { signal });
      if (response.status >= 200 && response.status < 300) return response;
      const retryAfterMs = retryAfter(response);
      if (retryAfterMs === undefined || attempt >= maxRetries) throw this.#refusal(request, response);
      await this.process.clock.sleep(retryAfterMs, { signal });
    }
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

  #refusal(request: ApiRequest, response: ApiResponse): StatusError {
    const decoded = 'events' in response || response.body.form === 'stream' ? undefined : this.#decode(response);
    if (isStatus(decoded)) return new StatusError(decoded);
    const text = typeof decoded === 'string' ? decoded.trim() : '';
    return new StatusError(genericStatus(response.status, request, text));
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes;
}

function isStatus(value: unknown): value is Status {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}

function retryAfter(response: ApiResponse): number | undefined {
  if (response.status !== 429 && response.status < 500) return undefined;
  const seconds = response.headers['retry-after'];
  return seconds !== undefined && /^\d{1,5}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

const genericReasons: Readonly<Record<number, Status['reason']>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** For answers without a Status, as a proxy in between may give (apimachinery api/errors NewGenericServerResponse). */
function genericStatus(code: number, request: ApiRequest, text: string): Status {
  const said = text === '' ? '' : `: ${text.slice(0, 2048)}`;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `the server answered ${request.method} ${request.path} with ${code}${said}`,
    reason: genericReasons[code] ?? '',
    code,
  };
}
