import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type Server, TLSSocket } from 'node:tls';
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
import { type Http2Request, type Http2Stream, serveHttp2, wholeRequests } from '@coracle/http2';
import type { Process } from '@coracle/kernel';
import type { Credentials, PeerCertificate } from '../authentication/authenticator.ts';

/** What answers requests: the API server. The answer's body is never in object form here. */
export type RequestServer = (request: ApiRequest, credentials: Credentials, call: { readonly signal: AbortSignal }) => Promise<ApiResponse>;

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
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** One HTTPS port for HTTP/2 and HTTP/1.1. Rejects with Node's error (EADDRINUSE) when the port cannot be had. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const sockets = new Set<TLSSocket>();
  const server = createServer(
    {
      ALPNProtocols: ['h2', 'http/1.1'],
      cert: options.certificate,
      key: options.privateKey,
      ca: options.clientAuthority,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      options.process.spawn('request', () => serveHttp1(options, request, response));
    },
  );
  // Node's part is HTTP/1.1; connections whose clients chose HTTP/2 do not come to it.
  const startsHttp1 = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]; // of this event
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // a peer that goes away is not our failure; the close event follows
    if (socket.alpnProtocol === 'h2') serveSocket(options, socket);
    else for (const start of startsHttp1) start.call(server, socket);
  });
  const port = await listen(server, options.host, options.port);
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

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port); // it listens on TCP
    });
  });
}

function serveSocket(options: HttpListenerOptions, socket: TLSSocket): void {
  const certificate = peerCertificate(socket);
  const { process } = options;
  const open = wholeRequests({
    maxBodyBytes: options.maxBodyBytes ?? defaultMaxBodyBytes,
    request: (request, stream) => {
      process.spawn('request', () => serveStream(options, certificate, request, stream));
    },
  });
  serveHttp2(socket, { process, open });
}

async function serveStream(
  options: HttpListenerOptions,
  certificate: PeerCertificate | undefined,
  request: Http2Request,
  stream: Http2Stream,
): Promise<void> {
  try {
    const { method, path: url, headers: fields, repeatedHeaders } = request;
    const raw = { method, url, headers: fields, repeatedHeaders, certificate };
    const { status, headers, body } = await answerTo(options, raw, request.body, new StreamCall(stream));
    if (method === 'HEAD') stream.respond(status, headers);
    else if (body.form === 'bytes') stream.respond(status, headers, body.bytes);
    else {
      stream.start(status, headers);
      // Leaving the loop early ends the iteration, and with it the watch behind it.
      for await (const chunk of body.chunks) {
        if (!stream.write(chunk)) await stream.drained();
        if (stream.isClosed) return;
      }
      stream.end();
    }
  } finally {
    stream.release();
  }
}

/** One request of HTTP/2. Its signal is made when somebody asks for it, as only what does not end by itself does. */
class StreamCall {
  readonly #stream: Http2Stream;
  #controller: AbortController | undefined;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      const abort = (): void => controller.abort(new Error('The client closed the request'));
      this.#controller = controller;
      if (this.#stream.isClosed) abort();
      else this.#stream.onAbort = abort;
    }
    return this.#controller.signal;
  }
}

async function serveHttp1(options: HttpListenerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = callOf(response);
  const method = request.method ?? 'GET';
  const { socket } = request;
  const raw = {
    method,
    url: request.url ?? '/',
    headers: wireHeaders(request.headers),
    repeatedHeaders: repeatedHeaders(request),
    certificate: peerCertificate(socket),
  };
  const limit = options.maxBodyBytes ?? defaultMaxBodyBytes;
  const { status, headers, body } = await answerTo(options, raw, await readBody(request, limit), call);
  if (response.destroyed) return;
  if (body.form === 'bytes') call.answered();
  response.writeHead(status, headers);
  // Of a watch or a log the head says that it began: nothing else may come for long.
  if (body.form === 'stream') response.flushHeaders();
  await send(body, response, method === 'HEAD');
}

interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: WireHeaders;
  readonly repeatedHeaders: ApiRequest['repeatedHeaders'] | undefined;
  readonly certificate: PeerCertificate | undefined;
}

type SentBody = Exclude<Body, { readonly form: 'object' }>;

async function answerTo(
  options: HttpListenerOptions,
  raw: RawRequest,
  bytes: ReadBody,
  call: { readonly signal: AbortSignal },
): Promise<{ readonly status: number; readonly headers: WireHeaders; readonly body: SentBody }> {
  if (!isMethod(raw.method)) return plain(405, 'Method Not Allowed\n');
  if (bytes === 'too large') return refused(newRequestEntityTooLarge(options.maxBodyBytes ?? defaultMaxBodyBytes));
  if (bytes === 'cut off') return plain(400, 'The request ended early\n');
  const { method, url, headers, repeatedHeaders, certificate } = raw;
  const mark = url.indexOf('?');
  const plainRequest = {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? noQuery : parseQuery(url.slice(mark + 1)),
    headers,
  };
  const repeated = repeatedHeaders === undefined ? plainRequest : { ...plainRequest, repeatedHeaders };
  const contentType = headers['content-type'] ?? '';
  const request: ApiRequest = bytes.length === 0 ? repeated : { ...repeated, body: { form: 'bytes', contentType, bytes } };
  const credentials = certificate === undefined ? { headers } : { headers, certificate };
  const response = await options.serve(request, credentials, call);
  if ('events' in response || response.body.form === 'object') throw new TypeError('An answer for the wire must be bytes');
  const { status, body } = response;
  const typed = { ...response.headers, 'content-type': body.contentType };
  return { status, headers: body.form === 'bytes' ? { ...typed, 'content-length': String(body.bytes.length) } : typed, body };
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

/** `cut off`: the client left in the middle. */
type ReadBody = Uint8Array | 'too large' | 'cut off';

function readBody(stream: Readable, limit: number): Promise<ReadBody> {
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

/** Reading a certificate costs more than most requests. */
const peers = new WeakMap<TLSSocket, PeerCertificate | 'none'>();

/** Who is at the other end of a connection. Asked once for each. */
function peerCertificate(socket: unknown): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  let certificate = peers.get(socket);
  if (certificate === undefined) {
    certificate = readCertificate(socket) ?? 'none';
    peers.set(socket, certificate);
  }
  return certificate === 'none' ? undefined : certificate;
}

function readCertificate(socket: TLSSocket): PeerCertificate | undefined {
  if (!socket.authorized) return undefined;
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

/** Of the header lines that came several times: their values one by one. */
function repeatedHeaders({ rawHeaders, headers, headersDistinct }: IncomingMessage): ApiRequest['repeatedHeaders'] {
  if (rawHeaders.length === 2 * Object.keys(headers).length) return undefined;
  const repeated: Record<string, readonly string[]> = {};
  for (const [name, values = []] of Object.entries(headersDistinct)) if (values.length > 1) repeated[name] = values;
  return repeated;
}

/** `application/x-www-form-urlencoded` pairs in order. A malformed escape is kept as it is. */
function parseQuery(search: string): Query {
  return search === '' ? noQuery : [...new URLSearchParams(search)];
}

const noQuery: Query = Object.freeze([]);
