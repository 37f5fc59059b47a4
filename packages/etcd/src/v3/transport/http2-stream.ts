import { type Http2Stream, type RequestHead, responseHead, trailerBlock } from '@coracle/http2';
import type { CallSink, CallStream } from '../grpc/call-stream.ts';
import { encodeGrpcMessage } from '../grpc/status.ts';

const contentType = { 'content-type': 'application/grpc' };
const answerHead = responseHead(200, contentType);
const okTrailers = trailerBlock({ 'grpc-status': '0', 'grpc-message': '' });

/**
 * A stream of our own HTTP/2. Whatever ends it while the client may still send is told to the client at once by a reset
 * without an error, as by grpc-go.
 */
export class Http2CallStream implements CallStream {
  readonly head: RequestHead;
  readonly #stream: Http2Stream;
  #sink: CallSink | undefined;

  constructor(stream: Http2Stream, head: RequestHead) {
    this.head = head;
    this.#stream = stream;
  }

  receive(sink: CallSink): void {
    this.#sink = sink;
    this.#stream.onAbort = () => sink.closed();
    this.#stream.receive(sink);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  answer(frame: Buffer): void {
    this.#stream.startWith(answerHead);
    this.#stream.write(frame);
    this.#stream.end(okTrailers);
  }

  begin(): void {
    this.#stream.startWith(answerHead);
  }

  write(frames: readonly Buffer[]): boolean {
    return this.#mayGoOn(this.#stream.writeAll(frames));
  }

  lend(bytes: Buffer, giveBack: () => void): boolean {
    return this.#mayGoOn(this.#stream.lend(bytes, giveBack));
  }

  #mayGoOn(isWritten: boolean): boolean {
    if (isWritten || this.#stream.isClosed) return true;
    this.#stream.whenDrained(() => this.#sink?.writable());
    return false;
  }

  finish(code: number, message: string): void {
    this.#stream.end(code === 0 ? okTrailers : trailerBlock(statusOf(code, message)));
  }

  refuse(code: number, message: string): void {
    this.#stream.respondWith(responseHead(200, { ...contentType, ...statusOf(code, message) }));
  }

  reject(status: number, text: string): void {
    this.#stream.respond(status, { 'content-type': 'text/plain; charset=utf-8' }, Buffer.from(text));
  }

  release(): void {
    this.#stream.release();
  }
}

function statusOf(code: number, message: string): Readonly<Record<string, string>> {
  return { 'grpc-status': String(code), 'grpc-message': encodeGrpcMessage(message) };
}
