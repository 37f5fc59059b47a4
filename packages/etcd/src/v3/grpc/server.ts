import type { Process } from '@coracle/kernel';
import { InvalidProtobuf } from '../protobuf.ts';
import type { CallHead, CallSink, CallStream } from './call-stream.ts';
import { FrameReader, frameHeader, framed } from './frame.ts';
import { type PiecePool, pieceBytes } from './piece-pool.ts';
import { GrpcError, grpcCode, parseGrpcTimeout } from './status.ts';

/** A call in progress, as its handler sees it. */
export interface Call {
  readonly headers: CallHead['headers'];
  /** False once nobody waits for an answer any more: the client is gone, or its time is up. */
  readonly isOpen: boolean;
  /** Calls `listener` when that happens or the call is done; at once when it has. */
  onClosed(listener: () => void): void;
}

/** A call whose answer is a stream. Messages are written behind room for their frame. */
export interface StreamCall extends Call {
  /** Queues a message, of which `shared` is the rest: bytes that others are sent, too. What is sent in one turn goes out together. */
  send(message: Buffer, shared?: readonly Buffer[]): void;
  /** Bytes that wait for the connection to take more. */
  readonly queuedBytes: number;
  /** Whether these are as many as there should be. */
  readonly isFull: boolean;
  /** Resolves when the connection can take more, or the call is over. */
  drained(): Promise<void>;
  /** Stops reading requests, so that the client is held up, or goes on. */
  pause(): void;
  resume(): void;
}

/**
 * A message that is made piece by piece as the client takes it: at once it would be in memory beside all that it is made of. Without
 * room for a frame; the pieces have `length` bytes together.
 */
export interface LongMessage {
  readonly length: number;
  pieces(): Iterable<Buffer>;
  /** A piece is not read any more, so that its memory may be used again. Never called of those that the client did not stay for. */
  sent(piece: Buffer): void;
}

/** Takes the requests of a call whose client sends a stream of them. */
export interface RequestSink {
  message(bytes: Buffer): void;
  /** The client will send no more. */
  ended(): void;
}

export type Method =
  | { readonly kind: 'unary'; readonly run: (request: Buffer, call: Call) => Promise<Buffer | LongMessage> }
  | { readonly kind: 'server stream'; readonly run: (request: Buffer, call: StreamCall) => Promise<void> }
  /** The call lasts until `done` settles. */
  | { readonly kind: 'duplex'; readonly open: (call: StreamCall) => { readonly requests: RequestSink; readonly done: Promise<void> } };

export interface GrpcServerOptions {
  readonly process: Process;
  /** By path, "/package.Service/Method". */
  readonly methods: ReadonlyMap<string, Method>;
  /** Largest message that is taken. */
  readonly maxMessageBytes: number;
  /** The status of what a handler throws that is no GrpcError. */
  readonly statusOf: (error: unknown) => GrpcError;
  /** Told of each call that was answered. */
  readonly answered?: (path: string, code: number) => void;
  /** What a stream of answers may have queued; default `highWaterBytes`. */
  readonly queueBytes?: number | undefined;
  readonly pieces: PiecePool;
}

/** What a stream of answers may have queued before `drained` makes its handler wait, unless the server is told another bound. */
export const highWaterBytes: number = 1024 * 1024;

/** From this size on what is sent in one turn is put together. */
const gatheredBytes = 4096;

/** gRPC over any HTTP/2 (grpc PROTOCOL-HTTP2), with the texts of grpc-go's server. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #services: ReadonlySet<string>;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#services = new Set([...options.methods.keys()].map((path) => path.slice(1, path.lastIndexOf('/'))));
  }

  /** Serves one stream from its headers on. */
  handle(stream: CallStream): void {
    const { method: verb, path, headers } = stream.head;
    const contentType = headers['content-type'] ?? '';
    const method = this.#options.methods.get(path);
    const timeout = headers['grpc-timeout'];
    const timeoutMs = timeout === undefined ? undefined : parseGrpcTimeout(timeout);
    if (verb !== 'POST') stream.reject(405, 'gRPC calls are made with POST\n');
    else if (!isGrpc(contentType)) stream.reject(415, `invalid gRPC request content-type ${JSON.stringify(contentType)}\n`);
    else if (method === undefined) stream.refuse(grpcCode.unimplemented, this.#unknown(path));
    else if (timeout !== undefined && timeoutMs === undefined)
      stream.refuse(grpcCode.internal, `malformed grpc-timeout: ${JSON.stringify(timeout)}`);
    else {
      new ServedCall(this.#options, stream, path, method, timeoutMs).start();
      return;
    }
    stream.release();
  }

  #unknown(path: string): string {
    const match = /^\/(.+)\/([^/]+)$/.exec(path);
    if (match === null) return `malformed method name: ${JSON.stringify(path)}`;
    const [, service = '', method = ''] = match;
    return this.#services.has(service) ? `unknown method ${method} for service ${service}` : `unknown service ${service}`;
  }
}

function isGrpc(contentType: string): boolean {
  return contentType === 'application/grpc' || /^application\/grpc(\+proto)?(;.*)?$/.test(contentType);
}

class ServedCall implements StreamCall, CallSink {
  readonly #options: GrpcServerOptions;
  readonly #stream: CallStream;
  readonly #path: string;
  readonly #method: Method;
  readonly #frames: FrameReader;
  #deadline: Disposable | undefined;
  readonly #timeoutMs: number | undefined;
  #isOpen = true;
  #isWorking = false;
  #begun = false;
  #hasRequest = false;
  #requests: RequestSink | undefined;
  #listeners: (() => void)[] = [];
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #mayWrite = true;
  #flushing = false;
  #waiting: (() => void)[] = [];

  constructor(options: GrpcServerOptions, stream: CallStream, path: string, method: Method, timeoutMs: number | undefined) {
    this.#options = options;
    this.#stream = stream;
    this.#path = path;
    this.#method = method;
    this.#timeoutMs = timeoutMs;
    this.#frames = new FrameReader(options.maxMessageBytes, stream.head.headers['grpc-encoding']);
  }

  start(): void {
    if (this.#timeoutMs !== undefined) {
      const expire = (): void => this.#end(grpcCode.deadlineExceeded, 'context deadline exceeded');
      this.#deadline = this.#options.process.clock.timer(this.#timeoutMs, expire, { background: true });
    }
    if (this.#method.kind === 'duplex') {
      const { requests, done } = this.#method.open(this);
      this.#requests = requests;
      done.catch(() => undefined); // it may end before its work takes that up
      this.#work(() => done);
    }
    this.#stream.receive(this);
  }

  get headers(): CallHead['headers'] {
    return this.#stream.head.headers;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isFull(): boolean {
    return this.#queuedBytes >= (this.#options.queueBytes ?? highWaterBytes);
  }

  onClosed(listener: () => void): void {
    if (this.#isOpen) this.#listeners.push(listener);
    else listener();
  }

  send(message: Buffer, shared: readonly Buffer[] = []): void {
    if (!this.#isOpen) return;
    let sharedBytes = 0;
    for (const { length } of shared) sharedBytes += length;
    this.#queue.push(framed(message, sharedBytes), ...shared);
    this.#queuedBytes += message.length + sharedBytes;
    if (this.#flushing) return;
    this.#flushing = true;
    this.#options.process.post({ lane: 'grpc', op: 'flush' }, () => {
      this.#flushing = false;
      this.#flush();
    });
  }

  drained(): Promise<void> {
    if (!this.#isOpen || !this.isFull) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  // What the client's side does.

  data(chunk: Buffer): void {
    if (!this.#isOpen) return;
    try {
      this.#frames.push(chunk, (message) => this.#received(message));
    } catch (error) {
      this.#fail(error);
    }
  }

  ended(): void {
    if (!this.#isOpen) return;
    if (!this.#frames.isBetweenMessages || (this.#method.kind !== 'duplex' && !this.#hasRequest)) {
      this.#end(grpcCode.internal, 'unexpected EOF');
      return;
    }
    this.#requests?.ended();
  }

  closed(): void {
    this.#close();
  }

  writable(): void {
    this.#mayWrite = true;
    this.#flush();
    this.#wake();
  }

  #received(message: Buffer): void {
    if (!this.#isOpen) return;
    const method = this.#method;
    if (method.kind === 'duplex') {
      this.#requests?.message(message);
      return;
    }
    if (this.#hasRequest) {
      this.#end(grpcCode.internal, 'received more than one request message');
      return;
    }
    this.#hasRequest = true;
    if (method.kind === 'unary') this.#work(async () => this.#answer(await method.run(message, this)));
    else this.#work(() => method.run(message, this));
  }

  /** Runs the handler; the call ends with it. */
  #work(run: () => Promise<void>): void {
    this.#isWorking = true;
    this.#options.process.spawn('rpc', async () => {
      try {
        await run();
        this.#end(grpcCode.ok, '');
      } catch (error) {
        this.#fail(error);
      } finally {
        this.#isWorking = false;
        this.#stream.release();
      }
    });
  }

  #answer(message: Buffer | LongMessage): Promise<void> | undefined {
    if (!this.#isOpen) return undefined;
    if ('pieces' in message) return this.#answerInPieces(message);
    this.#stream.answer(framed(message));
    this.#report(grpcCode.ok);
    this.#close();
    return undefined;
  }

  async #answerInPieces(message: LongMessage): Promise<void> {
    this.#begin();
    this.#stream.write([frameHeader(message.length)]);
    for (const piece of message.pieces()) {
      const mayWrite = this.#stream.lend(piece, () => message.sent(piece));
      if (!mayWrite) await this.#room();
      if (!this.#isOpen) return;
    }
  }

  /** Resolves when more may be written, or the call is over. */
  #room(): Promise<void> {
    this.#mayWrite = false;
    if (!this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #fail(error: unknown): void {
    if (error instanceof InvalidProtobuf) this.#end(grpcCode.internal, `grpc: error unmarshalling request: ${error.message}`);
    else {
      const { code, message } = error instanceof GrpcError ? error : this.#options.statusOf(error);
      this.#end(code, message);
    }
  }

  /** Ends the call with a status, behind what was sent. Only the first end counts. */
  #end(code: number, message: string): void {
    if (!this.#isOpen) return;
    if (!this.#begun && this.#queue.length === 0 && code !== grpcCode.ok) this.#stream.refuse(code, message);
    else {
      this.#begin();
      this.#writeQueue();
      this.#stream.finish(code, message);
    }
    this.#report(code);
    this.#close();
  }

  #report(code: number): void {
    this.#options.answered?.(this.#path, code);
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#deadline?.[Symbol.dispose]();
    if (!this.#isWorking) this.#stream.release(); // else its work does, which goes on for nobody
    for (const listener of this.#listeners.splice(0)) listener();
    this.#wake();
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#stream.begin();
  }

  #flush(): void {
    if (!this.#isOpen || !this.#mayWrite || this.#queue.length === 0) return;
    this.#begin();
    this.#mayWrite = this.#writeQueue();
    this.#wake();
  }

  /** False when no more should be written. */
  #writeQueue(): boolean {
    const parts = this.#queue;
    const bytes = this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (parts.length === 0) return true;
    return bytes < gatheredBytes ? this.#stream.write(parts) : this.#gather(parts);
  }

  /** Writes many small parts as few pieces: each of them would be written by itself. */
  #gather(parts: readonly Buffer[]): boolean {
    const { pieces } = this.#options;
    let mayWrite = true;
    let memory: Buffer | undefined;
    let used = 0;
    const lend = (): void => {
      const lent = memory;
      if (lent !== undefined) mayWrite = this.#stream.lend(lent.subarray(0, used), () => pieces.giveBack(lent));
      memory = undefined;
      used = 0;
    };
    for (const part of parts) {
      if (used + part.length > pieceBytes) lend();
      if (part.length > pieceBytes) {
        mayWrite = this.#stream.write([part]);
        continue;
      }
      memory ??= pieces.take();
      memory.set(part, used);
      used += part.length;
    }
    lend();
    return mayWrite;
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
