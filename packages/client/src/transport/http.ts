import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders, type SecureClientSessionOptions } from 'node:http2';
import { type ApiRequest, type ApiResponse, type Body, type ExchangeOptions, type Transport, TransportError, type WatchFrame, type WireHeaders, writeJsonBytes } from '@coracle/apimachinery';
import { abortReason, type ByteDuplex, type Process, unlessAborted } from '@coracle/kernel';
import type { ClientConfig } from '../rest/config.ts';
import { decodeWatch } from './watch-decoder.ts';

export interface HttpTransportOptions {
  readonly process: Process;
  readonly config: ClientConfig;
}

/** A transport that holds a connection until it is closed, or its process stops. */
export interface ClosableTransport extends Transport, AsyncDisposable {
  close(): Promise<void>;
}

const connectTimeoutMs = 30_000;
/** Pings find a dead connection, on which a watch would wait for ever (as HTTP2_READ_IDLE_TIMEOUT_SECONDS upstream). */
const pingEveryMs = 30_000;
const pingTimeoutMs = 15_000;
/** A larger answer is refused: nothing that a server of ours or upstream's gives comes near. */
const maxAnswerBytes = 1 << 30;

/** HTTP/2 to an API server over one connection, made when first needed and again when it was lost. */
export function httpTransport(options: HttpTransportOptions): ClosableTransport {
  return new Http2Transport(options);
}

class Http2Transport implements ClosableTransport {
  readonly #process: Process;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #tls: SecureClientSessionOptions;
  readonly #token: string | undefined;
  #session: Promise<ClientHttp2Session> | undefined;
  #isClosed = false;

  constructor({ process, config }: HttpTransportOptions) {
    const url = new URL(config.server);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError(`Cannot connect to "${config.server}": neither https nor http`);
    if (config.insecureSkipTlsVerify === true && config.certificateAuthority !== undefined) {
      throw new TypeError('Cannot use a certificate authority together with insecureSkipTlsVerify');
    }
    this.#process = process;
    this.#origin = url.origin;
    this.#basePath = url.pathname.replace(/\/$/, '');
    this.#token = config.clientCertificate === undefined ? config.token : undefined;
    this.#tls = {
      ...(config.certificateAuthority === undefined ? {} : { ca: config.certificateAuthority }),
      ...(config.clientCertificate === undefined ? {} : { cert: config.clientCertificate }),
      ...(config.clientKey === undefined ? {} : { key: config.clientKey }),
      ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
      rejectUnauthorized: config.insecureSkipTlsVerify !== true,
      minVersion: 'TLSv1.2',
    };
    process.signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  async exchange(request: ApiRequest, options: ExchangeOptions = {}): Promise<ApiResponse> {
    const { signal } = options;
    const session = await unlessAborted(this.#connected(), signal);
    if (signal?.aborted) throw abortReason(signal);
    const stream = this.#open(session, request);
    const onAbort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal?.addEventListener('abort', onAbort, { once: true });
    stream.once('close', () => signal?.removeEventListener('abort', onAbort));
    try {
      const { status, headers } = await answered(stream, request);
      return { status, headers, ...(await this.#content(stream, request, signal, status, headers)) };
    } catch (error) {
      throw signal?.aborted ? abortReason(signal) : error;
    }
  }

  async upgrade(request: ApiRequest): Promise<{ readonly protocol: string; readonly duplex: ByteDuplex }> {
    throw new TransportError(`Cannot upgrade "${request.path}": the HTTP transport has no upgrades yet`, { executed: 'no' });
  }

  async close(): Promise<void> {
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): void {
    this.#isClosed = true;
    const session = this.#session;
    this.#session = undefined;
    session?.then((open) => open.destroy()).catch(() => undefined); // it never opened: nothing to close
  }

  #connected(): Promise<ClientHttp2Session> {
    if (this.#isClosed) return Promise.reject(new TransportError('Cannot send: the transport is closed', { executed: 'no' }));
    this.#session ??= this.#connect();
    return this.#session;
  }

  #connect(): Promise<ClientHttp2Session> {
    const connecting = new Promise<ClientHttp2Session>((resolve, reject) => {
      const session = connect(this.#origin, this.#tls);
      const timeout = this.#process.clock.timer(connectTimeoutMs, () => session.destroy(new Error(`No connection within ${connectTimeoutMs} ms`)));
      const lost = (error?: Error): void => {
        timeout[Symbol.dispose]();
        forget();
        reject(new TransportError(`Cannot connect to "${this.#origin}": ${error?.message ?? 'connection closed'}`, { executed: 'no', cause: error }));
      };
      const forget = (): void => {
        if (this.#session === connecting) this.#session = undefined;
      };
      session.on('error', lost);
      session.once('close', () => lost());
      // The server takes no more requests on this connection; those that run may finish.
      session.once('goaway', forget);
      session.once('connect', () => {
        timeout[Symbol.dispose]();
        this.#keepAlive(session);
        resolve(session);
      });
    });
    return connecting;
  }

  #keepAlive(session: ClientHttp2Session): void {
    const { clock } = this.#process;
    const next = clock.timer(
      pingEveryMs,
      () => {
        const overdue = clock.timer(pingTimeoutMs, () => session.destroy(new Error(`No answer to a ping within ${pingTimeoutMs} ms`)), { background: true });
        session.once('close', () => overdue[Symbol.dispose]());
        session.ping((error) => {
          overdue[Symbol.dispose]();
          if (error === null && !session.destroyed) this.#keepAlive(session);
        });
      },
      { background: true },
    );
    session.once('close', () => next[Symbol.dispose]());
  }

  #open(session: ClientHttp2Session, request: ApiRequest): ClientHttp2Stream {
    const query = new URLSearchParams(request.query.map(([name, value]): [string, string] => [name, value])).toString();
    const body = request.body;
    const type = body?.form === 'bytes' || body?.form === 'stream' ? { 'content-type': body.contentType } : {};
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(
        {
          ':method': request.method,
          ':path': `${this.#basePath}${request.path}${query === '' ? '' : `?${query}`}`,
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...type,
          ...request.headers,
        },
        { endStream: body === undefined },
      );
    } catch (error) {
      throw new TransportError(`Cannot send ${request.method} ${request.path}: the connection is closing`, { executed: 'no', cause: error });
    }
    if (body?.form === 'object') stream.end(writeJsonBytes(body.object));
    else if (body?.form === 'bytes') stream.end(body.bytes);
    else if (body?.form === 'stream') {
      stream.close(constants.NGHTTP2_CANCEL);
      throw new TransportError(`Cannot send ${request.method} ${request.path}: bodies without an end are not supported yet`, { executed: 'no' });
    }
    return stream;
  }

  async #content(stream: ClientHttp2Stream, request: ApiRequest, signal: AbortSignal | undefined, status: number, headers: WireHeaders): Promise<{ readonly body: Body } | { readonly events: AsyncIterable<readonly WatchFrame[]> }> {
    const contentType = headers['content-type'] ?? '';
    const asks = (name: string): boolean => request.query.some(([key, value]) => key === name && (value === 'true' || value === '1'));
    if (status === 200 && asks('watch')) return { events: decodeWatch(chunksOf(stream, request, signal), request.path) };
    if (status === 200 && asks('follow')) return { body: { form: 'stream', contentType, chunks: chunksOf(stream, request, signal) } };
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of chunksOf(stream, request, signal)) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxAnswerBytes) throw new TransportError(`Answer to ${request.method} ${request.path} is larger than ${maxAnswerBytes} bytes`, { executed: 'unknown' });
    }
    if (signal?.aborted) throw abortReason(signal); // what came may be a part
    return { body: { form: 'bytes', contentType, bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks) } };
  }
}

function answered(stream: ClientHttp2Stream, request: ApiRequest): Promise<{ readonly status: number; readonly headers: WireHeaders }> {
  return new Promise((resolve, reject) => {
    stream.once('response', (raw) => resolve({ status: Number(raw[':status'] ?? 0), headers: wireHeaders(raw) }));
    stream.once('error', (error) => reject(broken(stream, request, error)));
    stream.once('close', () => reject(broken(stream, request)));
  });
}

function broken(stream: ClientHttp2Stream, request: ApiRequest, cause?: unknown): TransportError {
  const why = cause instanceof Error ? cause.message : 'the stream was closed';
  const executed = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.pending ? 'no' : 'unknown';
  return new TransportError(`No answer to ${request.method} ${request.path}: ${why}`, { executed, cause });
}

/** The rest of the answer. Ends quietly when `signal` cancelled the request; throws TransportError when it was cut. */
async function* chunksOf(stream: ClientHttp2Stream, request: ApiRequest, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array; // no encoding is set
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && signal?.aborted !== true) throw broken(stream, request);
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof TransportError ? error : broken(stream, request, error);
  } finally {
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  }
}

function wireHeaders(raw: IncomingHttpHeaders): WireHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (name.startsWith(':') || value === undefined) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
