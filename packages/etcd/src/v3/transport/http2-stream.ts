import type { Clock } from '@coracle/kernel';
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { CallHeaders, CallSink, CallStream } from '../grpc/call-stream.ts';
import { encodeGrpcMessage } from '../grpc/status.ts';

const responseHeaders: OutgoingHttpHeaders = Object.freeze({ ':status': 200, 'content-type': 'application/grpc' });
const lingerMs = 1000;
const okTrailers: OutgoingHttpHeaders = Object.freeze({ 'grpc-status': '0', 'grpc-message': '' });

/** A stream of `node:http2`. */
export class Http2CallStream implements CallStream {
  readonly headers: CallHeaders;
  readonly #stream: ServerHttp2Stream;
  readonly #clock: Clock;
  #trailers: OutgoingHttpHeaders = okTrailers;
  #sink: CallSink | undefined;

  constructor(stream: ServerHttp2Stream, headers: CallHeaders, clock: Clock) {
    this.headers = headers;
    this.#clock = clock;
    this.#stream = stream;
  }

  receive(sink: CallSink): void {
    const stream = this.#stream;
    stream.on('error', () => undefined); // a client that goes away is not our failure; 'close' follows
    stream.on('close', () => sink.closed());
    stream.on('data', (chunk: Buffer) => sink.data(chunk));
    stream.on('end', () => sink.ended());
    this.#sink = sink;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  answer(frame: Buffer): void {
    if (this.#isGone) return;
    this.#respond();
    this.#stream.end(frame);
  }

  begin(): void {
    if (!this.#isGone) this.#respond();
  }

  write(frames: readonly Buffer[]): boolean {
    const stream = this.#stream;
    if (this.#isGone) return true;
    if (frames.length > 1) stream.cork(); // one write for all of them, without copying
    for (const frame of frames) stream.write(frame);
    if (frames.length > 1) stream.uncork();
    if (!stream.writableNeedDrain) return true;
    // Most calls never come here, and a listener costs each of them.
    stream.once('drain', () => this.#sink?.writable());
    return false;
  }

  finish(code: number, message: string): void {
    if (this.#isGone) return;
    if (code !== 0) this.#trailers = { 'grpc-status': String(code), 'grpc-message': encodeGrpcMessage(message) };
    this.#stream.end();
    this.#dropRest();
  }

  refuse(code: number, message: string): void {
    const status = { 'grpc-status': String(code), 'grpc-message': encodeGrpcMessage(message) };
    this.#end({ ...responseHeaders, ...status });
  }

  reject(status: number, text: string): void {
    if (this.#isGone) return;
    this.#stream.respond({ ':status': status, 'content-type': 'text/plain; charset=utf-8' });
    this.#stream.end(text);
    this.#dropRest();
  }

  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  #respond(): void {
    const stream = this.#stream;
    stream.respond(responseHeaders, { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      if (!stream.destroyed) stream.sendTrailers(this.#trailers);
    });
  }

  #end(headers: OutgoingHttpHeaders): void {
    if (this.#isGone) return;
    this.#stream.respond(headers, { endStream: true });
    this.#dropRest();
  }

  /**
   * The answer is complete, and what the client still sends is thrown away. A client of gRPC ends its side when it has read
   * the status; one that does not is cut off, or its streams would stay for as long as its connection.
   */
  #dropRest(): void {
    const stream = this.#stream;
    if (stream.readableEnded || stream.endAfterHeaders) return;
    stream.resume();
    const timer = this.#clock.timer(lingerMs, () => stream.close(constants.NGHTTP2_NO_ERROR), { background: true });
    stream.once('close', () => timer[Symbol.dispose]());
  }
}
