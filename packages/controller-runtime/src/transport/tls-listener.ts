import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { assert } from '@coracle/kernel';
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
  readonly #context: TlsSettings & { readonly ca?: string };
  readonly #onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  // By the caller's address: no TLS yet, so that the server does not know them.
  readonly #handshakes = new Map<string, Socket>();
  #server: Server | undefined;

  /** `clientAuthorities`: PEM of those who sign certificates of clients. With it a client without one is refused. */
  constructor(
    { clientAuthorities: ca, minVersion = 'TLSv1.2', ciphers }: TlsSettings & { readonly clientAuthorities?: string | undefined },
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    this.#context = { minVersion, ...(ciphers !== undefined && { ciphers }), ...(ca !== undefined && { ca }) };
    this.#onRequest = onRequest;
  }

  /** There is one once it has a certificate. */
  get server(): Server {
    assert(this.#server !== undefined, 'a server has a certificate before it listens');
    return this.#server;
  }

  /**
   * From here on new connections get it. Throws OpenSSL's error when the parts do not belong together, and Error for a second one where
   * the runtime cannot exchange it, as Bun.
   */
  use({ certificate: cert, key }: CertificatePair): void {
    // Loaded when it is needed, as in HttpServer.
    globalThis.process.getBuiltinModule('node:tls').createSecureContext({ cert, key });
    if (this.#server === undefined) this.#server = this.#create({ ...this.#context, cert, key });
    else if (typeof this.#server.setSecureContext === 'function') this.#server.setSecureContext({ ...this.#context, cert, key });
    else throw new Error('Cannot exchange the certificate of a server that runs: this runtime has no way to');
  }

  #create(context: SecureContextOptions): Server {
    const clients = context.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
    const { createServer } = globalThis.process.getBuiltinModule('node:https');
    const server = createServer({ ...serverLimits, ...context, ...clients }, this.#onRequest);
    server.on('connection', (socket: Socket) => {
      const caller = callerOf(socket);
      this.#handshakes.set(caller, socket);
      socket.once('close', () => this.#handshakes.delete(caller));
    });
    server.on('secureConnection', (socket) => this.#handshakes.delete(callerOf(socket)));
    return server;
  }

  /** Cuts off who is there: also those who connected and said nothing, for whom a server that closes waits two minutes. */
  closeAllConnections(): void {
    this.server.closeAllConnections();
    for (const socket of this.#handshakes.values()) socket.destroy();
  }
}

function callerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
