import type { IncomingMessage, ServerResponse } from 'node:http';
import { firstAborted, untilAborted } from '@coracle/kernel';
import type { CertificatePair } from '../webhook/certificate-watcher.ts';
import { type BoundAddress, type HttpAnswer, listen } from './http-server.ts';
import { TlsListener } from './tls-listener.ts';

/** What came in, with its body. */
export interface HttpsRequest {
  readonly path: string;
  readonly contentType: string;
  /** Undefined: longer than was to be read. */
  readonly body: Uint8Array | undefined;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** Where to listen and what to answer. A throw of `answer` ends the connection without an answer. */
export interface HttpsServerOptions {
  readonly host: string;
  readonly port: number;
  /** PEM of those who sign certificates of clients. With it a client without one is refused. */
  readonly clientAuthorities?: string | undefined;
  /** How many bytes of a body to read at this path. */
  mostBytes(path: string): number;
  answer(request: HttpsRequest): Promise<HttpAnswer>;
}

/** HTTPS from a certificate that may be exchanged at any time: connections that are open go on with the old one. */
export class HttpsServer {
  readonly #listener: TlsListener;
  readonly #options: HttpsServerOptions;
  readonly #stopped = new AbortController();
  #openRequests = 0;

  constructor(options: HttpsServerOptions) {
    this.#options = options;
    this.#listener = new TlsListener({ clientAuthorities: options.clientAuthorities }, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
    });
  }

  /** See `TlsListener.use`. */
  use(pair: CertificatePair): void {
    this.#listener.use(pair);
  }

  /** Throws Node's error when it cannot listen. */
  listen(): Promise<BoundAddress> {
    return listen(this.#listener.server, this.#options.host, this.#options.port);
  }

  /** Serves until `signal` aborts; resolves when the last request was answered. */
  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    const closed = new Promise<void>((resolve) => this.#listener.server.close(() => resolve()));
    this.#stopped.abort(signal.reason);
    if (this.#openRequests === 0) this.#listener.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort(new Error('The client has gone'));
      this.#openRequests--;
      // Connections are kept open for a next request, which there is none of.
      if (this.#stopped.signal.aborted && this.#openRequests === 0) this.#listener.closeAllConnections();
    });
    this.#openRequests++;
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const body = await readBody(request, this.#options.mostBytes(path));
    using first = firstAborted(gone.signal, this.#stopped.signal);
    const answer = await this.#options.answer({ path, contentType: request.headers['content-type'] ?? '', body, signal: first.signal });
    // What was not read would be taken for the next request.
    if (body === undefined) response.shouldKeepAlive = false;
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

async function readBody(request: IncomingMessage, mostBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
