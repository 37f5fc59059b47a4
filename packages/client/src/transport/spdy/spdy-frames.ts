import { HeaderCompressor, HeaderDecompressor, type SpdyHeaders, SpdyProtocolError } from './header-block.ts';

/**
 * One frame of SPDY/3.1. `isLast`: its sender says no more on the stream. The payload of a data frame may come in several, as its bytes
 * do, of which the last alone can be the last of the stream.
 */
export type SpdyFrame =
  | { readonly type: 'data'; readonly streamId: number; readonly bytes: Uint8Array; readonly isLast: boolean }
  | { readonly type: 'syn-stream'; readonly streamId: number; readonly headers: SpdyHeaders; readonly isLast: boolean }
  | { readonly type: 'syn-reply'; readonly streamId: number; readonly headers: SpdyHeaders; readonly isLast: boolean }
  | { readonly type: 'headers'; readonly streamId: number; readonly headers: SpdyHeaders; readonly isLast: boolean }
  | { readonly type: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goaway'; readonly lastGoodStreamId: number; readonly status: number }
  | { readonly type: 'window-update'; readonly streamId: number; readonly delta: number };

/** Why a stream was reset. */
export const resetStatuses = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 } as const;

const types = { 'syn-stream': 1, 'syn-reply': 2, 'rst-stream': 3, ping: 6, goaway: 7, headers: 8, 'window-update': 9 } as const;

const version = 3;
const lastFlag = 1;
const headBytes = 8;

/** Of a control frame: those of Kubernetes have about a hundred. Payloads of data frames are not kept, so any length will do. */
const mostControlBytes = 64 << 10;

/** The longest data frame that the protocol knows. */
const mostDataBytes = 0xff_ffff;

/** Writes the frames of one side of a connection; those with headers have to be sent in the order in which they were written. */
export class SpdyFrameWriter {
  readonly #compressor = new HeaderCompressor();

  /** Throws RangeError for more data than a frame can hold. */
  write(frame: SpdyFrame): Uint8Array {
    switch (frame.type) {
      case 'data': {
        const { streamId, bytes, isLast } = frame;
        if (bytes.length > mostDataBytes) throw new RangeError(`${bytes.length} bytes are more than a data frame can hold`);
        const head = Buffer.alloc(headBytes);
        head.writeUInt32BE(streamId);
        head.writeUInt32BE(bytes.length, 4);
        head[4] = isLast ? lastFlag : 0;
        return Buffer.concat([head, bytes]);
      }
      case 'syn-stream':
        // No other stream is associated, and the priority is the highest.
        return control(types[frame.type], frame.isLast, [frame.streamId, 0], Buffer.alloc(2), this.#compressor.compress(frame.headers));
      case 'syn-reply':
      case 'headers':
        return control(types[frame.type], frame.isLast, [frame.streamId], this.#compressor.compress(frame.headers));
      case 'rst-stream':
        return control(types[frame.type], false, [frame.streamId, frame.status]);
      case 'ping':
        return control(types[frame.type], false, [frame.id]);
      case 'goaway':
        return control(types[frame.type], false, [frame.lastGoodStreamId, frame.status]);
      case 'window-update':
        return control(types[frame.type], false, [frame.streamId, frame.delta]);
    }
  }
}

function control(type: number, isLast: boolean, numbers: readonly number[], ...payloads: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(headBytes + 4 * numbers.length);
  head.writeUInt16BE(0x8000 | version);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(4 * numbers.length + payloads.reduce((sum, { length }) => sum + length, 0), 4);
  head[4] = isLast ? lastFlag : 0;
  for (const [i, number] of numbers.entries()) head.writeUInt32BE(number, headBytes + 4 * i);
  return Buffer.concat([head, ...payloads]);
}

/** A data frame that has begun. */
interface BegunData {
  readonly streamId: number;
  readonly isLast: boolean;
  /** How many of its bytes are to come. */
  readonly left: number;
}

/** Cuts what the other side sends into frames; the beginning of one is kept for the next call. */
export class SpdyFrameReader {
  readonly #decompressor = new HeaderDecompressor();
  #rest: Buffer = Buffer.alloc(0);
  #data: BegunData | undefined;

  /** The frames that `chunk` completes; of types that are not known or mean nothing here, none. Throws SpdyProtocolError. */
  read(chunk: Uint8Array): readonly SpdyFrame[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: SpdyFrame[] = [];
    while (this.#next(frames));
    return frames;
  }

  /** False when more bytes are needed. */
  #next(frames: SpdyFrame[]): boolean {
    if (this.#data !== undefined) return this.#nextData(this.#data, frames);
    if (this.#rest.length < headBytes) return false;
    const first = this.#rest.readUInt32BE(0);
    const length = this.#rest.readUIntBE(5, 3);
    const isLast = ((this.#rest[4] ?? 0) & lastFlag) !== 0;
    if (first < 0x8000_0000) {
      if (first === 0) throw new SpdyProtocolError('a data frame is of no stream');
      this.#data = { streamId: first, isLast, left: length };
      this.#rest = this.#rest.subarray(headBytes);
      return true;
    }
    const type = first & 0xffff;
    if (((first >>> 16) & 0x7fff) !== version) throw new SpdyProtocolError(`a frame is of version ${(first >>> 16) & 0x7fff}`);
    if (length > mostControlBytes) throw new SpdyProtocolError(`a control frame of ${length} bytes is too large`);
    if (this.#rest.length < headBytes + length) return false;
    const payload = this.#rest.subarray(headBytes, headBytes + length);
    this.#rest = this.#rest.subarray(headBytes + length);
    const frame = this.#controlFrame(type, isLast, payload);
    if (frame !== undefined) frames.push(frame);
    return true;
  }

  #nextData(data: BegunData, frames: SpdyFrame[]): boolean {
    const { streamId, isLast, left } = data;
    if (left > 0 && this.#rest.length === 0) return false;
    const bytes = this.#rest.subarray(0, left);
    this.#rest = this.#rest.subarray(bytes.length);
    const isWhole = bytes.length === left;
    this.#data = isWhole ? undefined : { streamId, isLast, left: left - bytes.length };
    frames.push({ type: 'data', streamId, bytes, isLast: isLast && isWhole });
    return true;
  }

  #controlFrame(type: number, isLast: boolean, payload: Buffer): SpdyFrame | undefined {
    const number = (at: number): number => {
      if (payload.length < at + 4) throw new SpdyProtocolError(`a control frame of type ${type} has ${payload.length} bytes`);
      return payload.readUInt32BE(at);
    };
    const streamIdOf = (): number => {
      const streamId = number(0) & 0x7fff_ffff;
      if (streamId === 0) throw new SpdyProtocolError(`a control frame of type ${type} is of no stream`);
      return streamId;
    };
    // Blocks are read also of streams that nobody has any more: the next block builds on them.
    const headers = (at: number): SpdyHeaders => this.#decompressor.decompress(payload.subarray(at));
    switch (type) {
      case types['syn-stream']:
        return { type: 'syn-stream', streamId: streamIdOf(), headers: headers(10), isLast };
      case types['syn-reply']:
        return { type: 'syn-reply', streamId: streamIdOf(), headers: headers(4), isLast };
      case types.headers:
        return { type: 'headers', streamId: streamIdOf(), headers: headers(4), isLast };
      case types['rst-stream']:
        return { type: 'rst-stream', streamId: streamIdOf(), status: number(4) };
      case types.ping:
        return { type: 'ping', id: number(0) };
      case types.goaway:
        return { type: 'goaway', lastGoodStreamId: number(0), status: number(4) };
      case types['window-update']:
        return { type: 'window-update', streamId: number(0), delta: number(4) };
      default:
        return undefined;
    }
  }
}
