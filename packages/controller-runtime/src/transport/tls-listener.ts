import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { CertificatePair } from '../webhook/certificate-watcher.ts';

/** As upstream's servers (pkg/internal/httpserver). */
export const serverLimits: { readonly headersTimeout: number; readonly keepAliveTimeout: number; readonly maxHeaderSize: number } = {
  headersTimeout: 32_000,
  keepAliveTimeout: 90_000,
  maxHeaderSize: 1 << 20,
};

/** How TLS is spoken. */
export interface TlsSettings {
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Suites in OpenSSL's notation, best first. Default: Node's. */
  readonly ciphers?: string;
}

/** TLS of a server, from a certificate that may be exchanged at any time: connections that are open go on with the old one. */
export class TlsListener {
  readonly server: Server;
  readonly #context: TlsSettings & { readonly ca?: string };
  // By the caller's address: no TLS yet, so that the server does not know them.
  readonly #handshakes = new Map<string, Socket>();
  readonly #open = new Set<TLSSocket>();

  /**
   * `clientAuthorities`: PEM of those who sign certificates of clients. With it a client without one is refused. `fromHttps`: Node's server
   * of HTTPS can exchange its certificate. That of Bun cannot.
   */
  constructor(
    { clientAuthorities: ca, minVersion = 'TLSv1.2', ciphers }: TlsSettings & { readonly clientAuthorities?: string | undefined },
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
    fromHttps: boolean = canExchange(),
  ) {
    this.#context = { minVersion, ...(ciphers !== undefined && { ciphers }), ...(ca !== undefined && { ca }) };
    const secure = { ...this.#context, ...(ca !== undefined && { requestCert: true, rejectUnauthorized: true }) };
    if (fromHttps) this.server = globalThis.process.getBuiltinModule('node:https').createServer({ ...serverLimits, ...secure }, onRequest);
    else {
      // A server of HTTP that listens to nothing itself.
      const http = globalThis.process.getBuiltinModule('node:http').createServer(serverLimits, onRequest);
      this.server = globalThis.process.getBuiltinModule('node:tls').createServer(secure, (socket) => void http.emit('connection', socket));
    }
    this.server.on('connection', (socket: Socket) => {
      const caller = callerOf(socket);
      this.#handshakes.set(caller, socket);
      socket.once('close', () => this.#handshakes.delete(caller));
    });
    this.server.on('secureConnection', (socket) => {
      this.#handshakes.delete(callerOf(socket));
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  /** From here on new connections get it. Throws OpenSSL's error when the parts do not belong together. */
  use({ certificate: cert, key }: CertificatePair): void {
    // A file that is being written may be read while there is nothing in it, and a context without a key is made without complaint.
    if (cert === '') throw new Error('tls: failed to find any PEM data in certificate input');
    if (key === '') throw new Error('tls: failed to find any PEM data in key input');
    globalThis.process.getBuiltinModule('node:tls').createSecureContext({ cert, key });
    this.server.setSecureContext({ ...this.#context, cert, key });
  }

  /** Cuts off who is there: also those who connected and said nothing, for whom a server that closes waits two minutes. */
  closeAllConnections(): void {
    for (const socket of [...this.#open, ...this.#handshakes.values()]) socket.destroy();
  }
}

function canExchange(): boolean {
  const { Server } = globalThis.process.getBuiltinModule('node:https');
  return 'setSecureContext' in Server.prototype;
}

function callerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
