import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import {
  type ApiRequest,
  type ApiResponse,
  type Body,
  type Method,
  newRequestEntityTooLarge,
  type Query,
  type StatusError,
  type WireHeaders,
  writeJsonBytes,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Credentials, PeerCertificate } from '../authentication/authenticator.ts';

/** What answers requests: the API server. The answer's body is never in object form here. */
export type RequestServer = (
  request: ApiRequest,
  credentials: Credentials,
  options: { readonly signal: AbortSignal },
) => Promise<ApiResponse>;

export interface HttpListenerOptions {
  readonly process: Process;
  readonly serve: RequestServer;
  /** Loopback addresses only, unless a cluster is told otherwise. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly certificate: string;
  readonly privateKey: string;
  /** Client certificates signed by this are believed; others are as good as none. */
  readonly clientAuthority: string;
  /** Largest request body; larger ones get 413. Upstream: 3 MiB. */
  readonly maxBodyBytes?: number;
}

export interface HttpListener {
  readonly host: string;
  readonly port: number;
  /** Stops accepting, ends open connections, resolves when the port is free. */
  close(): Promise<void>;
}

const defaultMaxBodyBytes = 3 * 1024 * 1024;
const noBytes = new Uint8Array();
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** One HTTPS port for HTTP/2 and HTTP/1.1. Rejects with Node's error (EADDRINUSE) when the port cannot be had. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const sockets = new Set<Socket>();
  const peers = new PeerCertificates();
  const server = createSecureServer({
    allowHTTP1: true,
    cert: options.certificate,
    key: options.privateKey,
    ca: options.clientAuthority,
    requestCert: true,
    rejectUnauthorized: false,
    // client-go cancels watches in bursts; the default of 1,000 would end its connection (stack study, 1.1).
    streamResetBurst: 100_000,
    streamResetRate: 10_000,
    settings: { maxConcurrentStreams: 1_000, initialWindowSize: 1 << 20 },
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // a peer that goes away is not our failure; the close event follows
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    options.process.spawn('request', () => serveHttp1({ ...options, peers }, request, response));
  });
  // Listening for 'request' made Node wrap every HTTP/2 stream for compatibility, at half the speed: take that off again.
  server.removeAllListeners('stream');
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    options.process.spawn('request', () => serveStream({ ...options, peers }, stream, headers));
  });
  await listen(server, options.host, options.port);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    host: options.host,
    port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listen(server: Http2SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

interface Serving extends HttpListenerOptions {
  readonly peers: PeerCertificates;
}

async function serveStream(options: Serving, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  const call = callOf(stream);
  const method = String(headers[':method']);
  const { session } = stream;
  const certificate = session === undefined ? undefined : options.peers.of(session, () => session.socket);
  const raw = { method, url: String(headers[':path']), headers: wireHeaders(headers), certificate };
  const { status, headers: answered, body } = await answerTo(options, raw, stream.endAfterHeaders ? undefined : stream, call.signal);
  if (stream.destroyed) return;
  if (body.form === 'bytes') call.answered();
  stream.respond({ ...answered, ':status': status });
  await send(body, stream, method === 'HEAD');
}

async function serveHttp1(options: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = callOf(response);
  const method = request.method ?? 'GET';
  const { socket } = request;
  const raw = {
    method,
    url: request.url ?? '/',
    headers: wireHeaders(request.headers),
    certificate: options.peers.of(socket, () => socket),
  };
  const { status, headers, body } = await answerTo(options, raw, request, call.signal);
  if (response.destroyed) return;
  if (body.form === 'bytes') call.answered();
  response.writeHead(status, headers);
  await send(body, response, method === 'HEAD');
}

interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: WireHeaders;
  readonly certificate: PeerCertificate | undefined;
}

type SentBody = Exclude<Body, { readonly form: 'object' }>;

async function answerTo(
  options: HttpListenerOptions,
  raw: RawRequest,
  /** undefined: there is no body. */
  stream: Readable | undefined,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly headers: WireHeaders; readonly body: SentBody }> {
  if (!isMethod(raw.method)) return plain(405, 'Method Not Allowed\n');
  const limit = options.maxBodyBytes ?? defaultMaxBodyBytes;
  const bytes = stream === undefined ? noBytes : await readBody(stream, limit);
  if (bytes === 'too large') return refused(newRequestEntityTooLarge(limit));
  if (bytes === 'cut off') return plain(400, 'The request ended early\n');
  const [path, search] = splitOnce(raw.url, '?');
  const contentType = raw.headers['content-type'] ?? '';
  const request: ApiRequest = {
    method: raw.method,
    path,
    query: parseQuery(search),
    headers: raw.headers,
    ...(bytes.length === 0 ? {} : { body: { form: 'bytes', contentType, bytes } }),
  };
  const { certificate } = raw;
  const credentials = { headers: raw.headers, ...(certificate === undefined ? {} : { certificate }) };
  const response = await options.serve(request, credentials, { signal });
  if ('events' in response || response.body.form === 'object') throw new TypeError('An answer for the wire must be bytes');
  const { body } = response;
  return {
    status: response.status,
    headers: {
      ...response.headers,
      'content-type': body.contentType,
      ...(body.form === 'bytes' ? { 'content-length': String(body.bytes.length) } : {}),
    },
    body,
  };
}

function plain(status: number, text: string): { status: number; headers: WireHeaders; body: SentBody } {
  const contentType = 'text/plain; charset=utf-8';
  return { status, headers: { 'content-type': contentType }, body: { form: 'bytes', contentType, bytes: Buffer.from(text) } };
}

function refused({ code, status }: StatusError): { status: number; headers: WireHeaders; body: SentBody } {
  const contentType = 'application/json';
  return { status: code, headers: { 'content-type': contentType }, body: { form: 'bytes', contentType, bytes: writeJsonBytes(status) } };
}

async function send(body: SentBody, out: Writable, headOnly: boolean): Promise<void> {
  if (body.form === 'bytes' || headOnly) {
    out.end(headOnly || body.form !== 'bytes' ? undefined : body.bytes);
    return;
  }
  // Leaving the loop early ends the iteration, and with it the watch behind it.
  for await (const chunk of body.chunks) {
    if (out.destroyed) return;
    if (!out.write(chunk)) await drained(out);
  }
  out.end();
}

function drained(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      out.off('drain', done);
      out.off('close', done);
      resolve();
    };
    out.on('drain', done);
    out.on('close', done);
  });
}

function readBody(stream: Readable, limit: number): Promise<Uint8Array | 'too large' | 'cut off'> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    stream.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else resolve('too large');
    });
    stream.once('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    stream.once('error', () => resolve('cut off'));
    stream.once('close', () => resolve('cut off'));
  });
}

/** One request from its arrival to its answer: `signal` aborts when the client goes away before. */
function callOf(stream: Writable): { readonly signal: AbortSignal; answered(): void } {
  const controller = new AbortController();
  let isAnswered = false;
  stream.on('error', () => undefined); // a peer that goes away is not our failure; 'close' follows
  stream.once('close', () => {
    // An error costs a stack trace: only where somebody may still be at work.
    if (!isAnswered) controller.abort(new Error('The client closed the request'));
  });
  return {
    signal: controller.signal,
    answered() {
      isAnswered = true;
    },
  };
}

function isMethod(method: string): method is Method {
  return methods.has(method);
}

/** Who is at the other end of a connection. Asked once for each: reading a certificate costs more than most requests. */
class PeerCertificates {
  readonly #known = new WeakMap<object, PeerCertificate | 'none'>();

  of(connection: object, socket: () => unknown): PeerCertificate | undefined {
    let certificate = this.#known.get(connection);
    if (certificate === undefined) {
      certificate = peerCertificate(socket()) ?? 'none';
      this.#known.set(connection, certificate);
    }
    return certificate === 'none' ? undefined : certificate;
  }
}

function peerCertificate(socket: unknown): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] } | undefined; // Node types one value only
  if (subject?.CN === undefined) return undefined;
  const organizations = subject.O === undefined ? [] : typeof subject.O === 'string' ? [subject.O] : subject.O;
  return { commonName: subject.CN, organizations };
}

function wireHeaders(headers: IncomingHttpHeaders): WireHeaders {
  const out: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.charCodeAt(0) === 0x3a) continue; // `:method` and the like
    out[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return out;
}

/** `application/x-www-form-urlencoded` pairs in order. A malformed escape is kept as it is. */
function parseQuery(search: string): Query {
  return search === '' ? [] : [...new URLSearchParams(search)];
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
