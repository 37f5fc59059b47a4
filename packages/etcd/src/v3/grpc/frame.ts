import { GrpcError } from './status.ts';

/** Before each message: one byte of flags and the length (grpc PROTOCOL-HTTP2, "Length-Prefixed-Message"). */
export const frameHeaderBytes = 5;

/** Fills in the header of a message that was written behind room for it, and of which so many bytes more follow. */
export function framed(message: Buffer, moreBytes = 0): Buffer {
  message[0] = 0;
  message.writeUInt32BE(message.length - frameHeaderBytes + moreBytes, 1);
  return message;
}

/** The header of a message that is written piece by piece behind it. */
export function frameHeader(messageBytes: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(messageBytes, 1);
  return header;
}

const nothing = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into messages, however they were cut on the way. At most one message and its header are kept, and
 * nothing is allocated for a length before it was found to be allowed.
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #encoding: string;
  // A part of the header, or of a message whose header was read.
  #rest: Buffer = nothing;
  #message: Buffer | undefined;
  #filled = 0;

  /** `encoding`: what the client says that compressed messages are in; there are none that are taken. */
  constructor(maxBytes: number, encoding = '') {
    this.#maxBytes = maxBytes;
    this.#encoding = encoding;
  }

  /** Whether the stream may end here. */
  get isBetweenMessages(): boolean {
    return this.#rest.length === 0 && this.#message === undefined;
  }

  /** Calls `each` for every message that is complete with `chunk`. Throws GrpcError. */
  push(chunk: Buffer, each: (message: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message !== undefined) {
        const count = Math.min(chunk.length - at, this.#message.length - this.#filled);
        chunk.copy(this.#message, this.#filled, at, at + count);
        this.#filled += count;
        at += count;
        if (this.#filled < this.#message.length) return;
        const message = this.#message;
        this.#message = undefined;
        each(message);
        continue;
      }
      const header = this.#header(chunk, at);
      if (header === undefined) return;
      at = header.at;
      const { length } = header;
      if (length <= chunk.length - at) {
        const message = chunk.subarray(at, at + length);
        at += length;
        each(message);
      } else {
        this.#message = Buffer.allocUnsafe(length);
        this.#filled = 0;
      }
    }
  }

  #header(chunk: Buffer, at: number): { readonly length: number; readonly at: number } | undefined {
    const kept = this.#rest.length;
    if (kept + chunk.length - at < frameHeaderBytes) {
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(at)]);
      return undefined;
    }
    const end = at + frameHeaderBytes - kept;
    const header = kept === 0 ? chunk.subarray(at, end) : Buffer.concat([this.#rest, chunk.subarray(at, end)]);
    this.#rest = nothing;
    if (header[0] !== 0) {
      // grpc-go's words when no compression was agreed on.
      throw header[0] === 1
        ? new GrpcError(12, `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(this.#encoding)}`)
        : new GrpcError(13, `grpc: received unexpected payload format ${header[0]}`);
    }
    const length = header.readUInt32BE(1);
    if (length > this.#maxBytes) {
      throw new GrpcError(8, `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`);
    }
    return { length, at: end };
  }
}
