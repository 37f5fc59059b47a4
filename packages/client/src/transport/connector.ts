import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { TransportError } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { isIP } from './ip-address.ts';

/** PEM texts that a TLS connection uses. */
export interface TlsMaterial {
  readonly certificateAuthority?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
}

export interface ConnectorOptions {
  readonly process: Process;
  readonly target: URL;
  readonly proxy: URL | undefined;
  /** Asked for each new connection, as certificates change. */
  readonly material: () => Promise<TlsMaterial>;
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
}

const connectTimeoutMs = 30_000;
const keepAliveMs = 30_000;
/** A proxy's answer to CONNECT is refused when its head is longer. */
const mostHeadBytes = 64 << 10;

/**
 * Opens connections to one server, through its proxy and TLS, and knows those that are open, so that they can be closed together when a
 * certificate changed (client-go util/connrotation).
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #open = new Set<Socket>();
  readonly #secure: boolean;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#secure = options.target.protocol === 'https:';
  }

  get process(): Process {
    return this.#options.process;
  }

  get target(): URL {
    return this.#options.target;
  }

  /** Set when requests go to the proxy itself, with the whole address in them: plain HTTP over an HTTP proxy. */
  get forwardingProxy(): URL | undefined {
    const { proxy } = this.#options;
    return !this.#secure && proxy !== undefined && !proxy.protocol.startsWith('socks5') ? proxy : undefined;
  }

  /**
   * A connection that is ready for requests, after TLS where the server has it; its `alpnProtocol` says what was chosen of `protocols`.
   * `tunnel` goes through a proxy even where requests could be forwarded. Rejects with TransportError, which nobody executed.
   */
  async connect(protocols: readonly string[], options: { readonly tunnel?: boolean } = {}): Promise<Socket> {
    const { process, target, proxy } = this.#options;
    using deadline = process.clock.deadline(connectTimeoutMs);
    const opened: Socket[] = [];
    const track = (socket: Socket): Socket => {
      opened.push(socket);
      return socket;
    };
    try {
      const material = this.#secure ? await this.#options.material() : {};
      const direct = { host: hostOf(target), port: portOf(target) };
      let socket: Socket;
      if (proxy === undefined) socket = track(await dial(direct, deadline.signal));
      else {
        socket = track(await dial({ host: hostOf(proxy), port: portOf(proxy) }, deadline.signal));
        if (proxy.protocol === 'https:')
          socket = track(await secured(socket, { host: hostOf(proxy), ALPNProtocols: ['http/1.1'] }, deadline.signal));
        if (proxy.protocol.startsWith('socks5')) await socksConnect(socket, direct, proxy, deadline.signal);
        else if (this.#secure || options.tunnel === true) await httpConnect(socket, direct, proxy, deadline.signal);
      }
      if (this.#secure) socket = track(await secured(socket, this.#tls(material, protocols), deadline.signal));
      socket.setKeepAlive(true, keepAliveMs);
      socket.setNoDelay(true);
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
      return socket;
    } catch (error) {
      for (const socket of opened) socket.destroy();
      const why = deadline.signal.aborted
        ? `no connection within ${connectTimeoutMs} ms`
        : error instanceof Error
          ? error.message
          : String(error);
      throw new TransportError(`Cannot connect to "${target.origin}": ${why}`, { executed: 'no', cause: error });
    }
  }

  /** Breaks every open connection. */
  closeAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #tls(material: TlsMaterial, protocols: readonly string[]): ConnectionOptions {
    const { target, tlsServerName, insecureSkipTlsVerify } = this.#options;
    const host = hostOf(target);
    return {
      host,
      ...(tlsServerName !== undefined ? { servername: tlsServerName } : isIP(host) === 0 ? { servername: host } : {}),
      ...(material.certificateAuthority === undefined ? {} : { ca: checkedAuthority(material.certificateAuthority) }),
      ...(material.clientCertificate === undefined ? {} : { cert: material.clientCertificate }),
      ...(material.clientKey === undefined ? {} : { key: material.clientKey }),
      rejectUnauthorized: insecureSkipTlsVerify !== true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: [...protocols],
    };
  }
}

/** OpenSSL passes over what is no certificate, and would then trust nobody without saying why. */
function checkedAuthority(pem: string): string {
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new TypeError('unable to load root certificates: unable to parse bytes as PEM block');
  return pem;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

const defaultPorts: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80, 'socks5:': 1080, 'socks5h:': 1080 };

function portOf(url: URL): number {
  return url.port === '' ? (defaultPorts[url.protocol] ?? 443) : Number(url.port);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

// Looked up when first used: a program that only builds requests does not load sockets.
function builtIn<M extends 'node:net' | 'node:tls'>(name: M): M extends 'node:net' ? typeof import('node:net') : typeof import('node:tls') {
  return globalThis.process.getBuiltinModule(name) as ReturnType<typeof builtIn<M>>; // Node has both
}

function dial(address: Address, signal: AbortSignal): Promise<Socket> {
  const socket = builtIn('node:net').connect({ ...address, autoSelectFamily: true });
  return settled(socket, 'connect', signal);
}

function secured(socket: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  return settled(builtIn('node:tls').connect({ ...options, socket }), 'secureConnect', signal);
}

function settled<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.destroy(new Error('aborted'));
    };
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', failed);
      socket.off('close', failed);
    };
    const failed = (error?: Error | boolean): void => {
      done();
      socket.on('error', () => undefined); // a second one says nothing new
      reject(error instanceof Error ? error : new Error('connection closed'));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', failed);
    socket.once('close', failed);
    socket.once(event, () => {
      done();
      resolve(socket);
    });
  });
}

function credentialsOf(proxy: URL): { readonly username: string; readonly password: string } | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined;
  return { username: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) };
}

/** `Proxy-Authorization` for the name and password in the proxy's address, or undefined. */
export function proxyAuthorization(proxy: URL): string | undefined {
  const credentials = credentialsOf(proxy);
  return credentials === undefined
    ? undefined
    : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

async function httpConnect(socket: Socket, { host, port }: Address, proxy: URL, signal: AbortSignal): Promise<void> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const authorization = proxyAuthorization(proxy);
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`}\r\n`,
  );
  const head = await readUntil(socket, signal, (bytes) => {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 && bytes.length > mostHeadBytes) throw new Error('the proxy answers without end');
    return end < 0 ? undefined : end + 4;
  });
  const [, status = '', reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?([^\r\n]*)/.exec(head.toString('latin1')) ?? [];
  if (status !== '200')
    throw new Error(status === '' ? 'what the proxy answers is no HTTP' : `the proxy answered ${status} ${reason}`.trimEnd());
}

const socksFaults: readonly string[] = [
  'succeeded',
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
];

/** RFC 1928 and, for name and password, RFC 1929. Names are resolved by the proxy. */
async function socksConnect(socket: Socket, { host, port }: Address, proxy: URL, signal: AbortSignal): Promise<void> {
  const credentials = credentialsOf(proxy);
  socket.write(Buffer.from(credentials === undefined ? [5, 1, 0] : [5, 2, 0, 2]));
  const [version, method] = await readUntil(socket, signal, exactly(2));
  if (version !== 5) throw new Error(`the SOCKS proxy speaks version ${version}`);
  if (method === 2 && credentials !== undefined) {
    const [name, password] = [Buffer.from(credentials.username), Buffer.from(credentials.password)];
    if (name.length > 255 || password.length > 255) throw new Error('the name or password for the SOCKS proxy is too long');
    socket.write(Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([password.length]), password]));
    const [, status] = await readUntil(socket, signal, exactly(2));
    if (status !== 0) throw new Error('the SOCKS proxy refuses the name and password');
  } else if (method !== 0) throw new Error('the SOCKS proxy accepts none of our ways to authenticate');
  const address = addressBytes(host);
  socket.write(Buffer.concat([Buffer.from([5, 1, 0]), address, Buffer.from([port >> 8, port & 0xff])]));
  const reply = await readUntil(socket, signal, (bytes) => {
    if (bytes.length < 5) return undefined;
    const length = bytes[3] === 1 ? 10 : bytes[3] === 4 ? 22 : 7 + (bytes[4] ?? 0);
    return bytes.length < length ? undefined : length;
  });
  const code = reply[1] ?? 1;
  if (code !== 0) throw new Error(`the SOCKS proxy: ${socksFaults[code] ?? `unknown code ${code}`}`);
}

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from([1, ...host.split('.').map(Number)]);
  const name = Buffer.from(host); // an IPv6 address is sent as text too: every proxy resolves it
  if (name.length > 255) throw new Error('the name of the server is too long for SOCKS');
  return Buffer.concat([Buffer.from([3, name.length]), name]);
}

function exactly(length: number): (bytes: Buffer) => number | undefined {
  return (bytes) => (bytes.length < length ? undefined : length);
}

/** The first bytes of the stream, up to where `endOf` says; what came after them is left in the socket. */
function readUntil(socket: Socket, signal: AbortSignal, endOf: (bytes: Buffer) => number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      socket.off('readable', onReadable);
      socket.off('error', failed);
      socket.off('end', ended);
      socket.off('close', ended);
      signal.removeEventListener('abort', ended);
    };
    const failed = (error: Error): void => {
      stop();
      socket.on('error', () => undefined); // reported already
      reject(error);
    };
    const ended = (): void => failed(new Error('the proxy closed the connection'));
    const onReadable = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) bytes = Buffer.concat([bytes, chunk]);
      try {
        const end = endOf(bytes);
        if (end === undefined) return;
        stop();
        if (bytes.length > end) socket.unshift(bytes.subarray(end));
        resolve(bytes.subarray(0, end));
      } catch (error) {
        failed(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.on('readable', onReadable);
    socket.once('error', failed);
    socket.once('end', ended);
    socket.once('close', ended);
    signal.addEventListener('abort', ended, { once: true });
    onReadable();
  });
}
