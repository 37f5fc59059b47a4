import type { Clock } from '@coracle/kernel';
import {
  defaultWindow,
  type ErrorCode,
  errorCode,
  flag,
  frame,
  frameHeadBytes,
  frameType,
  maxFrameBytes,
  maxWindow,
  preface,
  setting,
  settingsFrame,
  wordsFrame,
  writeFrameHead,
} from './frames.ts';
import { HpackDecoder, HpackError } from './hpack-decoder.ts';
import { Http2Stream, type StreamOwner } from './http2-stream.ts';
import { type HeaderFields, type RequestHead, requestHead } from './request-head.ts';
import { responseHead } from './response-head.ts';

/** Where a connection's bytes go: a TLS socket. */
export interface Http2Wire {
  /** Bytes that were written and are not sent. */
  readonly waiting: number;
  write(bytes: Uint8Array): void;
  /** Ends the connection after what was written. */
  end(): void;
}

export interface Http2Request extends RequestHead {
  readonly body: Uint8Array | 'too large';
}

export interface Http2ConnectionOptions {
  readonly wire: Http2Wire;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly maxBodyBytes: number;
  /** Runs something behind what is running now: answers that are ready together are written together. */
  defer(run: () => void): void;
  /** A whole request. Must not throw; `stream.release()` follows when no more is done for it. */
  request(request: Http2Request, stream: Http2Stream): void;
}

/** Requests of a connection that are being answered, or whose answers are being sent. */
const maxStreams = 1_000;
const streamWindow = 1 << 20;
const connectionWindow = 1 << 24;
/** Of a request's fields together, as the protocol counts them; a client may compress them to few bytes. */
const maxHeaderBytes = 64 * 1024;
/** Frames of one header block. */
const maxBlockFrames = 64;
/** Bytes that wait for a slow client beyond which nothing more is made ready for it. */
const maxWaitingBytes = 1 << 20;
/** Replies to frames that ask for one (PING, SETTINGS) for a client that reads nothing. */
const maxUnreadReplies = 10_000;
/** Streams that a client resets: client-go cancels watches in bursts; beyond this it is an attack. */
const resetBurst = 100_000;
const resetsPerSecond = 10_000;
/** Body that is put together into one write. */
const writeBytes = 128 * 1024;

const nothing: Buffer = Buffer.alloc(0);

interface ReceivedStream {
  readonly stream: Http2Stream;
  readonly head: RequestHead;
  readonly length: number | undefined;
  chunks: Uint8Array[];
  size: number;
  isTooLarge: boolean;
}

interface HeaderBlock {
  readonly stream: number;
  readonly isLast: boolean;
  readonly parts: Buffer[];
  size: number;
}

/** A fault of the peer that ends the connection. */
class ConnectionFault extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The server's side of one HTTP/2 connection (RFC 9113) for requests that are read whole before they are answered. It knows
 * no sockets: bytes come in through `receive` and go out through the wire. Node's own has an object with two queues and six
 * events for each request, which cost more than all that this server does for one.
 *
 * What a client can make us keep is bounded: its streams, the fields and body of each, what it does not read.
 */
export class Http2Connection implements StreamOwner {
  readonly #options: Http2ConnectionOptions;
  readonly #decoder = new HpackDecoder();
  readonly #receiving = new Map<number, ReceivedStream>();
  readonly #streams = new Map<number, Http2Stream>();
  /** With something queued that the windows or the wire do not take yet, in the order of their turns. */
  readonly #blocked = new Set<Http2Stream>();
  #rest: Buffer = nothing;
  #hasPreface = false;
  #hasSettings = false;
  #block: HeaderBlock | undefined;
  #lastStream = 0;
  /** Streams that are open, or whose handlers have not ended although the client has left. */
  #active = 0;
  #sendWindow = defaultWindow;
  #receiveWindow = connectionWindow;
  #peerWindow = defaultWindow;
  #peerMaxFrame = maxFrameBytes;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #willFlush = false;
  #unreadReplies = 0;
  #resets = resetBurst;
  #resetsAtMs: number;
  #isClosed = false;
  #date = { second: -1, text: '' };

  constructor(options: Http2ConnectionOptions) {
    this.#options = options;
    this.#resetsAtMs = options.clock.monotonic();
  }

  /** Says what we take. To be called first. */
  start(): void {
    this.#write(
      settingsFrame([
        [setting.maxConcurrentStreams, maxStreams],
        [setting.initialWindowSize, streamWindow],
        [setting.maxHeaderListSize, maxHeaderBytes],
      ]),
    );
    this.#write(wordsFrame(frameType.windowUpdate, 0, connectionWindow - defaultWindow));
  }

  receive(bytes: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#read(this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]));
    } catch (error) {
      if (error instanceof ConnectionFault) this.#fail(error.code, error.message);
      else if (error instanceof HpackError) this.#fail(errorCode.compression, error.message);
      else throw error;
    }
  }

  /** The wire has sent what waited. */
  drained(): void {
    this.#unreadReplies = 0;
    this.#sendBlocked();
  }

  /** The wire is gone. */
  close(): void {
    this.#isClosed = true;
    this.#rest = nothing;
    this.#receiving.clear();
    this.#blocked.clear();
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  #read(bytes: Buffer): void {
    let at = 0;
    if (!this.#hasPreface) {
      const seen = Math.min(bytes.length, preface.length);
      if (preface.compare(bytes, 0, seen, 0, seen) !== 0) throw new ConnectionFault(errorCode.protocol, 'no HTTP/2');
      if (seen < preface.length) {
        this.#rest = bytes;
        return;
      }
      this.#hasPreface = true;
      at = preface.length;
    }
    while (bytes.length - at >= frameHeadBytes && !this.#isClosed) {
      const length = bytes.readUIntBE(at, 3);
      if (length > maxFrameBytes) throw new ConnectionFault(errorCode.frameSize, `a frame of ${length} bytes`);
      const start = at + frameHeadBytes;
      if (bytes.length < start + length) break;
      const type = bytes[at + 3] ?? 0;
      this.#frame(type, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5) & maxWindow, bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = this.#isClosed || at === bytes.length ? nothing : bytes.subarray(at);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (!this.#hasSettings && type !== frameType.settings) throw new ConnectionFault(errorCode.protocol, 'settings must come first');
    if (this.#block !== undefined && (type !== frameType.continuation || id !== this.#block.stream))
      throw new ConnectionFault(errorCode.protocol, 'a header block is not continued');
    switch (type) {
      case frameType.data:
        this.#onData(id, flags, payload);
        break;
      case frameType.headers:
        this.#onHeaders(id, flags, payload);
        break;
      case frameType.priority:
        this.#onPriority(id, payload);
        break;
      case frameType.rstStream:
        this.#onReset(id, payload);
        break;
      case frameType.settings:
        this.#onSettings(id, flags, payload);
        break;
      case frameType.pushPromise:
        throw new ConnectionFault(errorCode.protocol, 'a client pushes nothing');
      case frameType.ping:
        this.#onPing(id, flags, payload);
        break;
      case frameType.goAway:
        if (id !== 0) throw new ConnectionFault(errorCode.protocol, 'GOAWAY on a stream');
        break;
      case frameType.windowUpdate:
        this.#onWindowUpdate(id, payload);
        break;
      case frameType.continuation:
        this.#onContinuation(id, flags, payload);
        break;
      default: // what is not known is not for us
    }
  }

  #onData(id: number, flags: number, payload: Buffer): void {
    if (id === 0 || id > this.#lastStream) throw new ConnectionFault(errorCode.protocol, 'DATA on a stream that is not open');
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0) throw new ConnectionFault(errorCode.flowControl, 'more DATA than the window takes');
    if (this.#receiveWindow < connectionWindow / 2) {
      this.#write(wordsFrame(frameType.windowUpdate, 0, connectionWindow - this.#receiveWindow));
      this.#receiveWindow = connectionWindow;
    }
    const body = unpadded(payload, flags);
    const received = this.#receiving.get(id);
    if (received === undefined) {
      if (!this.#passesOver(id, flags)) this.#resetStream(id, errorCode.streamClosed);
      return;
    }
    const { stream } = received;
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) {
      this.#resetStream(id, errorCode.flowControl);
      return;
    }
    received.size += body.length;
    const isLast = (flags & flag.endStream) !== 0;
    if (received.size > this.#options.maxBodyBytes) {
      received.isTooLarge = true;
      received.chunks = [];
      this.#complete(received, isLast);
      return;
    }
    if (body.length > 0) received.chunks.push(body);
    if (isLast) this.#complete(received, true);
    else if (stream.receiveWindow < streamWindow / 2) {
      this.#write(wordsFrame(frameType.windowUpdate, id, streamWindow - stream.receiveWindow));
      stream.receiveWindow = streamWindow;
    }
  }

  /** Whether a frame is the rest of a request that is answered without it. */
  #passesOver(id: number, flags: number): boolean {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isReceived) return false;
    if ((flags & flag.endStream) !== 0) stream.isReceived = true;
    return true;
  }

  #onHeaders(id: number, flags: number, payload: Buffer): void {
    if (id % 2 === 0) throw new ConnectionFault(errorCode.protocol, 'a client has streams of odd numbers');
    let block = unpadded(payload, flags);
    if ((flags & flag.priority) !== 0) {
      if (block.length < 5) throw new ConnectionFault(errorCode.frameSize, 'HEADERS without its priority');
      if ((block.readUInt32BE(0) & maxWindow) === id) throw new ConnectionFault(errorCode.protocol, 'a stream depends on itself');
      block = block.subarray(5);
    }
    if (id <= this.#lastStream && !this.#receiving.has(id) && !this.#passesOver(id, flags))
      throw new ConnectionFault(errorCode.streamClosed, 'HEADERS on a closed stream');
    this.#block = { stream: id, isLast: (flags & flag.endStream) !== 0, parts: [], size: 0 };
    this.#addToBlock(block, flags);
  }

  #onContinuation(id: number, flags: number, payload: Buffer): void {
    if (this.#block === undefined || id !== this.#block.stream) throw new ConnectionFault(errorCode.protocol, 'CONTINUATION of nothing');
    this.#addToBlock(payload, flags);
  }

  #addToBlock(part: Buffer, flags: number): void {
    const block = this.#block;
    if (block === undefined) return;
    block.parts.push(part);
    block.size += part.length;
    if (block.size > maxHeaderBytes || block.parts.length > maxBlockFrames)
      throw new ConnectionFault(errorCode.enhanceYourCalm, 'a header block without end');
    if ((flags & flag.endHeaders) === 0) return;
    this.#block = undefined;
    const whole = block.parts.length === 1 ? part : Buffer.concat(block.parts);
    const { fields, isTooLarge } = this.#decoder.decode(whole, maxHeaderBytes);
    const received = this.#receiving.get(block.stream);
    if (received !== undefined) {
      // Trailers say nothing that we ask for, but where the body ends.
      if (block.isLast) this.#complete(received, true);
      else this.#resetStream(block.stream, errorCode.protocol);
      return;
    }
    if (block.stream <= this.#lastStream) return; // the end of a request that is answered already
    this.#lastStream = block.stream;
    if (this.#active >= maxStreams) {
      this.#resetStream(block.stream, errorCode.refusedStream);
      return;
    }
    const head = isTooLarge ? tooLargeHead : requestHead(fields);
    const length = head === undefined ? undefined : lengthOf(head);
    if (head === undefined || Number.isNaN(length)) this.#resetStream(block.stream, errorCode.protocol);
    else this.#open(block, head, length);
  }

  #open({ stream: id, isLast }: HeaderBlock, head: RequestHead, length: number | undefined): void {
    const stream = new Http2Stream(this, id, { send: this.#peerWindow, receive: streamWindow });
    this.#active++;
    this.#streams.set(id, stream);
    const received: ReceivedStream = { stream, head, length, chunks: [], size: 0, isTooLarge: false };
    this.#receiving.set(id, received);
    if (head === tooLargeHead) {
      this.#receiving.delete(id);
      stream.isReceived = isLast;
      stream.respond(431, {});
      stream.release();
    } else if (isLast) this.#complete(received, true);
  }

  /** Hands a request on. `isReceived`: nothing more comes of it. */
  #complete(received: ReceivedStream, isReceived: boolean): void {
    const { stream, head, chunks, size, length, isTooLarge } = received;
    if (isReceived && length !== undefined && length !== size) {
      this.#resetStream(stream.id, errorCode.protocol);
      return;
    }
    this.#receiving.delete(stream.id);
    stream.isReceived = isReceived;
    const [first] = chunks;
    const body = isTooLarge ? 'too large' : chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    this.#options.request({ ...head, body }, stream);
  }

  #onPriority(id: number, payload: Buffer): void {
    if (id === 0) throw new ConnectionFault(errorCode.protocol, 'PRIORITY of no stream');
    if (payload.length !== 5) throw new ConnectionFault(errorCode.frameSize, `PRIORITY of ${payload.length} bytes`);
    if ((payload.readUInt32BE(0) & maxWindow) === id) throw new ConnectionFault(errorCode.protocol, 'a stream depends on itself');
  }

  #onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionFault(errorCode.frameSize, `RST_STREAM of ${payload.length} bytes`);
    if (id === 0 || id > this.#lastStream) throw new ConnectionFault(errorCode.protocol, 'RST_STREAM of a stream that is not open');
    const nowMs = this.#options.clock.monotonic();
    this.#resets = Math.min(resetBurst, this.#resets + ((nowMs - this.#resetsAtMs) * resetsPerSecond) / 1000) - 1;
    this.#resetsAtMs = nowMs;
    if (this.#resets < 0) throw new ConnectionFault(errorCode.enhanceYourCalm, 'too many streams are reset');
    this.#forget(id);
  }

  #onSettings(id: number, flags: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionFault(errorCode.protocol, 'SETTINGS on a stream');
    const isAck = (flags & flag.ack) !== 0;
    if (payload.length % 6 !== 0 || (isAck && payload.length > 0))
      throw new ConnectionFault(errorCode.frameSize, `SETTINGS of ${payload.length} bytes`);
    this.#hasSettings = true;
    if (isAck) return;
    for (let at = 0; at < payload.length; at += 6) this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#reply(frame(frameType.settings, 0, new Uint8Array(), flag.ack));
    this.#sendBlocked();
  }

  #set(id: number, value: number): void {
    if (id === setting.enablePush && value > 1) throw new ConnectionFault(errorCode.protocol, `ENABLE_PUSH of ${value}`);
    if (id === setting.maxFrameSize) {
      if (value < maxFrameBytes || value > 0xff_ffff) throw new ConnectionFault(errorCode.protocol, `MAX_FRAME_SIZE of ${value}`);
      this.#peerMaxFrame = value;
    }
    if (id !== setting.initialWindowSize) return;
    if (value > maxWindow) throw new ConnectionFault(errorCode.flowControl, `INITIAL_WINDOW_SIZE of ${value}`);
    for (const stream of this.#streams.values()) {
      stream.sendWindow += value - this.#peerWindow;
      if (stream.sendWindow > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'a window is too large');
    }
    this.#peerWindow = value;
  }

  #onPing(id: number, flags: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionFault(errorCode.protocol, 'PING on a stream');
    if (payload.length !== 8) throw new ConnectionFault(errorCode.frameSize, `PING of ${payload.length} bytes`);
    if ((flags & flag.ack) === 0) this.#reply(frame(frameType.ping, 0, payload, flag.ack));
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new ConnectionFault(errorCode.frameSize, `WINDOW_UPDATE of ${payload.length} bytes`);
    const more = payload.readUInt32BE(0) & maxWindow;
    if (id > this.#lastStream) throw new ConnectionFault(errorCode.protocol, 'WINDOW_UPDATE of a stream that is not open');
    if (id === 0) {
      if (more === 0) throw new ConnectionFault(errorCode.protocol, 'WINDOW_UPDATE of 0');
      this.#sendWindow += more;
      if (this.#sendWindow > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'a window is too large');
      this.#sendBlocked();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // it may have crossed the end of our answer
    stream.sendWindow += more;
    if (more === 0) this.#resetStream(id, errorCode.protocol);
    else if (stream.sendWindow > maxWindow) this.#resetStream(id, errorCode.flowControl);
    else if (this.#blocked.has(stream)) this.sendQueued(stream);
  }

  sendHead({ id }: Http2Stream, status: number, headers: HeaderFields, isLast: boolean): void {
    const block = responseHead(status, { ...headers, date: this.#dateText() });
    const frames = Math.max(1, Math.ceil(block.length / this.#peerMaxFrame));
    const out = Buffer.allocUnsafe(block.length + frames * frameHeadBytes);
    let at = 0;
    for (let i = 0; i < frames; i++) {
      const part = block.slice(i * this.#peerMaxFrame, (i + 1) * this.#peerMaxFrame);
      const flags = (i === 0 && isLast ? flag.endStream : 0) | (i === frames - 1 ? flag.endHeaders : 0);
      at = writeFrameHead(out, at, { type: i === 0 ? frameType.headers : frameType.continuation, flags, stream: id, length: part.length });
      at += out.write(part, at, 'latin1');
    }
    this.#write(out);
    const stream = this.#streams.get(id);
    if (isLast && stream !== undefined) this.#endStream(stream);
  }

  sendQueued(stream: Http2Stream): void {
    this.#blocked.delete(stream);
    while (stream.queued > 0) {
      const allowed = Math.min(stream.sendWindow, this.#sendWindow, this.#roomOnWire());
      if (allowed <= 0) {
        this.#blocked.add(stream);
        return;
      }
      this.#sendBody(stream, stream.take(Math.min(allowed, writeBytes)));
    }
    if (stream.isAnswered && !stream.isClosed) {
      if (!stream.isEnded) this.#write(frame(frameType.data, stream.id, new Uint8Array(), flag.endStream));
      this.#endStream(stream);
    }
  }

  /** A piece of body in frames of the size that the peer takes. */
  #sendBody(stream: Http2Stream, body: Uint8Array): void {
    stream.sendWindow -= body.length;
    this.#sendWindow -= body.length;
    const isLast = stream.isAnswered && stream.queued === 0;
    const frames = Math.ceil(body.length / this.#peerMaxFrame);
    const out = Buffer.allocUnsafe(body.length + frames * frameHeadBytes);
    let at = 0;
    for (let from = 0; from < body.length; from += this.#peerMaxFrame) {
      const part = body.subarray(from, from + this.#peerMaxFrame);
      const flags = isLast && from + part.length === body.length ? flag.endStream : 0;
      at = writeFrameHead(out, at, { type: frameType.data, flags, stream: stream.id, length: part.length });
      out.set(part, at);
      at += part.length;
    }
    stream.isEnded = isLast;
    this.#write(out);
  }

  #roomOnWire(): number {
    return maxWaitingBytes - this.#options.wire.waiting - this.#outBytes;
  }

  /** Those that were blocked the longest have their turn first. */
  #sendBlocked(): void {
    for (const stream of [...this.#blocked]) {
      if (this.#sendWindow <= 0 || this.#roomOnWire() <= 0) return;
      this.sendQueued(stream);
    }
  }

  release(stream: Http2Stream): void {
    stream.isReleased = true;
    if (stream.isClosed) this.#active--;
  }

  /** The answer is whole. A request that is not was of no more interest, which the client is told. */
  #endStream(stream: Http2Stream): void {
    if (stream.isReceived) this.#forget(stream.id);
    else this.#resetStream(stream.id, errorCode.none);
  }

  #resetStream(id: number, code: ErrorCode): void {
    this.#reply(wordsFrame(frameType.rstStream, id, code));
    this.#forget(id);
  }

  #forget(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (this.#receiving.delete(id)) stream.isReleased = true; // nobody was told of it, who could do that
    if (stream.isReleased) this.#active--;
    this.#streams.delete(id);
    this.#blocked.delete(stream);
    stream.close();
  }

  #fail(code: ErrorCode, message: string): void {
    const debug = Buffer.from(message, 'latin1');
    const goAway = Buffer.concat([Buffer.alloc(8), debug]);
    goAway.writeUInt32BE(this.#lastStream, 0);
    goAway.writeUInt32BE(code, 4);
    this.#write(frame(frameType.goAway, 0, goAway));
    this.#flush();
    this.close();
    this.#options.wire.end();
  }

  /** Something that the client made us say. */
  #reply(bytes: Buffer): void {
    this.#write(bytes);
    if (++this.#unreadReplies > maxUnreadReplies && this.#options.wire.waiting > 0 && !this.#isClosed)
      this.#fail(errorCode.enhanceYourCalm, 'replies are not read');
  }

  #write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (bytes.length >= writeBytes) this.#flush();
    if (this.#willFlush) return;
    this.#willFlush = true;
    this.#options.defer(() => {
      this.#willFlush = false;
      this.#flush();
      if (this.#options.wire.waiting === 0) this.drained();
    });
  }

  #flush(): void {
    const [first] = this.#out;
    if (first === undefined || this.#isClosed) return;
    const bytes = this.#out.length === 1 ? first : Buffer.concat(this.#out, this.#outBytes);
    this.#out = [];
    this.#outBytes = 0;
    this.#options.wire.write(bytes);
  }

  #dateText(): string {
    const second = Math.floor(this.#options.clock.now() / 1000);
    if (second !== this.#date.second) this.#date = { second, text: new Date(second * 1000).toUTCString() };
    return this.#date.text;
  }
}

/** Stands for fields that were more than are kept. */
const tooLargeHead: RequestHead = { method: 'GET', path: '/', headers: {} };

function unpadded(payload: Buffer, flags: number): Buffer {
  if ((flags & flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) throw new ConnectionFault(errorCode.protocol, 'more padding than frame');
  return payload.subarray(1, payload.length - padding);
}

/** What content-length says; NaN when that is no number. */
function lengthOf({ headers }: RequestHead): number | undefined {
  const text = headers['content-length'];
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}
