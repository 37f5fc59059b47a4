import assert from 'node:assert/strict';
import type { CallHead, CallSink, CallStream } from './call-stream.ts';
import { FrameReader, framed, frameHeaderBytes } from './frame.ts';

/** How a call ended for its client: a gRPC status, or an answer that is no gRPC. */
export type Ending = { readonly code: number; readonly message: string } | { readonly httpStatus: number; readonly text: string };

/** Both ends of a stream in memory: what the server writes is there for the test at once. */
export class MemoryStream implements CallStream {
  readonly head: CallHead;
  isReleased = false;
  readonly messages: Buffer[] = [];
  /** Of each write. */
  readonly writes: number[] = [];
  ending: Ending | undefined;
  hasBegun = false;
  isPaused = false;
  /** How many bytes the client has room for. */
  roomBytes: number = Number.POSITIVE_INFINITY;
  #sink: CallSink | undefined;
  #isClosed = false;
  readonly #frames = new FrameReader(Number.MAX_SAFE_INTEGER);

  constructor(path: string, headers: CallHead['headers'] = {}, method = 'POST') {
    this.head = { method, path, headers: { 'content-type': 'application/grpc', te: 'trailers', ...headers } };
  }

  // The client's side.

  /** Sends a message as one frame. */
  request(message: Uint8Array): void {
    this.bytes(frameOf(message));
  }

  bytes(chunk: Uint8Array): void {
    this.#sink?.data(Buffer.from(chunk));
  }

  endRequests(): void {
    this.#sink?.ended();
  }

  reset(): void {
    this.#close();
  }

  /** Takes everything that is there and as much more. */
  makeRoom(bytes: number): void {
    this.roomBytes = bytes;
    this.#sink?.writable();
  }

  // The server's side.

  receive(sink: CallSink): void {
    this.#sink = sink;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  answer(frame: Buffer): void {
    this.begin();
    this.write([frame]);
    this.finish(0, '');
  }

  begin(): void {
    assert.ok(!this.hasBegun, 'headers are sent once');
    this.hasBegun = true;
  }

  write(frames: readonly Buffer[]): boolean {
    assert.ok(this.hasBegun && this.ending === undefined, 'messages come between headers and status');
    let bytes = 0;
    for (const frame of frames) {
      bytes += frame.length;
      this.#frames.push(frame, (message) => this.messages.push(Buffer.from(message)));
    }
    this.writes.push(bytes);
    this.roomBytes -= bytes;
    return this.roomBytes > 0;
  }

  /** Whoever reads it after it was given back reads nonsense. */
  lend(bytes: Buffer, giveBack: () => void): boolean {
    const mayGoOn = this.write([Buffer.from(bytes)]);
    bytes.fill(0xee);
    giveBack();
    return mayGoOn;
  }

  finish(code: number, message: string): void {
    assert.ok(this.hasBegun && this.ending === undefined, 'a status comes once, after the headers');
    this.ending = { code, message };
    this.#close();
  }

  refuse(code: number, message: string): void {
    assert.ok(!this.hasBegun && this.ending === undefined, 'nothing but the status is sent');
    this.ending = { code, message };
    this.#close();
  }

  reject(httpStatus: number, text: string): void {
    assert.ok(!this.hasBegun && this.ending === undefined, 'nothing else is sent');
    this.ending = { httpStatus, text };
    this.#close();
  }

  release(): void {
    assert.ok(!this.isReleased, 'a call is released once');
    this.isReleased = true;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink?.closed();
  }
}

export function frameOf(message: Uint8Array): Buffer {
  return framed(Buffer.concat([Buffer.alloc(frameHeaderBytes), message]));
}
