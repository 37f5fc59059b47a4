import type { Process } from '@coracle/kernel';
import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
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
  /** Stops accepting, ends calls and connections, resolves when the port is free. */
  close(): Promise<void>;
}

/** As etcd's: no bound on calls, of which a client of many watches has many. */
const http2Options = {
  maxSessionMemory: 4096, // MiB; a session that passes it loses its streams
  maxSettings: 64,
  // Clients cancel watches in bursts; with Node's default of 1,000 that would end their connection.
  streamResetBurst: 1_000_000,
  streamResetRate: 100_000,
  settings: { maxConcurrentStreams: 0xffff_ffff, initialWindowSize: 1 << 20 },
} as const;
const connectionWindowBytes = 16 * 1024 * 1024;
/** A client that says nothing is not waited for. */
const firstBytesMs = 10_000;

/** One port for gRPC over HTTP/2 and plain HTTP/1.1, with TLS (ALPN) or without. Rejects with Node's error when it cannot be had. */
export async function listenV3(options: V3ListenerOptions): Promise<V3Listener> {
  const sockets = new Set<Socket>();
  const server = options.tls === undefined ? plainServer(options) : secureServer(options, options.tls);
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // a peer that goes away is not our failure; the close event follows
  };
  server.on('connection', keep);
  server.on('secureConnection', keep);
  await listen(server, options.host, options.port);
  const address = server.address();
  return {
    host: options.host,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
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

function secureServer(options: V3ListenerOptions, tls: TlsOptions): Server {
  const server = createSecureServer({
    ...http2Options,
    allowHTTP1: true,
    cert: tls.certificate,
    key: tls.privateKey,
    ...(tls.clientAuthority === undefined ? {} : { ca: tls.clientAuthority, requestCert: true, rejectUnauthorized: true }),
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => serveHttp1(options, request, response));
  serveHttp2(options, server);
  return server;
}

/** Without TLS nothing says which protocol a client speaks: HTTP/2's first bytes are those of no HTTP/1.1 request. */
function plainServer(options: V3ListenerOptions): Server {
  const http1: HttpServer = createHttpServer((request, response) => serveHttp1(options, request, response));
  const http2: Http2Server = createHttp2Server(http2Options);
  serveHttp2(options, http2);
  const { clock } = options.process;
  return createServer({ noDelay: true }, (socket) => {
    const impatience = clock.timer(firstBytesMs, () => socket.destroy(), { background: true });
    socket.once('close', () => impatience[Symbol.dispose]());
    socket.once('data', (first: Buffer) => {
      impatience[Symbol.dispose]();
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first[0] === 0x50 && first[1] === 0x52; // "PR" of the preface; POST and PUT go on otherwise
      (isHttp2 ? http2 : http1).emit('connection', socket);
      if (!isHttp2) socket.resume();
    });
  });
}

function serveHttp2(options: V3ListenerOptions, server: Http2Server | ReturnType<typeof createSecureServer>): void {
  const { process } = options;
  server.on('session', (session: ServerHttp2Session) => {
    session.setLocalWindowSize(connectionWindowBytes);
    session.on('error', () => undefined); // the connection's end is told to each stream
  });
  // Listening for 'request' made Node wrap every HTTP/2 stream for compatibility, at half the speed: take that off again.
  server.removeAllListeners('stream');
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (String(headers['content-type'] ?? '').startsWith('application/grpc')) {
      options.server.call(new Http2CallStream(stream, headers, process.clock));
      return;
    }
    stream.on('error', () => undefined);
    stream.resume();
    process.spawn('http', async () => {
      const answer = await options.server.http(String(headers[':method']), String(headers[':path']));
      if (stream.destroyed) return;
      stream.respond({ ':status': answer.status, ...httpHeaders(answer) });
      stream.end(answer.body);
    });
  });
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
