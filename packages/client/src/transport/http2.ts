import type { Socket } from 'node:net';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { type ApiResponse, TransportError, type WireHeaders, writeJsonBytes } from '@coracle/apimachinery';
import { abortReason, type Process } from '@coracle/kernel';
import { readContent, withoutEncoding } from './answer.ts';
import { connectionLost } from './arriving.ts';
import type { WireOptions, WireRequest } from './wire-request.ts';

/** Pings find a dead connection, on which a watch would wait for ever (HTTP2_READ_IDLE_TIMEOUT_SECONDS, HTTP2_PING_TIMEOUT_SECONDS). */
export interface PingOptions {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

const noError = 0;
const refusedStream = 7;
const cancelled = 8;

/** One HTTP/2 connection, over which every request goes. */
export class Http2Connection {
  readonly #process: Process;
  readonly #session: ClientHttp2Session;
  readonly #onLost: () => void;

  private constructor(process: Process, session: ClientHttp2Session, onLost: () => void) {
    this.#process = process;
    this.#session = session;
    this.#onLost = onLost;
  }

  /** Over `socket`, which speaks HTTP/2 already. `onLost` is called when it takes no more requests. */
  static async open(options: {
    readonly process: Process;
    readonly origin: string;
    readonly socket: Socket;
    readonly ping: PingOptions;
    readonly onLost: () => void;
  }): Promise<Http2Connection> {
    const { process, origin, socket, ping, onLost } = options;
    const session = globalThis.process.getBuiltinModule('node:http2').connect(origin, { createConnection: () => socket });
    const connection = new Http2Connection(process, session, onLost);
    await connection.#ready(origin);
    if (ping.everyMs > 0) connection.#keepAlive(ping);
    return connection;
  }

  close(): void {
    this.#session.destroy();
  }

  async exchange(request: WireRequest, options: WireOptions): Promise<ApiResponse> {
    const { signal } = options;
    if (signal?.aborted) throw abortReason(signal);
    const stream = this.#send(request);
    const onAbort = (): void => stream.close(cancelled);
    signal?.addEventListener('abort', onAbort, { once: true });
    stream.once('close', () => signal?.removeEventListener('abort', onAbort));
    try {
      const { status, headers } = await answered(stream, request);
      const cancel = (): void => {
        if (!stream.closed) stream.close(cancelled);
      };
      const arriving = { request, status, headers, signal, stream, isWhole: () => stream.rstCode === noError, cancel };
      return { status, headers: withoutEncoding(headers), ...(await readContent(arriving, this.#process, options)) };
    } catch (error) {
      throw signal?.aborted ? abortReason(signal) : error;
    }
  }

  #ready(origin: string): Promise<void> {
    const session = this.#session;
    return new Promise((resolve, reject) => {
      const lost = (error?: Error): void => {
        this.#onLost();
        reject(
          new TransportError(`Cannot connect to "${origin}": ${error?.message ?? 'connection closed'}`, { executed: 'no', cause: error }),
        );
      };
      session.on('error', lost);
      session.once('close', () => lost());
      // The server takes no more requests on this connection; those that run may finish.
      session.once('goaway', this.#onLost);
      session.once('connect', () => resolve());
    });
  }

  #keepAlive({ everyMs, timeoutMs }: PingOptions): void {
    const { clock } = this.#process;
    const session = this.#session;
    const ping = (): void => {
      timer = clock.timer(timeoutMs, () => session.destroy(new Error(`No answer to a ping within ${timeoutMs} ms`)), { background: true });
      session.ping((error) => {
        timer[Symbol.dispose]();
        if (error === null && !session.destroyed) timer = clock.timer(everyMs, ping, { background: true });
      });
    };
    let timer = clock.timer(everyMs, ping, { background: true });
    session.once('close', () => timer[Symbol.dispose]());
  }

  #send(request: WireRequest): ClientHttp2Stream {
    const { body } = request;
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(
        { ':method': request.method, ':path': request.path + queryOf(request), ...headersOf(request) },
        { endStream: body === undefined },
      );
    } catch (error) {
      throw new TransportError(`Cannot send ${request.method} ${request.path}: the connection is closing`, {
        executed: 'no',
        cause: error,
      });
    }
    if (body?.form === 'object') stream.end(writeJsonBytes(body.object));
    else if (body?.form === 'bytes') stream.end(body.bytes);
    else if (body?.form === 'stream') {
      stream.close(cancelled);
      throw bodyWithoutEnd(request);
    }
    return stream;
  }
}

export function bodyWithoutEnd(request: WireRequest): TransportError {
  return new TransportError(`Cannot send ${request.method} ${request.path}: bodies without an end are not supported yet`, {
    executed: 'no',
  });
}

export function queryOf({ query }: WireRequest): string {
  return query.length === 0 ? '' : `?${new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString()}`;
}

export function headersOf({ body, headers, repeatedHeaders }: WireRequest): Record<string, string | string[]> {
  const type = body?.form === 'bytes' || body?.form === 'stream' ? { 'content-type': body.contentType } : {};
  const repeated = Object.entries(repeatedHeaders ?? {}).map(([name, values]): [string, string[]] => [name, [...values]]);
  return { ...type, ...headers, ...Object.fromEntries(repeated) };
}

function answered(stream: ClientHttp2Stream, request: WireRequest): Promise<{ readonly status: number; readonly headers: WireHeaders }> {
  return new Promise((resolve, reject) => {
    stream.once('response', (raw) => resolve({ status: Number(raw[':status'] ?? 0), headers: wireHeaders(raw) }));
    stream.once('error', (error) => reject(lost(stream, request, error)));
    stream.once('close', () => reject(lost(stream, request)));
  });
}

function lost(stream: ClientHttp2Stream, request: WireRequest, error?: unknown): TransportError {
  return connectionLost(request, error, stream.rstCode === refusedStream || stream.pending ? 'no' : 'unknown');
}

export function wireHeaders(raw: IncomingHttpHeaders | NodeJS.Dict<string | string[]>): WireHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (name.startsWith(':') || value === undefined) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
