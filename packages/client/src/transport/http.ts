import type { Socket } from 'node:net';
import {
  type ApiResponse,
  type ExchangeOptions,
  readJson,
  type Status,
  StatusError,
  type Transport,
  TransportError,
} from '@coracle/apimachinery';
import { type ByteDuplex, type Counter, type Process, unlessAborted } from '@coracle/kernel';
import { type ClientConfig, textOrFile, withoutUndefined } from '../rest/config.ts';
import { type Host, liveHost } from '../rest/host.ts';
import { Connector, type TlsMaterial } from './connector.ts';
import { Http1Connections, type RefusedUpgrade } from './http1.ts';
import { Http2Connection, type PingOptions } from './http2.ts';
import { isUnknownField, ProtobufForms } from './protobuf-forms.ts';
import { proxyFor } from './proxy.ts';
import type { RoundTripper, WireOptions, WireRequest } from './wire-request.ts';

export interface ConnectionOptions {
  readonly process: Process;
  readonly config: ClientConfig;
  /** Whose files and proxies: default the machine's. */
  readonly host?: Host;
  /** Default: as the server chooses over TLS, and HTTP/1.1 without. HTTP/2 without TLS must be known before. */
  readonly protocol?: 'HTTP/1.1' | 'HTTP/2';
  /** Client certificate and key that change; wins over that of the config. */
  readonly certificate?: () => Promise<Pick<TlsMaterial, 'clientCertificate' | 'clientKey'>>;
}

/**
 * A transport that holds connections until it is closed, or its process stops. At a stop watches, and what else has no end, are cut as soon
 * as the requests that run have their answers; last words are still sent, each over a connection that is closed after it. An open
 * connection keeps the program alive.
 */
export interface ClosableTransport extends Transport, AsyncDisposable {
  close(): Promise<void>;
}

/** As upstream looks whether the files of certificates changed (client-go transport CertCallbackRefreshDuration). */
const certificateRefreshMs = 300_000;

/** Connections to one API server as `config` says, without what is put into requests: see `httpTransport`. */
export class HttpConnections implements ClosableTransport {
  readonly host: string;
  readonly #process: Process;
  readonly #basePath: string;
  readonly #connector: Connector;
  readonly #http1: Http1Connections;
  readonly #ping: PingOptions;
  readonly #protocol: 'HTTP/1.1' | 'HTTP/2' | undefined;
  readonly #zips: boolean;
  readonly #forms = new ProtobufForms();
  readonly #material: () => TlsMaterial;
  #http2: Promise<Http2Connection | 'HTTP/1.1'> | undefined;
  #lastMaterial: TlsMaterial | undefined;
  /** Undefined: the authority is in no file. */
  readonly #reloads: Counter | undefined;
  #isClosed = false;
  /** Requests whose answer has not come. */
  #running = 0;

  /** Throws TypeError for an address or a mix of options that cannot be. */
  constructor({ process, config, host = liveHost(), protocol, certificate }: ConnectionOptions) {
    const target = serverUrl(config);
    if (
      config.insecureSkipTlsVerify === true &&
      (config.certificateAuthority !== undefined || config.certificateAuthorityFile !== undefined)
    ) {
      throw new TypeError('specifying a root certificates file with the insecure flag is not allowed');
    }
    this.host = target.host;
    this.#process = process;
    this.#basePath = target.pathname.replace(/\/$/, '');
    this.#protocol = protocol ?? (target.protocol === 'http:' ? 'HTTP/1.1' : undefined);
    this.#zips = config.disableCompression !== true;
    this.#material = () => materialOf(config, host);
    this.#reloads =
      config.certificateAuthorityFile === undefined || config.certificateAuthority !== undefined
        ? undefined
        : process.metrics.counter({
            name: 'rest_client_transport_ca_reload_total',
            help: 'How often the file of the authority was looked at, by the result and why.',
            labels: ['result', 'reason'],
          });
    this.#ping = pingOptions(host.environment);
    this.#connector = new Connector({
      process,
      target,
      proxy: proxyFor(target, config.proxyUrl, host.environment),
      material: async () => {
        const { material } = this.#current();
        this.#lastMaterial = material;
        return certificate === undefined ? material : { ...material, ...(await certificate()) };
      },
      tlsServerName: config.tlsServerName,
      insecureSkipTlsVerify: config.insecureSkipTlsVerify,
    });
    this.#http1 = new Http1Connections(this.#connector);
    process.signal.addEventListener('abort', () => this.#closeWhenStopped(), { once: true });
    if (config.certificateAuthorityFile !== undefined || config.clientCertificateFile !== undefined) this.#watchFiles();
  }

  async exchange(request: WireRequest, options: ExchangeOptions = {}): Promise<ApiResponse> {
    if (options.kind === undefined) return this.#send(request, options);
    const formed = await this.#forms.formed(request, options.kind, options);
    try {
      return await this.#send(formed.request, { ...options, form: formed.form });
    } catch (error) {
      if (!isUnknownField(error)) throw error;
      return this.#send(request, options); // in JSON, which has what is unknown here
    }
  }

  async #send(request: WireRequest, options: WireOptions): Promise<ApiResponse> {
    this.#refuseWhenClosed();
    this.#running++;
    try {
      return await this.#sendPlaced(this.#placed(request), options);
    } finally {
      this.#running--;
      this.#closeWhenStopped();
    }
  }

  async #sendPlaced(placed: WireRequest, options: WireOptions): Promise<ApiResponse> {
    if (this.#protocol === 'HTTP/1.1') return this.#http1.exchange(placed, options);
    this.#http2 ??= this.#connect();
    const connection = await unlessAborted(this.#http2, options.signal);
    return connection === 'HTTP/1.1' ? this.#http1.exchange(placed, options) : connection.exchange(placed, options);
  }

  /** Rejects with a TransportError whose cause is the StatusError when the server refuses. */
  async upgrade(request: WireRequest, options: ExchangeOptions = {}): Promise<{ readonly protocol: string; readonly duplex: ByteDuplex }> {
    this.#refuseWhenClosed();
    if (this.#process.signal.aborted) throw new TransportError('Cannot upgrade: the process is being stopped', { executed: 'no' });
    const result = await this.#http1.upgrade(this.#placed(request), options);
    if ('duplex' in result) return result;
    const { refused } = result;
    throw new TransportError(`Cannot upgrade "${request.path}": the server answered ${refused.status}`, {
      executed: 'no',
      cause: statusErrorOfRefusal(refused),
    });
  }

  /** Breaks every connection: the next request opens a new one, with the certificate of then. */
  reconnect(): void {
    this.#http2 = undefined;
    this.#connector.closeAll();
  }

  async close(): Promise<void> {
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #placed(request: WireRequest): WireRequest {
    const encoding = this.#zips && request.headers['accept-encoding'] === undefined && request.headers['upgrade'] === undefined;
    if (!encoding && this.#basePath === '') return request;
    return {
      ...request,
      path: this.#basePath + request.path,
      headers: encoding ? { ...request.headers, 'accept-encoding': 'gzip' } : request.headers,
    };
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new TransportError('Cannot send: the transport is closed', { executed: 'no' });
  }

  /** A stopped process may have a lease to give back, or a status to write. */
  #closeWhenStopped(): void {
    if (!this.#process.signal.aborted || this.#running > 0 || this.#isClosed) return;
    this.#http1.close();
    this.reconnect();
  }

  #end(): void {
    this.#isClosed = true;
    const connection = this.#http2;
    this.#http2 = undefined;
    this.#http1.close();
    this.#connector.closeAll();
    // One that is being opened is closed when it is there; one that never opened needs no closing.
    connection?.then((open) => (open === 'HTTP/1.1' ? this.#http1.close() : open.close())).catch(() => undefined);
  }

  #connect(): Promise<Http2Connection | 'HTTP/1.1'> {
    const forget = (): void => {
      if (this.#http2 === connecting) this.#http2 = undefined;
    };
    const connecting: Promise<Http2Connection | 'HTTP/1.1'> = this.#opened(forget).catch((error: unknown) => {
      forget();
      throw error;
    });
    return connecting;
  }

  async #opened(onLost: () => void): Promise<Http2Connection | 'HTTP/1.1'> {
    const socket: Socket & { readonly alpnProtocol?: string | false | null } = await this.#connector.connect(['h2', 'http/1.1']);
    if (this.#isClosed) {
      socket.destroy();
      this.#refuseWhenClosed();
    }
    if (this.#protocol !== 'HTTP/2' && socket.alpnProtocol !== 'h2') {
      this.#http1.adopt(socket);
      return 'HTTP/1.1';
    }
    return Http2Connection.open({ process: this.#process, origin: this.#connector.target.origin, socket, ping: this.#ping, onLost });
  }

  /** Certificates are read for each new connection; a long one must be broken for them. */
  #watchFiles(): void {
    this.#process.clock.timer(
      certificateRefreshMs,
      () => {
        if (this.#isClosed) return;
        if (this.#haveFilesChanged()) this.reconnect();
        this.#watchFiles();
      },
      { background: true },
    );
  }

  #haveFilesChanged(): boolean {
    const last = this.#lastMaterial;
    if (last === undefined) return false;
    const { material: now, fault } = this.#current();
    const isOtherAuthority = now.certificateAuthority !== last.certificateAuthority;
    if (fault === undefined) this.#reloads?.add(1, 'success', isOtherAuthority ? 'updated' : 'unchanged');
    else {
      this.#reloads?.add(1, 'failure', fault.reason);
      this.#process.log.error('Certificates stay as they were', { err: fault.message });
    }
    return isOtherAuthority || now.clientCertificate !== last.clientCertificate || now.clientKey !== last.clientKey;
  }

  /**
   * What the files hold. While one of them is written anew it may be missing, empty or torn: then the last that was good
   * (client-go transport/ca_rotation.go). Throws for files that never were.
   */
  #current(): { readonly material: TlsMaterial; readonly fault?: { readonly reason: string; readonly message: string } } {
    const last = this.#lastMaterial;
    let material: TlsMaterial;
    try {
      material = this.#material();
    } catch (error) {
      if (last === undefined) throw error;
      return { material: last, fault: { reason: 'read_error', message: error instanceof Error ? error.message : String(error) } };
    }
    const { certificateAuthority } = material;
    if (last?.certificateAuthority === undefined || certificateAuthority === last.certificateAuthority) return { material };
    const fault = authorityFault(certificateAuthority ?? '');
    return fault === undefined ? { material } : { material: { ...material, certificateAuthority: last.certificateAuthority }, fault };
  }
}

function authorityFault(pem: string): { readonly reason: string; readonly message: string } | undefined {
  if (pem.trim() === '') return { reason: 'empty', message: 'the file of the authority is empty' };
  try {
    new (globalThis.process.getBuiltinModule('node:crypto').X509Certificate)(pem);
    return undefined;
  } catch (error) {
    return { reason: 'ca_parse_error', message: error instanceof Error ? error.message : String(error) };
  }
}

/** `next` behind round trippers, the last of which sees a request first. */
export function wrapped(connections: ClosableTransport, roundTrippers: readonly RoundTripper[]): ClosableTransport {
  const outer = roundTrippers.reduce<Transport>((next, roundTripper) => roundTripper(next), connections);
  return {
    host: connections.host,
    exchange: (request, options) => outer.exchange(request, options),
    upgrade: (request, options) => outer.upgrade(request, options),
    close: () => connections.close(),
    [Symbol.asyncDispose]: () => connections.close(),
  };
}

/** The address with its scheme: without one, https as soon as something of TLS is said (client-go rest.DefaultServerURL). Throws TypeError. */
export function serverUrl(config: ClientConfig): URL {
  const server = config.server === '' ? 'localhost' : config.server;
  const isTls =
    config.certificateAuthority !== undefined ||
    config.certificateAuthorityFile !== undefined ||
    config.clientCertificate !== undefined ||
    config.clientCertificateFile !== undefined ||
    config.insecureSkipTlsVerify === true;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `${isTls ? 'https' : 'http'}://${server}`;
  if (!URL.canParse(url)) throw new TypeError(`host must be a URL or a host:port pair: "${server}"`);
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')
    throw new TypeError(`Cannot connect to "${server}": neither https nor http`);
  if (parsed.pathname !== '/' && !/^[a-z][a-z0-9+.-]*:\/\//i.test(server))
    throw new TypeError(`host must be a URL or a host:port pair: "${server}"`);
  return parsed;
}

function materialOf(config: ClientConfig, host: Host): TlsMaterial {
  return withoutUndefined<TlsMaterial>({
    certificateAuthority: textOrFile(config.certificateAuthority, config.certificateAuthorityFile, host),
    clientCertificate: textOrFile(config.clientCertificate, config.clientCertificateFile, host),
    clientKey: textOrFile(config.clientKey, config.clientKeyFile, host),
  });
}

function pingOptions(environment: Host['environment']): PingOptions {
  const seconds = (name: string, otherwise: number): number => {
    const text = environment[name] ?? '';
    return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : otherwise;
  };
  return { everyMs: seconds('HTTP2_READ_IDLE_TIMEOUT_SECONDS', 30_000), timeoutMs: seconds('HTTP2_PING_TIMEOUT_SECONDS', 15_000) };
}

function statusErrorOfRefusal({ status, contentType, bytes }: RefusedUpgrade): Error {
  const text = new TextDecoder().decode(bytes);
  if (contentType.startsWith('application/json')) {
    try {
      const value = readJson(bytes).value;
      if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status')
        return new StatusError(value as Status);
    } catch {
      // no Status after all: its text is the message
    }
  }
  return new Error(text.trim() === '' ? `the server answered ${status}` : text.trim());
}
