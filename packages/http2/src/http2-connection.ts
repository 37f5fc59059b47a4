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
import { Http2Stream, type StreamHandler, type StreamOwner } from './http2-stream.ts';
import { type RequestHead, RequestHeadReader } from './request-head.ts';
import { type HeaderBlock, trailerBlock } from './response-head.ts';

/** Where a connection's bytes go: a TLS socket. */
export interface Http2Wire {
  /** Bytes that were written and are not sent. */
  readonly waiting: number;
  /** Bytes that are not changed until they are sent: `sent` is called then, and never if they are not. */
  write(bytes: Uint8Array, sent: (() => void) | undefined): void;
  /** The same of several pieces, at once. */
  writeAll(pieces: readonly Uint8Array[], sent: (() => void) | undefined): void;
  /** Ends the connection after what was written. */
  end(): void;
}

export interface Http2ConnectionOptions {
  readonly wire: Http2Wire;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Requests of the connection at once: being answered, or with answers that are being sent. Default 1,000. */
  readonly maxStreams?: number;
  /** Runs something behind what is running now: answers that are ready together are written together. */
  defer(run: () => void): void;
  readonly open: StreamHandler;
}

const defaultMaxStreams = 1_000;
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
/** What is handed to the wire at once. */
const writeBytes = 128 * 1024;
/** Body below this is copied behind its frame's head; pieces of more are written as they are. */
const copiedBytes = 32 * 1024;
/** The same of memory that is used again: a copy of it would be memory that is not. */
const copiedLentBytes = 4 * 1024;

const nothing: Buffer = Buffer.alloc(0);

/** What has come of a header block. */
interface HeaderBlockParts {
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
 * The server's side of one HTTP/2 connection (RFC 9113). It knows no sockets: bytes come in through `receive` and go out
 * through the wire. Node's own has an object with two queues and six events for each request, which cost more than all that
 * this server does for one.
 *
 * What a client can make us keep is bounded: its streams, the fields of each, what it does not read, and what is not taken of
 * the bodies that it sends, of all its streams together.
 */
export class Http2Connection implements StreamOwner {
  readonly #options: Http2ConnectionOptions;
  readonly #decoder = new HpackDecoder();
  readonly #heads = new RequestHeadReader();
  readonly #maxStreams: number;
  readonly #streams = new Map<number, Http2Stream>();
  /** With something queued that the windows or the wire do not take yet, in the order of their turns. */
  readonly #blocked = new Set<Http2Stream>();
  #rest: Buffer = nothing;
  #hasPreface = false;
  #hasSettings = false;
  #block: HeaderBlockParts | undefined;
  #lastStream = 0;
  /** Streams that are open, or whose handlers have not ended although the client has left. */
  #active = 0;
  #sendWindow = defaultWindow;
  #receiveWindow = connectionWindow;
  /** Bytes of bodies that were taken and that the client has not been told of. */
  #untold = 0;
  #peerWindow = defaultWindow;
  #peerMaxFrame = maxFrameBytes;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  /** What of that is lent. */
  #lent: (() => void)[] = [];
  #willFlush = false;
  #unreadReplies = 0;
  #resets = resetBurst;
  #resetsAtMs: number;
  #isClosed = false;
  #date = { second: -1, block: '' };

  constructor(options: Http2ConnectionOptions) {
    this.#options = options;
    this.#maxStreams = options.maxStreams ?? defaultMaxStreams;
    this.#resetsAtMs = options.clock.monotonic();
  }

  /** Says what we take. To be called first. */
  start(): void {
    this.#write(
      settingsFrame([
        [setting.maxConcurrentStreams, this.#maxStreams],
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

  /** Ends the connection, and says so to the client, which may ask others for what is not answered yet. */
  shutDown(): void {
    if (!this.#isClosed) this.#fail(errorCode.none, '');
  }

  /** The wire is gone. */
  close(): void {
    this.#isClosed = true;
    this.#rest = nothing;
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
      const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
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
    const body = unpadded(payload, flags);
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.isReceived) {
      this.#tell(payload.length);
      this.resetStream(id, errorCode.streamClosed);
      return;
    }
    const { flow, contentLength } = stream;
    const isLast = (flags & flag.endStream) !== 0;
    flow.receiveWindow -= payload.length;
    flow.received += body.length;
    if (flow.receiveWindow < 0 || !hasLength(contentLength, flow.received, isLast)) {
      this.#tell(payload.length);
      this.resetStream(id, flow.receiveWindow < 0 ? errorCode.flowControl : errorCode.protocol);
      return;
    }
    if (body.length < payload.length) this.taken(stream, payload.length - body.length);
    stream.deliver(body, isLast);
  }

  taken(stream: Http2Stream, bytes: number): void {
    this.#tell(bytes);
    const { flow } = stream;
    flow.untold += bytes;
    // Nobody waits for what a client sends on beside its answer; it gets no more room for that.
    if (flow.untold < streamWindow / 2 || stream.isReceived || !stream.isTaken) return;
    this.#write(wordsFrame(frameType.windowUpdate, stream.id, flow.untold));
    flow.receiveWindow += flow.untold;
    flow.untold = 0;
  }

  /** Bytes of bodies are not kept any more. */
  #tell(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold <= connectionWindow / 2) return;
    this.#write(wordsFrame(frameType.windowUpdate, 0, this.#untold));
    this.#receiveWindow += this.#untold;
    this.#untold = 0;
  }

  #onHeaders(id: number, flags: number, payload: Buffer): void {
    if (id % 2 === 0) throw new ConnectionFault(errorCode.protocol, 'a client has streams of odd numbers');
    let block = unpadded(payload, flags);
    if ((flags & flag.priority) !== 0) {
      if (block.length < 5) throw new ConnectionFault(errorCode.frameSize, 'HEADERS without its priority');
      if ((block.readUInt32BE(0) & maxWindow) === id) throw new ConnectionFault(errorCode.protocol, 'a stream depends on itself');
      block = block.subarray(5);
    }
    if (id <= this.#lastStream && this.#streams.get(id)?.isReceived !== false)
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
    if (block.stream <= this.#lastStream) {
      this.#onTrailers(block);
      return;
    }
    this.#lastStream = block.stream;
    if (this.#active >= this.#maxStreams) {
      this.resetStream(block.stream, errorCode.refusedStream);
      return;
    }
    const head = isTooLarge ? tooLargeHead : this.#heads.read(fields);
    const length = head === undefined ? undefined : lengthOf(head);
    if (head === undefined || !hasLength(length, 0, block.isLast)) this.resetStream(block.stream, errorCode.protocol);
    else this.#open(block, head, length);
  }

  /** They say nothing that we ask for, but where the body ends. */
  #onTrailers({ stream: id, isLast }: HeaderBlockParts): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return; // its answer ended in between
    if (isLast && hasLength(stream.contentLength, stream.flow.received, true)) stream.deliver(nothing, true);
    else this.resetStream(id, errorCode.protocol);
  }

  #open({ stream: id, isLast }: HeaderBlockParts, head: RequestHead, contentLength: number | undefined): void {
    const stream = new Http2Stream(this, { id, sendWindow: this.#peerWindow, receiveWindow: streamWindow, contentLength });
    stream.isReceived = isLast;
    this.#active++;
    this.#streams.set(id, stream);
    if (head === tooLargeHead) {
      stream.respond(431, {});
      stream.release();
    } else this.#options.open(head, stream);
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
      stream.flow.sendWindow += value - this.#peerWindow;
      if (stream.flow.sendWindow > maxWindow) throw new ConnectionFault(errorCode.flowControl, 'a window is too large');
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
    stream.flow.sendWindow += more;
    if (more === 0) this.resetStream(id, errorCode.protocol);
    else if (stream.flow.sendWindow > maxWindow) this.resetStream(id, errorCode.flowControl);
    else if (this.#blocked.has(stream)) this.sendQueued(stream);
  }

  sendBlock(stream: Http2Stream, block: HeaderBlock, isLast: boolean): void {
    const { id } = stream;
    const frames = Math.max(1, Math.ceil(block.length / this.#peerMaxFrame));
    const out = Buffer.allocUnsafe(block.length + frames * frameHeadBytes);
    let at = 0;
    for (let i = 0; i < frames; i++) {
      const part = frames === 1 ? block : block.slice(i * this.#peerMaxFrame, (i + 1) * this.#peerMaxFrame);
      const flags = (i === 0 && isLast ? flag.endStream : 0) | (i === frames - 1 ? flag.endHeaders : 0);
      at = writeFrameHead(out, at, { type: i === 0 ? frameType.headers : frameType.continuation, flags, stream: id, length: part.length });
      at += out.write(part, at, 'latin1');
    }
    this.#write(out);
    if (isLast) this.#endStream(stream);
  }

  sendQueued(stream: Http2Stream): void {
    this.#blocked.delete(stream);
    while (stream.queuedBytes > 0) {
      const allowed = Math.min(stream.queuedBytes, stream.flow.sendWindow, this.#sendWindow, this.#roomOnWire(), writeBytes);
      if (allowed <= 0) {
        this.#blocked.add(stream);
        return;
      }
      this.#sendBody(stream, allowed);
    }
    if (stream.isAnswered && !stream.isClosed) {
      if (stream.trailers !== undefined) this.sendBlock(stream, stream.trailers, true);
      else {
        if (!stream.isEnded) this.#write(frame(frameType.data, stream.id, nothing, flag.endStream));
        this.#endStream(stream);
      }
    } else stream.wake();
  }

  /** A whole answer in one piece; false where it is too large for that, or has to wait. */
  sendAnswer(stream: Http2Stream, block: HeaderBlock, body: Uint8Array): boolean {
    const { length } = body;
    const taken = Math.min(stream.flow.sendWindow, this.#sendWindow, this.#roomOnWire(), this.#peerMaxFrame);
    if (length > taken || length >= copiedBytes || block.length > this.#peerMaxFrame) return false;
    stream.flow.sendWindow -= length;
    this.#sendWindow -= length;
    const out = Buffer.allocUnsafe(2 * frameHeadBytes + block.length + length);
    const { id } = stream;
    let at = writeFrameHead(out, 0, { type: frameType.headers, flags: flag.endHeaders, stream: id, length: block.length });
    at += out.write(block, at, 'latin1');
    out.set(body, writeFrameHead(out, at, { type: frameType.data, flags: flag.endStream, stream: id, length }));
    stream.isEnded = true;
    this.#write(out);
    this.#endStream(stream);
    return true;
  }

  /** Some of what is queued, in frames of the size that the peer takes. Much of it is not copied on its way. */
  #sendBody(stream: Http2Stream, bytes: number): void {
    stream.flow.sendWindow -= bytes;
    this.#sendWindow -= bytes;
    const isLast = stream.isAnswered && bytes === stream.queuedBytes && stream.trailers === undefined;
    const isCopied = bytes < (stream.isLent ? copiedLentBytes : copiedBytes);
    const out = isCopied ? Buffer.allocUnsafe(bytes + Math.ceil(bytes / this.#peerMaxFrame) * frameHeadBytes) : nothing;
    let at = 0;
    for (let left = bytes; left > 0; ) {
      const length = Math.min(left, this.#peerMaxFrame);
      left -= length;
      const flags = isLast && left === 0 ? flag.endStream : 0;
      const head = { type: frameType.data, flags, stream: stream.id, length };
      if (isCopied) {
        at = writeFrameHead(out, at, head);
        stream.take(length, (piece, giveBack) => {
          out.set(piece, at);
          at += piece.length;
          giveBack?.();
        });
      } else {
        const bare = Buffer.allocUnsafe(frameHeadBytes);
        writeFrameHead(bare, 0, head);
        this.#write(bare);
        stream.take(length, (piece, giveBack) => {
          if (giveBack !== undefined) this.#lent.push(giveBack);
          this.#write(piece);
        });
      }
    }
    stream.isEnded = isLast;
    if (isCopied) this.#write(out);
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

  released(): void {
    this.#active--;
  }

  /** The answer is whole. A request that is not was of no more interest, which the client is told. */
  #endStream(stream: Http2Stream): void {
    if (stream.isReceived) this.#forget(stream.id);
    else this.resetStream(stream.id, errorCode.none);
  }

  resetStream(id: number, code: ErrorCode): void {
    this.#reply(wordsFrame(frameType.rstStream, id, code));
    this.#forget(id);
  }

  #forget(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (stream.isReleased) this.#active--;
    this.#streams.delete(id);
    this.#blocked.delete(stream);
    this.#tell(stream.heldBytes);
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
    if (this.#outBytes >= writeBytes) this.#flush();
    if (this.#willFlush) return;
    this.#willFlush = true;
    this.#options.defer(this.#flushLater);
  }

  readonly #flushLater = (): void => {
    this.#willFlush = false;
    this.#flush();
    if (this.#options.wire.waiting === 0) this.drained();
  };

  #flush(): void {
    const [first] = this.#out;
    if (first === undefined || this.#isClosed) return;
    const pieces = this.#out;
    const bytes = this.#outBytes;
    const lent = this.#lent;
    this.#out = [];
    this.#outBytes = 0;
    this.#lent = [];
    const { wire } = this.#options;
    const giveAllBack = (): void => {
      for (const giveBack of lent) giveBack();
    };
    const sent = lent.length === 0 ? undefined : giveAllBack;
    if (pieces.length === 1) wire.write(first, sent);
    else if (bytes < (lent.length > 0 ? copiedLentBytes : copiedBytes)) wire.write(Buffer.concat(pieces, bytes), sent);
    else wire.writeAll(pieces, sent);
  }

  dateBlock(): HeaderBlock {
    const second = Math.floor(this.#options.clock.now() / 1000);
    if (second !== this.#date.second) this.#date = { second, block: trailerBlock({ date: new Date(second * 1000).toUTCString() }) };
    return this.#date.block;
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

/** Whether as much has come as content-length says, or may still come. */
function hasLength(said: number | undefined, received: number, isAll: boolean): boolean {
  return said === undefined || (isAll ? received === said : received <= said);
}

/** What content-length says; NaN, which no length is, when that is no number. */
function lengthOf({ headers }: RequestHead): number | undefined {
  const text = headers['content-length'];
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}
