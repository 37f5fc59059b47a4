import { ByteCollector } from './byte-collector.ts';
import type { BodySink, Http2Stream, StreamHandler } from './http2-stream.ts';
import type { RequestHead } from './request-head.ts';

export interface Http2Request extends RequestHead {
  readonly body: Uint8Array | 'too large';
}

export interface WholeRequestsOptions {
  readonly maxBodyBytes: number;
  /** A whole request. Must not throw; `stream.release()` follows when no more is done for it. */
  request(request: Http2Request, stream: Http2Stream): void;
}

const nothing = new Uint8Array();

/** Serves requests that are read whole before they are answered; of those whose body is too large, no more than that. */
export function wholeRequests({ maxBodyBytes, request }: WholeRequestsOptions): StreamHandler {
  return (head, stream) => {
    if (stream.isReceived) request({ ...head, body: nothing }, stream);
    else new WholeBody(stream, maxBodyBytes, (body) => request({ ...head, body }, stream)).start();
  };
}

class WholeBody implements BodySink {
  readonly #stream: Http2Stream;
  readonly #maxBytes: number;
  readonly #done: (body: Http2Request['body']) => void;
  readonly #bytes = new ByteCollector();

  constructor(stream: Http2Stream, maxBytes: number, done: (body: Http2Request['body']) => void) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#done = done;
  }

  start(): void {
    const stream = this.#stream;
    stream.onAbort = () => stream.release(); // nobody was told of it, who could do that
    stream.receive(this);
  }

  data(chunk: Buffer): void {
    if (this.#bytes.length + chunk.length <= this.#maxBytes) this.#bytes.add(chunk);
    else this.#end('too large');
  }

  ended(): void {
    this.#end(this.#bytes.take());
  }

  #end(body: Http2Request['body']): void {
    this.#bytes.take();
    this.#stream.ignoreRest();
    this.#stream.onAbort = () => undefined;
    this.#done(body);
  }
}
