import { getOwn } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import type { HttpAnswer, HttpHandler, HttpRequest, ListenAddress } from '../transport/http-server.ts';
import type { TlsSettings } from '../transport/tls-listener.ts';

/** Stands before everything that a metrics server serves: answers itself, or with what `next` answers (pkg/metrics/server Filter). */
export type MetricsFilter = (request: HttpRequest, next: HttpHandler) => Promise<HttpAnswer<string | Uint8Array>>;

/** Where and how metrics are served (pkg/metrics/server Options). */
export interface MetricsOptions extends ListenAddress {
  /** Over HTTPS. Default false. */
  readonly secureServing?: boolean;
  /**
   * Where certificate and key are; those that replace them are taken over. Default, and where one of them is not there at the start: a
   * certificate that is made in memory. Upstream looks below the folder of temporary files, where anybody may put one.
   */
  readonly certDir?: string;
  /** File with the certificate and its chain, PEM. Default `tls.crt`. */
  readonly certName?: string;
  /** File with the key, PEM. Default `tls.key`. */
  readonly keyName?: string;
  /** How often the files are looked at. Default 10,000. */
  readonly certificateIntervalMs?: number;
  /** Of HTTPS, which is HTTP/1.1. */
  readonly tlsOpts?: TlsSettings;
  /** What else is served, by path: all below it when it ends in "/". Behind the filter, too. */
  readonly extraHandlers?: Readonly<Record<string, HttpHandler>>;
  /** Makes the filter: `withAuthenticationAndAuthorization`. Default: whoever reaches the server is answered. */
  readonly filterProvider?: (clientset: Clientset) => MetricsFilter;
}

const metricsPath = '/metrics';

/** What a metrics server answers, without the network. */
export class MetricsEndpoint {
  readonly #process: Process;
  readonly #handlers = new Map<string, HttpHandler>();
  readonly #filter: MetricsFilter | undefined;

  /** Throws RangeError for a path of `extraHandlers` that `addHandler` refuses. */
  constructor(process: Process, clientset: Clientset, options: Pick<MetricsOptions, 'extraHandlers' | 'filterProvider'>) {
    this.#process = process;
    this.#filter = options.filterProvider?.(clientset);
    for (const [path, handler] of Object.entries(options.extraHandlers ?? {})) this.addHandler(path, handler);
  }

  /** Throws RangeError for `/metrics`, for a path that is taken, and for one that does not begin with "/". */
  addHandler(path: string, handler: HttpHandler): void {
    if (!path.startsWith('/')) throw new RangeError(`Cannot serve "${path}" beside metrics: a path begins with "/"`);
    if (path === metricsPath) throw new RangeError(`overriding builtin ${metricsPath} endpoint is not allowed`);
    if (this.#handlers.has(path)) {
      throw new RangeError(`can't register extra handler by duplicate path "${path}" on metrics http server`);
    }
    this.#handlers.set(path, handler);
  }

  /** 404, before any filter, for what is not served. `update` is called before metrics are told: it sets those that nothing else does. */
  async answer(request: HttpRequest, update: () => void = () => undefined): Promise<HttpAnswer<string | Uint8Array>> {
    const { pathname } = request.url;
    const handler = pathname === metricsPath ? (asked: HttpRequest) => this.#text(asked, update) : this.#handlerOf(pathname);
    if (handler === undefined) return notFound;
    return this.#filter === undefined ? handler(request) : this.#filter(request, handler);
  }

  /** Compressed for who takes it, as scrapers do (promhttp HandlerFor). */
  async #text(request: HttpRequest, update: () => void): Promise<HttpAnswer<string | Uint8Array>> {
    update();
    const text = this.#process.metrics.text();
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
    if (!takesGzip(getOwn(request.headers, 'accept-encoding') ?? '')) return { status: 200, headers, body: text };
    const { gzipSync } = globalThis.process.getBuiltinModule('node:zlib');
    return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(text) };
  }

  /** The one of the path itself, or of the longest folder above it (net/http ServeMux). */
  #handlerOf(path: string): HttpHandler | undefined {
    const exact = this.#handlers.get(path);
    if (exact !== undefined) return exact;
    let longest = '';
    for (const folder of this.#handlers.keys()) {
      if (folder.endsWith('/') && path.startsWith(folder) && folder.length > longest.length) longest = folder;
    }
    return this.#handlers.get(longest);
  }
}

/** Whether gzip is in a list such as `gzip;q=0.5, *;q=0`, and not ruled out by a weight of 0. */
function takesGzip(accepted: string): boolean {
  return accepted.split(',').some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)[\d.]+\s*)?$/i.test(each));
}

/** As net/http NotFound answers. */
export const notFound: HttpAnswer = {
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: '404 page not found\n',
};
