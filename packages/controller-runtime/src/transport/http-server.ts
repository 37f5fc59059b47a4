import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { untilAborted } from '@coracle/kernel';
import type { Runnable } from '../manager/runnables.ts';
import { serverLimits, TlsListener, type TlsSettings } from './tls-listener.ts';
import type { CertificatePair } from '../webhook/certificate-watcher.ts';

/** What came in, as far as it matters for an answer. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  /** By name in lower case; of one that came several times the values joined, or the first, as Node has it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the caller has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** What goes out; names of headers are in lower case. */
export interface HttpAnswer<Body extends string | Uint8Array = string> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

/** Answers what came in. A throw ends the connection without an answer. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer<string | Uint8Array>>;

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

/** Where a secure server has its certificate from. */
export interface CertificateSource {
  /** Hands over the first one; rejects when there is none to be had. */
  load(use: (pair: CertificatePair) => void): Promise<void>;
  /** Hands over those that replace it, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Where to listen and what to answer. */
export interface HttpServerOptions extends ListenAddress {
  readonly name: string;
  readonly answer: HttpHandler;
  /** Methods that are answered; 405 for others. Default: GET and HEAD; 'any' leaves it to `answer`. */
  readonly methods?: 'any';
  /** With it HTTPS is spoken, without it plain HTTP. */
  readonly certificates?: CertificateSource;
  /** Of HTTPS only. */
  readonly tls?: TlsSettings;
}

const loopback = '127.0.0.1';

/** A server that listens. */
interface Bound {
  readonly server: Pick<Server, 'close'>;
  readonly address: BoundAddress;
  closeAllConnections(): void;
}

/** HTTP/1.1 for probes, metrics and profiles, plain or over TLS; reads no bodies. Open connections are cut when it ends. */
export class HttpServer implements Runnable {
  readonly name: string;
  readonly phase = 'servers';
  readonly #options: HttpServerOptions;
  readonly #listening: PromiseWithResolvers<BoundAddress> = Promise.withResolvers();
  readonly #open = new Set<Promise<void>>();

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

  /** Throws Node's error when it cannot listen, and what the source of certificates throws when there is none. */
  async run(signal: AbortSignal): Promise<void> {
    let bound: Bound;
    try {
      bound = await this.#bind();
    } catch (error) {
      this.#listening.reject(error);
      throw error;
    }
    this.#listening.resolve(bound.address);
    const replaced = this.#options.certificates?.run(signal);
    await untilAborted(signal);
    const closed = new Promise<void>((resolve) => bound.server.close(() => resolve()));
    bound.closeAllConnections();
    await Promise.all([closed, replaced, ...this.#open]);
  }

  async #bind(): Promise<Bound> {
    const { certificates, tls = {}, host = loopback, port } = this.#options;
    if (certificates === undefined) {
      // Here and not above: a program that serves nothing does not load it, half of what this package would cost to import.
      const server = globalThis.process.getBuiltinModule('node:http').createServer(serverLimits, this.#onRequest);
      return { server, address: await listen(server, host, port), closeAllConnections: () => server.closeAllConnections() };
    }
    const listener = new TlsListener(tls, this.#onRequest);
    await certificates.load((pair) => listener.use(pair));
    const { server } = listener;
    return { server, address: await listen(server, host, port), closeAllConnections: () => listener.closeAllConnections() };
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const served = this.#serve(request, response)
      .catch((error: unknown) => void response.destroy(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#open.delete(served));
    this.#open.add(served);
  };

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('The client has gone')));
    const { method = 'GET', url = '/' } = request;
    const isRead = method === 'GET' || method === 'HEAD';
    // What is not read would be taken for the next request.
    if (!isRead) response.shouldKeepAlive = false;
    if (!isRead && this.#options.methods !== 'any') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const target = URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : undefined;
    if (target === undefined) {
      response.writeHead(400).end();
      return;
    }
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const answer = await this.#options.answer({ method, url: target, headers, signal: gone.signal });
    response.writeHead(answer.status, answer.headers).end(answer.body);
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
