/** Types of frames (RFC 9113, Frame Definitions). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  none: 0x0,
  protocol: 0x1,
  flowControl: 0x3,
  streamClosed: 0x5,
  frameSize: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compression: 0x9,
  enhanceYourCalm: 0xb,
} as const;

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

export const setting = { enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const;

export const frameHeadBytes = 9;
/** Largest frame that we take; the least that the protocol allows to announce. */
export const maxFrameBytes = 16_384;
export const maxWindow = 0x7fff_ffff;
export const defaultWindow = 65_535;

/** What a client sends first. */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly length: number;
}

/** Writes a frame's head at `at`; returns where its payload goes. */
export function writeFrameHead(out: Buffer, at: number, { type, flags, stream, length }: FrameHead): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  out[at + 5] = stream >>> 24;
  out[at + 6] = stream >>> 16;
  out[at + 7] = stream >>> 8;
  out[at + 8] = stream;
  return at + frameHeadBytes;
}

export function frame(type: number, stream: number, payload: Uint8Array, flags = 0): Buffer {
  const out = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  out.set(payload, writeFrameHead(out, 0, { type, flags, stream, length: payload.length }));
  return out;
}

/** A frame of 32-bit words: RST_STREAM, WINDOW_UPDATE, GOAWAY. */
export function wordsFrame(type: number, stream: number, ...words: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(frameHeadBytes + 4 * words.length);
  let at = writeFrameHead(out, 0, { type, flags: 0, stream, length: 4 * words.length });
  for (const word of words) at = out.writeUInt32BE(word, at);
  return out;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(6 * settings.length);
  let at = 0;
  for (const [id, value] of settings) at = payload.writeUInt32BE(value, payload.writeUInt16BE(id, at));
  return frame(frameType.settings, 0, payload);
}
