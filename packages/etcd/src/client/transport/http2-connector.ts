import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Process } from '@coracle/kernel';
import { decodeGrpcMessage, grpcCode } from '../../v3/grpc/status.ts';
import type { AnswerSink, CallEnd, CallRequest, Connection, Connector, Endpoint, OutgoingCall } from '../connection.ts';

/** What a server is trusted by, and what this client shows to it. PEM. */
export interface ClientTls {
  /** Absent: the authorities that Node knows. */
  readonly authority?: string | undefined;
  readonly certificate?: string | undefined;
  readonly privateKey?: string | undefined;
}

const streamWindowBytes = 1 << 20;
const connectionWindowBytes = 16 * 1024 * 1024;
const refusedStream = 7;
const cancelCode = 8;

/** Connections over sockets: TLS with ALPN for `https`, HTTP/2 in the clear for `http`. */
export function http2Connector(process: Process, tls: ClientTls = {}): Connector {
  return {
    async connect(endpoint, { onClosed, signal }) {
      const http2 = await import('node:http2');
      const socket = await connectedSocket(endpoint, tls, signal);
      const { host, port, isSecure } = endpoint;
      const authority = `${isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
      const session = http2.connect(authority, {
        createConnection: () => socket,
        maxSessionMemory: 4096, // MiB; a session that passes it loses its streams
        peerMaxConcurrentStreams: 0xffff_ffff, // until the server says otherwise
        settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      });
      return new Http2Connection(process, session, onClosed).ready(socket, signal);
    },
  };
}

async function connectedSocket({ isSecure, host, port }: Endpoint, tls: ClientTls, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  let socket: Socket;
  if (isSecure) {
    const { connect } = await import('node:tls');
    const { isIP } = await import('node:net');
    socket = connect({
      host,
      port,
      ALPNProtocols: ['h2'],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(tls.authority === undefined ? {} : { ca: tls.authority }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.privateKey === undefined ? {} : { key: tls.privateKey }),
    });
    socket.once('secureConnect', () => resolve(socket));
  } else {
    const { connect } = await import('node:net');
    socket = connect({ host, port });
    socket.once('connect', () => resolve(socket));
  }
  socket.setNoDelay(true);
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('connection closed')));
  const onAbort = (): void => {
    socket.destroy();
    reject(signal.reason as Error); // of a deadline or of a server that was left
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.off('error', reject);
    socket.on('error', () => undefined); // its end is told to the session
  }
}

class Http2Connection implements Connection {
  readonly #process: Process;
  readonly #session: ClientHttp2Session;
  readonly #onClosed: (reason: Error) => void;
  #closed: Error | undefined;

  constructor(process: Process, session: ClientHttp2Session, onClosed: (reason: Error) => void) {
    this.#process = process;
    this.#session = session;
    this.#onClosed = onClosed;
    session.on('error', (error) => this.#end(error));
    session.on('close', () => this.#end(new Error('connection closed')));
    // Calls that run may finish; those that it did not begin with are refused one by one.
    session.on('goaway', (code: number) => this.#end(new Error(`the server is closing the connection (GOAWAY ${code})`)));
  }

  /**
   * A server that speaks no HTTP/2 is found out here: it sends no settings. So is one that refuses a certificate, which it says only
   * when the client already takes the connection for made.
   */
  async ready(socket: Socket, signal: AbortSignal): Promise<this> {
    const session = this.#session;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      session.destroy();
      reject(signal.reason as Error); // as above
    };
    session.once('remoteSettings', () => resolve());
    session.once('error', reject);
    session.once('close', () => reject(this.#closed ?? new Error('connection closed')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed')));
    if (socket.destroyed) reject(socket.errored ?? new Error('connection closed'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } catch (error) {
      session.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', reject);
    }
    session.setLocalWindowSize(connectionWindowBytes);
    return this;
  }

  open({ path, metadata }: CallRequest, answer: AnswerSink): OutgoingCall {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'coracle',
        ...metadata,
      });
    } catch (error) {
      // The connection closed while the call was made. Told afterwards: a caller has its call before it hears of it.
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#process.post({ lane: 'etcd', op: 'ended', key: path }, () => answer.ended({ is: 'lost', sent: false, reason }));
      return { write: () => undefined, finish: () => undefined, cancel: () => undefined };
    }
    return new Http2Call(stream, answer, () => this.#closed);
  }

  ping(answered: () => void): void {
    if (this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error === null) answered();
    });
  }

  close(reason: Error): void {
    this.#end(reason);
    this.#session.destroy();
  }

  #end(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#onClosed(reason);
  }
}

class Http2Call implements OutgoingCall {
  readonly #stream: ClientHttp2Stream;
  readonly #answer: AnswerSink;
  readonly #closeReason: () => Error | undefined;
  #status: CallEnd | undefined;
  #failure: Error | undefined;
  #isOver = false;

  constructor(stream: ClientHttp2Stream, answer: AnswerSink, closeReason: () => Error | undefined) {
    this.#stream = stream;
    this.#answer = answer;
    this.#closeReason = closeReason;
    stream.on('response', (headers) => this.#headers(headers));
    stream.on('trailers', (headers) => this.#trailers(headers));
    stream.on('data', (chunk: Buffer) => {
      if (!this.#isOver) answer.data(chunk);
    });
    stream.on('error', (error) => {
      this.#failure = error;
    });
    stream.on('close', () => this.#close());
  }

  write(frame: Buffer): void {
    if (!this.#isGone) this.#stream.write(frame);
  }

  finish(): void {
    if (!this.#isGone) this.#stream.end();
  }

  cancel(): void {
    this.#isOver = true;
    if (!this.#stream.closed) this.#stream.close(cancelCode);
  }

  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#isOver;
  }

  #headers(headers: IncomingHttpHeaders): void {
    const status = Number(headers[':status']);
    if (headers['grpc-status'] !== undefined) this.#trailers(headers);
    else if (status !== 200) this.#status = { is: 'status', code: codeOfHttp(status), message: `unexpected HTTP status code ${status}` };
    else if (!String(headers['content-type'] ?? '').startsWith('application/grpc')) {
      this.#status = {
        is: 'status',
        code: grpcCode.unknown,
        message: `unexpected content-type ${JSON.stringify(headers['content-type'] ?? '')}`,
      };
    }
  }

  #trailers(headers: IncomingHttpHeaders): void {
    const text = String(headers['grpc-status'] ?? '');
    const code = /^\d{1,3}$/.test(text) ? Number(text) : grpcCode.unknown;
    this.#status ??= { is: 'status', code, message: decodeGrpcMessage(String(headers['grpc-message'] ?? '')) };
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { rstCode, pending } = this.#stream;
    const reason = this.#closeReason() ?? this.#failure ?? new Error(`the call was reset (${rstCode})`);
    // What has no number yet was not sent; what was refused is said not to have been begun.
    this.#answer.ended(this.#status ?? { is: 'lost', sent: !pending && rstCode !== refusedStream, reason });
  }
}

/** The code of an answer that is no gRPC (grpc http-grpc-status-mapping). */
function codeOfHttp(status: number): number {
  if (status === 400) return grpcCode.internal;
  if (status === 401) return 16;
  if (status === 403) return 7;
  if (status === 404) return grpcCode.unimplemented;
  return status === 429 || (status >= 502 && status <= 504) ? grpcCode.unavailable : grpcCode.unknown;
}
