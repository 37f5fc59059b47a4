import { ByteCollector } from './byte-collector.ts';
import { type ErrorCode, errorCode } from './frames.ts';
import type { HeaderFields, RequestHead } from './request-head.ts';
import { type HeaderBlock, responseHead } from './response-head.ts';

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** What answers say of now. */
  dateBlock(): HeaderBlock;
  /** Sends a header block, which is the last of the answer with `isLast`. */
  sendBlock(stream: Http2Stream, block: HeaderBlock, isLast: boolean): void;
  /** Sends an answer with its body at once; returns false, and sends nothing, where it cannot. */
  sendAnswer(stream: Http2Stream, block: HeaderBlock, body: Uint8Array): boolean;
  /** Sends of what the stream has queued as much as the windows allow, and the rest when they do. */
  sendQueued(stream: Http2Stream): void;
  /** Bytes of body were taken: the client may send as many more. */
  taken(stream: Http2Stream, bytes: number): void;
  resetStream(id: number, code: ErrorCode): void;
  /** The answer's handler has ended. */
  released(): void;
}

/** Takes a request's body as it comes. */
export interface BodySink {
  data(chunk: Buffer): void;
  /** All of the request has come. */
  ended(): void;
}

const ignore = (): void => undefined;

/** What the connection keeps of a stream. */
interface Flow {
  /** Bytes of body that the client still takes; may fall below 0 when it changes its settings. */
  sendWindow: number;
  /** Bytes of body that the client may still send. */
  receiveWindow: number;
  /** Bytes that were taken and that the client has not been told of. */
  untold: number;
  /** Bytes of body that have come. */
  received: number;
}

/** One request: its body as it comes, and its answer. What is written to a stream that is closed is dropped. */
export class Http2Stream {
  readonly id: number;
  readonly flow: Flow;
  /** What content-length says. */
  readonly contentLength: number | undefined;
  /** Whether all of the request has come. */
  isReceived = false;
  /** Whether all of the answer was handed over. */
  isAnswered = false;
  /** Whether its last frame said so. */
  isEnded = false;
  isClosed = false;
  /** Whether its handler has ended. */
  isReleased = false;
  /** Bytes of body that were handed over and are not sent. */
  queuedBytes = 0;
  /** Behind the body. */
  trailers: HeaderBlock | undefined;
  /** Called once when the client leaves, or the connection breaks, before the answer is whole. */
  onAbort: () => void = ignore;
  readonly #owner: StreamOwner;
  #sink: BodySink | undefined;
  #isPaused = false;
  #isEndTold = false;
  #held: ByteCollector | undefined;
  #queue: Uint8Array[] = [];
  /** What to tell the owners of those of the queue that are lent. */
  #lent: Map<Uint8Array, () => void> | undefined;
  /** Of the queue's first: how many of its bytes are sent. */
  #sent = 0;
  #wake: (() => void) | undefined;

  constructor(
    owner: StreamOwner,
    options: {
      readonly id: number;
      readonly sendWindow: number;
      readonly receiveWindow: number;
      readonly contentLength: number | undefined;
    },
  ) {
    this.#owner = owner;
    this.id = options.id;
    this.contentLength = options.contentLength;
    this.flow = { sendWindow: options.sendWindow, receiveWindow: options.receiveWindow, untold: 0, received: 0 };
  }

  /** Who takes the body; nobody does until then, and nothing of it is kept. To be called before anything else is awaited. */
  receive(sink: BodySink): void {
    this.#sink = sink;
    this.#tellEnd();
  }

  /** The rest of the body is not wanted; the client may not send all of it. */
  ignoreRest(): void {
    this.#sink = undefined;
  }

  /** Stops taking the body, so that the client is held up. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const held = this.#held?.take();
    if (held !== undefined && held.length > 0) {
      this.#sink?.data(held);
      this.#owner.taken(this, held.length);
    }
    this.#tellEnd();
  }

  /** Answers at once with all that there is. */
  respond(status: number, headers: HeaderFields, body?: Uint8Array): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    const head = this.#head(status, headers);
    if (body === undefined || body.length === 0) this.#owner.sendBlock(this, head, true);
    else if (!this.#owner.sendAnswer(this, head, body)) {
      this.#enqueue(body);
      this.#owner.sendBlock(this, head, false);
      this.#owner.sendQueued(this);
    }
  }

  /** Answers with a head alone. */
  respondWith(head: HeaderBlock): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    this.#owner.sendBlock(this, head, true);
  }

  /** Begins an answer that `write` goes on with and `end` ends. */
  start(status: number, headers: HeaderFields): void {
    if (!this.isClosed) this.#owner.sendBlock(this, this.#head(status, headers), false);
  }

  startWith(head: HeaderBlock): void {
    if (!this.isClosed) this.#owner.sendBlock(this, head, false);
  }

  /** Whether more may be written at once; else `drained` says when. */
  write(chunk: Uint8Array): boolean {
    return this.writeAll([chunk]);
  }

  /** Like `write`, and what is small goes out in one frame. */
  writeAll(chunks: readonly Uint8Array[]): boolean {
    if (this.isClosed) return false;
    for (const chunk of chunks) if (chunk.length > 0) this.#enqueue(chunk);
    this.#owner.sendQueued(this);
    return this.queuedBytes === 0;
  }

  /**
   * Like `write`, of bytes that their owner uses again once `giveBack` was called: nobody reads them any more. It is never called of
   * what the client does not stay for.
   */
  lend(chunk: Uint8Array, giveBack: () => void): boolean {
    if (this.isClosed) return false;
    this.#lent ??= new Map();
    this.#lent.set(chunk, giveBack);
    return this.writeAll([chunk]);
  }

  end(trailers?: HeaderBlock): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    this.trailers = trailers;
    this.#owner.sendQueued(this);
  }

  /** Gives the request up, whatever was sent of its answer. */
  cancel(code: ErrorCode = errorCode.cancel): void {
    if (this.isClosed) return;
    this.isAnswered = true;
    this.#owner.resetStream(this.id, code);
  }

  /** Resolves when all that was written has been sent, or nobody waits for it any more. */
  drained(): Promise<void> {
    return new Promise((resolve) => this.whenDrained(resolve));
  }

  /** Calls `run` once, at once or then; only the last of several. */
  whenDrained(run: () => void): void {
    if (this.queuedBytes === 0 || this.isClosed) run();
    else this.#wake = run;
  }

  /** To be called when no more will be done for the request. */
  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    if (this.isClosed) this.#owner.released();
  }

  // What the connection does.

  /** Body that has come, and whether it is the last. */
  deliver(body: Buffer, isLast: boolean): void {
    if (isLast) this.isReceived = true;
    if (body.length > 0) {
      if (this.#isPaused && this.#sink !== undefined) {
        this.#held ??= new ByteCollector();
        this.#held.add(body);
      } else {
        const sink = this.#sink;
        sink?.data(body);
        this.#owner.taken(this, body.length);
      }
    }
    this.#tellEnd();
  }

  /** Whether something of the queue is lent. */
  get isLent(): boolean {
    return this.#lent !== undefined && this.#lent.size > 0;
  }

  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** Whether anybody is there for what the client still sends. */
  get isTaken(): boolean {
    return this.#sink !== undefined;
  }

  /** Takes `count` bytes, which are there, off the queue, as they were handed over; what was lent is given back behind its last piece. */
  take(count: number, piece: (bytes: Uint8Array, giveBack: (() => void) | undefined) => void): void {
    this.queuedBytes -= count;
    for (let left = count; left > 0; ) {
      const first = this.#queue[0];
      if (first === undefined) return;
      const rest = this.#sent === 0 ? first : first.subarray(this.#sent);
      const part = rest.length > left ? rest.subarray(0, left) : rest;
      left -= part.length;
      if (part === rest) {
        const giveBack = this.#lent?.get(first);
        if (giveBack !== undefined) this.#lent?.delete(first);
        piece(part, giveBack);
        this.#queue.shift();
        this.#sent = 0;
      } else {
        piece(part, undefined);
        this.#sent += part.length;
      }
    }
  }

  /** To be called when the queue has become empty. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#queue = [];
    this.#lent = undefined;
    this.#held = undefined;
    this.#sink = undefined;
    this.wake();
    if (!this.isAnswered) this.onAbort();
  }

  #head(status: number, headers: HeaderFields): HeaderBlock {
    return responseHead(status, headers) + this.#owner.dateBlock();
  }

  #enqueue(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.queuedBytes += chunk.length;
  }

  #tellEnd(): void {
    if (!this.isReceived || this.#isPaused || this.#isEndTold || this.#sink === undefined) return;
    this.#isEndTold = true;
    this.#sink.ended();
  }
}

/** Serves a request from its head on. Must not throw; `stream.release()` follows when no more is done for it. */
export type StreamHandler = (head: RequestHead, stream: Http2Stream) => void;
