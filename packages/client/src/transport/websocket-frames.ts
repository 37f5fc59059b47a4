/** One frame of RFC 6455, unmasked. */
export interface WebSocketFrame {
  readonly opcode: number;
  /** The last frame of its message. */
  readonly isFinal: boolean;
  readonly payload: Uint8Array;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Normal end, protocol error, message too big (RFC 6455, section 7.4). */
export const closeCodes = { normal: 1000, protocolError: 1002, noStatus: 1005, tooBig: 1009 } as const;

/** A longer frame is refused: servers of Kubernetes send 32 KiB. */
const maxFrameBytes = 16 << 20;

/** What came is no WebSocket, or more than is read. */
export class WebSocketProtocolError extends Error {
  override readonly name = 'WebSocketProtocolError';
  readonly closeCode: number;
  constructor(message: string, closeCode: number = closeCodes.protocolError) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** A frame for the wire. A client masks it with four bytes of chance; a server gives none. */
export function encodeFrame({ opcode, isFinal, payload }: WebSocketFrame, mask?: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 1 << 16 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes + (mask === undefined ? 0 : 4));
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = (mask === undefined ? 0 : 0x80) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (mask === undefined) return Buffer.concat([head, payload]);
  head.set(mask, 2 + lengthBytes);
  return Buffer.concat([head, masked(payload, mask)]);
}

/** Cuts a stream of bytes into frames; parts of one are kept for the next call. */
export class FrameReader {
  readonly #expectsMask: boolean;
  #rest: Buffer = Buffer.alloc(0);

  /** Frames of a client are masked, those of a server must not be. */
  constructor(options: { readonly expectsMask: boolean }) {
    this.#expectsMask = options.expectsMask;
  }

  /** The frames that `chunk` completes. Throws WebSocketProtocolError. */
  read(chunk: Uint8Array): readonly WebSocketFrame[] {
    this.#rest =
      this.#rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.concat([this.#rest, chunk]);
    const frames: WebSocketFrame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): WebSocketFrame | undefined {
    const bytes = this.#rest;
    const [first = 0, second = 0] = bytes;
    if (bytes.length < 2) return undefined;
    if ((first & 0x70) !== 0) throw new WebSocketProtocolError('a reserved bit is set, and no extension was agreed on');
    const isMasked = (second & 0x80) !== 0;
    if (isMasked !== this.#expectsMask)
      throw new WebSocketProtocolError(isMasked ? 'a server must not mask its frames' : 'a client must mask its frames');
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthBytes + (isMasked ? 4 : 0);
    if (bytes.length < start) return undefined;
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    const opcode = first & 0x0f;
    const isFinal = (first & 0x80) !== 0;
    if (length > maxFrameBytes) throw new WebSocketProtocolError(`a frame of ${length} bytes is too large`, closeCodes.tooBig);
    if (opcode >= opcodes.close && (length > 125 || !isFinal)) throw new WebSocketProtocolError('a control frame must be short and whole');
    if (!(opcode <= opcodes.binary || (opcode >= opcodes.close && opcode <= opcodes.pong)))
      throw new WebSocketProtocolError(`the opcode ${opcode} is unknown`);
    if (bytes.length < start + length) return undefined;
    const body = bytes.subarray(start, start + length);
    this.#rest = bytes.subarray(start + length);
    return { opcode, isFinal, payload: isMasked ? masked(body, bytes.subarray(start - 4, start)) : body };
  }
}

function masked(payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const result = new Uint8Array(payload.length);
  for (let i = 0; i < payload.length; i++) result[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return result;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ''): Uint8Array {
  const text = Buffer.from(reason).subarray(0, 123);
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), text]);
}

export function readClosePayload(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  const [high, low] = payload;
  if (high === undefined || low === undefined) return { code: closeCodes.noStatus, reason: '' };
  return { code: high * 256 + low, reason: new TextDecoder().decode(payload.subarray(2)) };
}
