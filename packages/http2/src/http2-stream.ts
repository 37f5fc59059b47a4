import type { HeaderFields } from './request-head.ts';

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** Sends the head of an answer, which is all of it with `isLast`. */
  sendHead(stream: Http2Stream, status: number, headers: HeaderFields, isLast: boolean): void;
  /** Sends of what the stream has queued as much as the windows allow, and the rest when they do. */
  sendQueued(stream: Http2Stream): void;
  /** The answer's handler has ended. */
  release(stream: Http2Stream): void;
}

/** One request's side for its answer. What is written to a stream that is closed is dropped. */
export class Http2Stream {
  readonly id: number;
  /** Bytes of body that the client still takes; may fall below 0 when it changes its settings. */
  sendWindow: number;
  /** Bytes of body that the client may still send. */
  receiveWindow: number;
  /** Whether all of the request has come. */
  isReceived = false;
  /** Whether all of the answer was handed over. */
  isAnswered = false;
  /** Whether its last frame said so. */
  isEnded = false;
  isClosed = false;
  /** Whether its handler has ended. */
  isReleased = false;
  /** Called once when the client leaves, or the connection breaks, before the answer is whole. */
  onAbort: () => void = () => undefined;
  readonly #owner: StreamOwner;
  #queue: Uint8Array[] = [];
  #wake: (() => void) | undefined;

  constructor(owner: StreamOwner, id: number, windows: { readonly send: number; readonly receive: number }) {
    this.#owner = owner;
    this.id = id;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
  }

  /** Answers at once with all that there is. */
  respond(status: number, headers: HeaderFields, body?: Uint8Array): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    const isWhole = body === undefined || body.length === 0;
    if (!isWhole) this.#queue.push(body);
    this.#owner.sendHead(this, status, headers, isWhole);
    if (!isWhole) this.#owner.sendQueued(this);
  }

  /** Begins an answer that `write` goes on with and `end` ends. */
  start(status: number, headers: HeaderFields): void {
    if (!this.isClosed) this.#owner.sendHead(this, status, headers, false);
  }

  /** Whether more may be written at once; else `drained` says when. */
  write(chunk: Uint8Array): boolean {
    if (this.isClosed) return false;
    if (chunk.length > 0) this.#queue.push(chunk);
    this.#owner.sendQueued(this);
    return this.#queue.length === 0;
  }

  end(): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    this.#owner.sendQueued(this);
  }

  /** Resolves when all that was written has been sent, or nobody waits for it any more. */
  drained(): Promise<void> {
    if (this.#queue.length === 0 || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** To be called once, when no more will be done for the request. */
  release(): void {
    this.#owner.release(this);
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Takes up to `limit` bytes, which are there, off the queue. */
  take(limit: number): Uint8Array {
    const [first = new Uint8Array(), ...rest] = this.#queue;
    if (first.length > limit) {
      this.#queue[0] = first.subarray(limit);
      return first.subarray(0, limit);
    }
    this.#queue = rest;
    if (rest.length === 0) this.#signal();
    return first;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#queue = [];
    this.#signal();
    if (!this.isAnswered) this.onAbort();
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
