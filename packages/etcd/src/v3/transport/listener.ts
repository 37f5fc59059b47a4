import { type Http2Connection, serveHttp2, type StreamHandler } from '@coracle/http2';
import type { Process } from '@coracle/kernel';
import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Http2CallStream } from './http2-stream.ts';
import type { HttpAnswer } from '../http-side.ts';
import type { V3Server } from '../v3-server.ts';

export interface TlsOptions {
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM; with it, only clients with a certificate that it signed are served. */
  readonly clientAuthority?: string;
}

export interface V3ListenerOptions {
  readonly process: Process;
  readonly server: V3Server;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Absent: gRPC and HTTP/1.1 in the clear. */
  readonly tls?: TlsOptions;
}

export interface V3Listener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, tells clients that it does and ends their calls, resolves when the port is free. */
  close(): Promise<void>;
}

/** Calls of one connection at once. etcd has no bound; clients that come upon it wait for their turn. */
const maxCalls = 100_000;
/** A client that says nothing is not waited for. */
const firstBytesMs = 10_000;

/** One port for gRPC over HTTP/2 and plain HTTP/1.1, with TLS (ALPN) or without. Rejects with Node's error when it cannot be had. */
export async function listenV3(options: V3ListenerOptions): Promise<V3Listener> {
  const sockets = new Set<Socket>();
  const connections = new Set<Http2Connection>();
  let isEmpty = (): void => undefined;
  const open = handler(options);
  const serve = (socket: Socket): void => {
    const connection = serveHttp2(socket, { process: options.process, open, maxStreams: maxCalls });
    connections.add(connection);
    socket.once('close', () => {
      connections.delete(connection);
      if (connections.size === 0) isEmpty();
    });
  };
  const server = options.tls === undefined ? plainServer(options, serve) : secureServer(options, options.tls, serve);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // a peer that goes away is not our failure; the close event follows
  });
  await listen(server, options.host, options.port);
  const address = server.address();
  return {
    host: options.host,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      if (connections.size > 0) {
        const empty = new Promise<void>((resolve) => {
          isEmpty = resolve;
        });
        for (const connection of connections) connection.shutDown();
        await empty;
      }
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function secureServer(options: V3ListenerOptions, tls: TlsOptions, serve: (socket: Socket) => void): Server {
  const server = createHttpsServer(
    {
      ALPNProtocols: ['h2', 'http/1.1'],
      cert: tls.certificate,
      key: tls.privateKey,
      ...(tls.clientAuthority === undefined ? {} : { ca: tls.clientAuthority, requestCert: true, rejectUnauthorized: true }),
    },
    (request, response) => serveHttp1(options, request, response),
  );
  // Node's part is HTTP/1.1; connections whose clients chose HTTP/2 do not come to it.
  const startsHttp1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]; // of this event
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined); // as of those below it
    if (socket.alpnProtocol === 'h2') serve(socket);
    else for (const start of startsHttp1) start.call(server, socket);
  });
  return server;
}

/** Without TLS nothing says which protocol a client speaks: HTTP/2's first bytes are those of no HTTP/1.1 request. */
function plainServer(options: V3ListenerOptions, serve: (socket: Socket) => void): Server {
  const http1: HttpServer = createHttpServer((request, response) => serveHttp1(options, request, response));
  const { clock } = options.process;
  return createServer({ noDelay: true }, (socket) => {
    const impatience = clock.timer(firstBytesMs, () => socket.destroy(), { background: true });
    socket.once('close', () => impatience[Symbol.dispose]());
    socket.once('data', (first: Buffer) => {
      impatience[Symbol.dispose]();
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first[0] === 0x50 && first[1] === 0x52; // "PR" of the preface; POST and PUT go on otherwise
      if (isHttp2) serve(socket);
      else http1.emit('connection', socket);
      socket.resume();
    });
  });
}

function handler(options: V3ListenerOptions): StreamHandler {
  const { process, server } = options;
  return (head, stream) => {
    if (head.headers['content-type']?.startsWith('application/grpc') === true) {
      server.call(new Http2CallStream(stream, head));
      return;
    }
    process.spawn('http', async () => {
      const answer = await server.http(head.method, head.path);
      stream.respond(answer.status, httpHeaders(answer), Buffer.from(answer.body));
      stream.release();
    });
  };
}

function serveHttp1(options: V3ListenerOptions, request: IncomingMessage, response: ServerResponse): void {
  response.on('error', () => undefined);
  request.resume();
  options.process.spawn('http', async () => {
    const answer = await options.server.http(request.method ?? 'GET', request.url ?? '/');
    response.writeHead(answer.status, httpHeaders(answer));
    response.end(answer.body);
  });
}

function httpHeaders({ contentType, body }: HttpAnswer): Readonly<Record<string, string>> {
  return { 'content-type': contentType, 'content-length': String(Buffer.byteLength(body)), 'x-content-type-options': 'nosniff' };
}
