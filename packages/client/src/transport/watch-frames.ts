import type { Readable } from 'node:stream';
import { TransportError, type WatchFrame } from '@coracle/apimachinery';
import { assert, type Process } from '@coracle/kernel';
import { type Arriving, connectionLost } from './arriving.ts';
import type { FrameDecoder } from './watch-decoder.ts';

/** After so many bytes of one watch, others get a turn if this one has lasted for long. */
const turnBytes = 64 << 10;
/** Bytes whose events nobody has asked for yet; the server has to wait then. */
const mostUnreadBytes = 1 << 20;

/**
 * The events of a watch, decoded when their bytes come and handed to who waits for them without another promise on the way. What came while
 * nobody waited is one batch. Ends quietly when `signal` cancelled the request; throws TransportError when it was cut.
 */
export class WatchFrames implements AsyncIterableIterator<readonly WatchFrame[]> {
  readonly #arriving: Arriving;
  readonly #process: Process;
  readonly #stream: Readable;
  readonly #decoder: FrameDecoder;
  #unread: WatchFrame[] = [];
  #unreadBytes = 0;
  #turnBytes = 0;
  #waiting: PromiseWithResolvers<IteratorResult<readonly WatchFrame[], undefined>> | undefined;
  #state: 'unread' | 'flowing' | 'paused' | 'ended' = 'unread';
  // Of a stream that has ended, told after what came before.
  #error: TransportError | undefined;

  constructor(arriving: Arriving, { process, decoder }: { readonly process: Process; readonly decoder: FrameDecoder }) {
    this.#arriving = arriving;
    this.#process = process;
    this.#stream = arriving.stream;
    this.#decoder = decoder;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<readonly WatchFrame[], undefined>> {
    assert(this.#waiting === undefined, 'a watch is read by two at once');
    if (this.#state === 'unread') this.#begin();
    if (this.#unread.length > 0) {
      const value = this.#unread;
      this.#unread = [];
      this.#unreadBytes = 0;
      if (this.#state === 'paused') this.#flow();
      return Promise.resolve({ done: false, value });
    }
    if (this.#state === 'ended') {
      const error = this.#error;
      this.#error = undefined;
      return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
    }
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  /** Ends the watch at the server too. */
  return(): Promise<IteratorResult<readonly WatchFrame[], undefined>> {
    this.#unread = [];
    this.#end(undefined);
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  #begin(): void {
    const stream = this.#stream;
    stream.on('error', this.#failed);
    stream.on('end', this.#closed);
    stream.on('close', this.#closed);
    this.#state = 'flowing';
    stream.on('data', this.#came);
    if (stream.destroyed) this.#closed();
  }

  #flow(): void {
    this.#state = 'flowing';
    this.#turnBytes = 0;
    this.#stream.resume();
  }

  readonly #came = (chunk: Uint8Array): void => {
    let frames: WatchFrame[];
    try {
      frames = this.#decoder.push(chunk);
    } catch (error) {
      this.#end(error as TransportError); // nothing else is thrown there
      return;
    }
    this.#turnBytes += chunk.length;
    if (frames.length > 0) {
      const waiting = this.#waiting;
      if (waiting !== undefined) {
        this.#waiting = undefined;
        waiting.resolve({ done: false, value: frames });
      } else {
        this.#unreadBytes += chunk.length;
        for (const frame of frames) this.#unread.push(frame);
      }
    }
    if (this.#unreadBytes >= mostUnreadBytes) this.#pause();
    else if (this.#turnBytes >= turnBytes) {
      this.#pause();
      // At once, unless what was decoded and handled has kept the loop from others for too long.
      this.#process.post({ lane: 'watch', op: 'read-on' }, () => {
        if (this.#state === 'paused' && this.#unreadBytes < mostUnreadBytes) this.#flow();
      });
    }
  };

  #pause(): void {
    this.#state = 'paused';
    this.#stream.pause();
  }

  readonly #closed = (): void => {
    const { request, signal, isWhole } = this.#arriving;
    this.#end(isWhole() || signal?.aborted === true ? undefined : connectionLost(request, undefined));
  };

  readonly #failed = (error: Error): void => {
    const { request, signal } = this.#arriving;
    this.#end(signal?.aborted === true ? undefined : error instanceof TransportError ? error : connectionLost(request, error));
  };

  #end(error: TransportError | undefined): void {
    if (this.#state === 'ended') return;
    const stream = this.#stream;
    this.#state = 'ended';
    stream.off('data', this.#came);
    stream.off('end', this.#closed);
    stream.off('close', this.#closed);
    stream.off('error', this.#failed);
    stream.on('error', () => undefined); // it has ended already
    this.#arriving.cancel();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#error = error;
    else if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }
}
