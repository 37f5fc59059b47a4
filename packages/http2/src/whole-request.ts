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
const ignoreAbort = (): void => undefined;

/** Serves requests that are read whole before they are answered; of those whose body is too large, no more than that. */
export function wholeRequests({ maxBodyBytes, request }: WholeRequestsOptions): StreamHandler {
  return (head, stream) => {
    if (stream.isReceived) request({ ...head, body: nothing }, stream);
    else new WholeBody(head, stream, { maxBodyBytes, request }).start();
  };
}

class WholeBody implements BodySink {
  readonly #head: RequestHead;
  readonly #stream: Http2Stream;
  readonly #options: WholeRequestsOptions;
  readonly #bytes = new ByteCollector();

  constructor(head: RequestHead, stream: Http2Stream, options: WholeRequestsOptions) {
    this.#head = head;
    this.#stream = stream;
    this.#options = options;
  }

  start(): void {
    const stream = this.#stream;
    stream.onAbort = () => stream.release(); // nobody was told of it, who could do that
    stream.receive(this);
  }

  data(chunk: Buffer): void {
    if (this.#bytes.length + chunk.length <= this.#options.maxBodyBytes) {
      this.#bytes.add(chunk);
      return;
    }
    this.#bytes.take();
    this.#end('too large');
  }

  ended(): void {
    this.#end(this.#bytes.take());
  }

  #end(body: Http2Request['body']): void {
    const stream = this.#stream;
    stream.ignoreRest();
    stream.onAbort = ignoreAbort;
    this.#options.request({ ...this.#head, body }, stream);
  }
}
