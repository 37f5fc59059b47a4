import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { untilAborted } from '@coracle/kernel';
import type { Runnable } from '../manager/runnables.ts';

/** What came in, as far as it matters for an answer. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
}

/** What goes out; names of headers are in lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where something listens. */
export interface BoundAddress {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

/** Where to listen. */
export interface ListenAddress {
  /** Default: loopback only. '' for all addresses, as a probe of a kubelet needs. */
  readonly host?: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** Where to listen and what to answer. A throw of `answer` ends the connection without an answer. */
export interface HttpServerOptions extends ListenAddress {
  readonly name: string;
  answer(request: HttpRequest): Promise<HttpAnswer>;
}

const loopback = '127.0.0.1';

/** Plain HTTP for probes and metrics; reads no bodies. Open connections are cut when it ends. */
export class HttpServer implements Runnable {
  readonly name: string;
  readonly phase = 'servers';
  readonly #options: HttpServerOptions;
  readonly #listening: PromiseWithResolvers<BoundAddress> = Promise.withResolvers();

  constructor(options: HttpServerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#listening.promise.catch(() => undefined); // told by `run`; nobody has to ask for the address
  }

  /** Where it listens, once it does. */
  get address(): Promise<BoundAddress> {
    return this.#listening.promise;
  }

  async ready(): Promise<void> {
    await this.#listening.promise;
  }

  /** Throws Node's error when it cannot listen. */
  async run(signal: AbortSignal): Promise<void> {
    const server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
    });
    try {
      this.#listening.resolve(await listen(server, this.#options.host ?? loopback, this.#options.port));
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    }
    await untilAborted(signal);
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const target = URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : undefined;
    const answer = target === undefined ? undefined : await this.#options.answer({ method, url: target });
    if (answer === undefined) response.writeHead(400).end();
    else response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

/** Resolves with the address once `server` listens; rejects with Node's error when it cannot. */
export function listen(
  server: Pick<Server, 'listen' | 'once' | 'removeListener' | 'address'>,
  host: string,
  port: number,
): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== '' && { host }) }, () => {
      server.removeListener('error', reject);
      resolve(server.address() as AddressInfo); // it listens on a port, not on a path
    });
  });
}
