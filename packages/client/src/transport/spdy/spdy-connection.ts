import { TransportError } from '@coracle/apimachinery';
import { type ByteDuplex, type Process, TimeoutError, unlessAborted } from '@coracle/kernel';
import { Fifo } from '../../util/fifo.ts';
import { type SpdyHeaders, SpdyProtocolError } from './header-block.ts';
import { resetStatuses, type SpdyFrame, SpdyFrameReader, SpdyFrameWriter } from './spdy-frames.ts';

/** What was received and not read, of all streams together; with more, nothing more is received. */
const mostUnreadBytes = 256 << 10;
/** As much as is sent in one frame. */
const mostBytesAtOnce = 32 << 10;
/** As upstream waits for the answer to a new stream (k8s.io/streaming httpstream/spdy). */
const replyWithinMs = 30_000;
/** As client-go pings through a tunnel (tools/portforward PingPeriod). */
const pingEveryMs = 10_000;
/** So long without a frame, and the other side is gone. */
const silenceMs = 61_000;

/** The other side broke the stream off. */
export class SpdyStreamResetError extends Error {
  override readonly name = 'SpdyStreamResetError';
  readonly status: number;
  constructor(status: number) {
    super(`the stream was reset with status ${status}`);
    this.status = status;
  }
}

/**
 * The client's side of SPDY/3.1 over a connection that was made for it (k8s.io/streaming httpstream/spdy, which stands on
 * moby/spdystream): streams that we open, none that the server opens.
 *
 * There is no flow control, although the protocol has it: no server of Kubernetes sends a WINDOW_UPDATE, so a sender that waited for one
 * would stop after 64 KiB for ever. What holds a fast server back is the connection itself, and so all of its streams.
 */
export class SpdyConnection {
  readonly #process: Process;
  readonly #duplex: ByteDuplex;
  readonly #writer = new SpdyFrameWriter();
  readonly #reader = new SpdyFrameReader();
  readonly #streams = new Map<number, SpdyStream>();
  #nextStreamId = 1;
  #nextPingId = 1;
  #unreadBytes = 0;
  #hasRoom: (() => void) | undefined;
  #pinging: Disposable | undefined;
  #lastFrameAtMs: number;
  #hasGoneAway = false;
  #failure: Error | undefined;

  private constructor(process: Process, duplex: ByteDuplex) {
    this.#process = process;
    this.#duplex = duplex;
    this.#lastFrameAtMs = process.clock.monotonic();
  }

  /** Reads from `duplex` until it ends or is closed, which `close` does. */
  static over(duplex: ByteDuplex, process: Process): SpdyConnection {
    const connection = new SpdyConnection(process, duplex);
    connection.#keepAlive();
    process.spawn('spdy connection', () => connection.#read());
    return connection;
  }

  /**
   * A stream, once the server has taken it: what is sent before, servers drop. Rejects with SpdyStreamResetError when it does not take it,
   * with TransportError when the connection is lost or nothing is answered within 30 s, with the signal's reason.
   */
  async open(headers: SpdyHeaders, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<SpdyStream> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#hasGoneAway) throw new TransportError('Cannot open a stream: the server takes no more', { executed: 'no' });
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const stream = new SpdyStream({
      send: (bytes, isLast) => this.#send({ type: 'data', streamId, bytes, isLast }),
      reset: () => {
        this.#sendQuietly({ type: 'rst-stream', streamId, status: resetStatuses.cancel });
      },
      consumed: (count) => this.#consumed(count),
      ended: () => {
        this.#streams.delete(streamId);
      },
    });
    this.#streams.set(streamId, stream);
    using deadline = this.#process.clock.deadline(replyWithinMs, { signal: options.signal });
    try {
      await this.#send({ type: 'syn-stream', streamId, headers, isLast: false });
      await unlessAborted(stream.replied, deadline.signal);
      return stream;
    } catch (error) {
      stream.close();
      if (!(error instanceof TimeoutError) || options.signal?.aborted === true) throw error;
      throw new TransportError(`Cannot open a stream: no answer within ${replyWithinMs} ms`, { executed: 'unknown', cause: error });
    }
  }

  /** Ends the connection and all streams. Idempotent. */
  close(): void {
    this.#fail(new TransportError('The connection is closed', { executed: 'unknown' }));
  }

  async #read(): Promise<void> {
    try {
      for await (const chunk of this.#duplex.readable) {
        this.#lastFrameAtMs = this.#process.clock.monotonic();
        for (const frame of this.#reader.read(chunk)) await this.#receive(frame);
        while (this.#unreadBytes > mostUnreadBytes && this.#failure === undefined)
          await new Promise<void>((resolve) => {
            this.#hasRoom = resolve;
          });
        if (this.#failure !== undefined) return;
      }
      this.#fail(new TransportError('The connection was lost: the server closed it', { executed: 'unknown' }));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#fail(new TransportError(`The connection was lost: ${why}`, { executed: 'unknown', cause: error }));
    }
  }

  async #receive(frame: SpdyFrame): Promise<void> {
    switch (frame.type) {
      case 'data':
        // Of a stream that was closed meanwhile, or never was, nothing is kept.
        if (this.#streams.get(frame.streamId)?.receive(frame.bytes, frame.isLast) === true) this.#unreadBytes += frame.bytes.length;
        return;
      case 'syn-reply':
        this.#streams.get(frame.streamId)?.accept(frame.isLast);
        return;
      case 'headers':
        this.#streams.get(frame.streamId)?.receive(new Uint8Array(), frame.isLast);
        return;
      case 'rst-stream':
        this.#streams.get(frame.streamId)?.fail(new SpdyStreamResetError(frame.status));
        return;
      case 'syn-stream':
        if (frame.streamId % 2 !== 0)
          throw new SpdyProtocolError(`the server opened the stream ${frame.streamId}, which is for us to open`);
        await this.#send({ type: 'rst-stream', streamId: frame.streamId, status: resetStatuses.refusedStream });
        return;
      case 'ping':
        if (frame.id % 2 === 0) await this.#send(frame); // else the answer to one of ours
        return;
      case 'goaway':
        this.#hasGoneAway = true;
        return;
      case 'window-update':
        return;
    }
  }

  #send(frame: SpdyFrame): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#duplex.write(this.#writer.write(frame));
  }

  #sendQuietly(frame: SpdyFrame): void {
    this.#send(frame).catch(() => undefined); // the reader learns why
  }

  #consumed(count: number): void {
    this.#unreadBytes -= count;
    if (this.#unreadBytes > mostUnreadBytes) return;
    this.#hasRoom?.();
    this.#hasRoom = undefined;
  }

  #fail(failure: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#pinging?.[Symbol.dispose]();
    for (const stream of [...this.#streams.values()]) stream.fail(failure);
    this.#hasRoom?.();
    this.#duplex.close();
  }

  #keepAlive(): void {
    const { clock } = this.#process;
    this.#pinging = clock.timer(
      pingEveryMs,
      () => {
        // While nobody reads what came, nothing is heard.
        if (this.#hasRoom === undefined && clock.monotonic() - this.#lastFrameAtMs > silenceMs) {
          this.#fail(new TransportError(`The connection was lost: nothing was heard for ${silenceMs} ms`, { executed: 'unknown' }));
          return;
        }
        this.#sendQuietly({ type: 'ping', id: this.#nextPingId });
        this.#nextPingId = (this.#nextPingId + 2) % 0x8000_0000;
        this.#keepAlive();
      },
      { background: true },
    );
  }
}

/** What a stream needs of its connection. */
interface StreamPorts {
  send(bytes: Uint8Array, isLast: boolean): Promise<void>;
  reset(): void;
  /** So many received bytes take no room any more. */
  consumed(count: number): void;
  ended(): void;
}

/** One stream of a `SpdyConnection`, open in both directions until each side ends its own. For one reader. */
export class SpdyStream implements ByteDuplex {
  readonly readable: AsyncIterable<Uint8Array>;
  /** The server has taken the stream. */
  readonly replied: Promise<void>;
  readonly #ports: StreamPorts;
  readonly #reply: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #unread = new Fifo<Uint8Array>();
  #wake: (() => void) | undefined;
  #hasSentLast = false;
  #hasReceivedLast = false;
  /** Nobody reads any more. */
  #isLeft = false;
  #failure: Error | undefined;

  constructor(ports: StreamPorts) {
    this.#ports = ports;
    this.replied = this.#reply.promise;
    this.replied.catch(() => undefined); // whoever waits is told; nobody has to wait
    this.readable = this.#received();
  }

  /** In frames of 32 KiB. Rejects with what broke the stream, and with Error after `end`. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += mostBytesAtOnce) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#hasSentLast) throw new Error('Cannot write to the stream: its end was written');
      await this.#ports.send(chunk.subarray(at, at + mostBytesAtOnce), false);
    }
  }

  /** Says that no more is written; what the server says can still be read. */
  async end(): Promise<void> {
    if (this.#hasSentLast || this.#failure !== undefined) return;
    this.#hasSentLast = true;
    await this.#ports.send(new Uint8Array(), true);
    this.#endWhenDone();
  }

  /** Gives up both directions. Idempotent. */
  close(reason: Error = new Error('the stream is closed')): void {
    if (this.#failure !== undefined || (this.#hasSentLast && this.#hasReceivedLast)) this.#drop();
    else {
      this.#ports.reset();
      this.fail(reason);
      this.#drop();
    }
  }

  /** For the connection: the server has taken the stream, and may have nothing to say. */
  accept(isLast: boolean): void {
    this.#reply.resolve();
    if (isLast) this.receive(new Uint8Array(), true);
  }

  /** For the connection; true when `bytes` are kept until they are read. */
  receive(bytes: Uint8Array, isLast: boolean): boolean {
    if (this.#hasReceivedLast || this.#failure !== undefined) return false;
    const isKept = bytes.length > 0 && !this.#isLeft;
    if (isKept) this.#unread.push(bytes);
    if (isLast) {
      this.#hasReceivedLast = true;
      this.#endWhenDone();
    }
    this.#wake?.();
    return isKept;
  }

  /** For the connection: no more comes. What came before is still read. */
  fail(failure: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#reply.reject(failure);
    this.#ports.ended();
    this.#wake?.();
  }

  async *#received(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const bytes = this.#unread.shift();
        if (bytes !== undefined) {
          this.#ports.consumed(bytes.length);
          yield bytes;
        } else if (this.#hasReceivedLast) return;
        else if (this.#failure !== undefined) throw this.#failure;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#drop();
    }
  }

  #endWhenDone(): void {
    if (this.#hasSentLast && this.#hasReceivedLast) this.#ports.ended();
  }

  /** What nobody will read takes no room. */
  #drop(): void {
    this.#isLeft = true;
    for (let bytes = this.#unread.shift(); bytes !== undefined; bytes = this.#unread.shift()) this.#ports.consumed(bytes.length);
  }
}
