import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type ApiResponse, type ExchangeOptions, TransportError, type WireHeaders, writeJsonBytes } from '@coracle/apimachinery';
import { abortReason, type ByteDuplex } from '@coracle/kernel';
import { readContent, withoutEncoding } from './answer.ts';
import { connectionLost } from './arriving.ts';
import { type Connector, proxyAuthorization } from './connector.ts';
import { bodyWithoutEnd, headersOf, queryOf, wireHeaders } from './http2.ts';
import { socketDuplex } from './socket-duplex.ts';
import type { WireOptions, WireRequest } from './wire-request.ts';

/** What came instead of `101 Switching Protocols`. */
export interface RefusedUpgrade {
  readonly status: number;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export type UpgradeResult = { readonly protocol: string; readonly duplex: ByteDuplex } | { readonly refused: RefusedUpgrade };

/** More of an answer that refuses an upgrade is not read. */
const mostRefusalBytes = 1 << 20;

/** HTTP/1.1 to one server: a connection for each request that runs, kept for the next. */
export class Http1Connections {
  readonly #connector: Connector;
  readonly #agent: Agent;
  #spare: Socket | undefined;

  constructor(connector: Connector) {
    this.#connector = connector;
    this.#agent = new (globalThis.process.getBuiltinModule('node:http').Agent)({ keepAlive: true, maxFreeSockets: 25 });
    this.#agent.createConnection = (_options, onCreated) => {
      const spare = this.#takeSpare();
      if (spare !== undefined) return spare;
      this.#connector.connect(['http/1.1']).then(
        (socket) => onCreated?.(null, socket),
        // The agent takes no connection with an error, whatever its types say.
        (error: Error) => (onCreated as ((error: Error) => void) | undefined)?.(error),
      );
      return undefined;
    };
  }

  /** Gives a connection that was opened to learn what the server speaks. */
  adopt(socket: Socket): void {
    this.#spare = socket;
  }

  close(): void {
    this.#spare?.destroy();
    this.#agent.destroy();
  }

  async exchange(request: WireRequest, options: WireOptions): Promise<ApiResponse> {
    const { signal } = options;
    if (signal?.aborted) throw abortReason(signal);
    try {
      const message = await this.#sent(request, signal);
      const headers = withoutHops(wireHeaders(message.headers));
      const status = message.statusCode ?? 0;
      const cancel = (): void => {
        if (!message.complete) message.destroy();
      };
      const arriving = { request, status, headers, signal, stream: message, isWhole: () => message.complete, cancel };
      return { status, headers: withoutEncoding(headers), ...(await readContent(arriving, this.#connector.process, options)) };
    } catch (error) {
      throw signal?.aborted ? abortReason(signal) : error;
    }
  }

  /** A connection of its own, which speaks another protocol after the head of the answer. */
  async upgrade(request: WireRequest, { signal }: ExchangeOptions): Promise<UpgradeResult> {
    if (signal?.aborted) throw abortReason(signal);
    const socket = await this.#connector.connect(['http/1.1'], { tunnel: true });
    const sent = this.#request(request, { socket, headers: { connection: 'Upgrade' } });
    const onAbort = (): void => {
      socket.destroy();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await new Promise<UpgradeResult>((resolve, reject) => {
        sent.once('upgrade', (message, upgraded, head) => {
          if (!accepts(request, message))
            reject(new TransportError(`Cannot upgrade "${request.path}": the server did not accept the key`, { executed: 'unknown' }));
          else
            resolve({
              protocol: String(message.headers['sec-websocket-protocol'] ?? message.headers.upgrade ?? ''),
              duplex: socketDuplex(upgraded as Socket, head),
            });
        });
        sent.once('response', (message) =>
          resolve(
            refusal(message)
              .then((refused) => ({ refused }))
              .finally(() => socket.destroy()),
          ),
        );
        sent.once('error', (error) => reject(connectionLost(request, error)));
        sent.end();
      });
    } catch (error) {
      socket.destroy();
      throw signal?.aborted ? abortReason(signal) : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #takeSpare(): Socket | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare === undefined || spare.destroyed ? undefined : spare;
  }

  async #sent(request: WireRequest, signal: AbortSignal | undefined): Promise<IncomingMessage> {
    const { body } = request;
    if (body?.form === 'stream') throw bodyWithoutEnd(request);
    const bytes = body?.form === 'object' ? writeJsonBytes(body.object) : body?.bytes;
    const sent = this.#request(request, bytes === undefined ? {} : { headers: { 'content-length': String(bytes.length) } });
    let answer: IncomingMessage | undefined;
    const onAbort = (): void => {
      // Once there is an answer, ending the request would leave its reader waiting.
      (answer ?? sent).destroy();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    sent.once('close', () => signal?.removeEventListener('abort', onAbort));
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        sent.once('response', (message) => {
          answer = message;
          resolve(message);
        });
        sent.once('error', reject);
        sent.once('close', () => reject(new Error('the connection was closed')));
        sent.end(bytes);
      });
    } catch (error) {
      if (error instanceof TransportError) throw error;
      // A kept connection may have been closed by the server just when it was used: reading again is safe.
      if (sent.reusedSocket && request.method === 'GET' && signal?.aborted !== true) return this.#sent(request, signal);
      throw connectionLost(request, error);
    }
  }

  #request(request: WireRequest, extra: { readonly socket?: Socket; readonly headers?: Readonly<Record<string, string>> }): ClientRequest {
    const { target, forwardingProxy } = this.#connector;
    const proxied = extra.socket === undefined ? forwardingProxy : undefined;
    const authorization = proxied === undefined ? undefined : proxyAuthorization(proxied);
    const { socket } = extra;
    const sent = globalThis.process.getBuiltinModule('node:http').request({
      method: request.method,
      path: `${proxied === undefined ? '' : target.origin}${request.path}${queryOf(request)}`,
      headers: {
        host: target.host,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
        ...headersOf(request),
        ...extra.headers,
      },
      setHost: false,
      ...(socket === undefined ? { agent: this.#agent } : { createConnection: () => socket }),
    });
    sent.on('error', () => undefined); // one after the answer is told by the reader of the body
    return sent;
  }
}

/** A WebSocket's server proves that it read the request (RFC 6455, section 4.1). */
function accepts({ headers }: WireRequest, message: IncomingMessage): boolean {
  const key = headers['sec-websocket-key'];
  if (key === undefined) return true;
  const expected = globalThis.process
    .getBuiltinModule('node:crypto')
    .createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return message.headers['sec-websocket-accept'] === expected;
}

/** Without what was only of this connection. */
function withoutHops(headers: WireHeaders): WireHeaders {
  const { connection: _, 'keep-alive': _keepAlive, 'transfer-encoding': _transferEncoding, ...others } = headers;
  return others;
}

async function refusal(message: IncomingMessage): Promise<RefusedUpgrade> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    parts.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > mostRefusalBytes) break;
  }
  return { status: message.statusCode ?? 0, contentType: message.headers['content-type'] ?? '', bytes: Buffer.concat(parts) };
}
