import { type SpdyFrame, SpdyFrameReader, SpdyFrameWriter } from './spdy-frames.ts';

type Opened = Extract<SpdyFrame, { readonly type: 'syn-stream' }>;

/** The server's side of a SPDY connection, as far as tests say what to answer. It takes every stream unless told otherwise. */
export class SpdyServer {
  /** All that came. */
  readonly frames: SpdyFrame[] = [];
  readonly #reader = new SpdyFrameReader();
  readonly #writer = new SpdyFrameWriter();
  readonly #sendBytes: (bytes: Uint8Array) => void;
  readonly #onFrame: (frame: SpdyFrame, server: SpdyServer) => void;

  constructor(
    sendBytes: (bytes: Uint8Array) => void,
    onFrame: (frame: SpdyFrame, server: SpdyServer) => void = (frame, server) => {
      if (frame.type === 'syn-stream') server.accept(frame);
    },
  ) {
    this.#sendBytes = sendBytes;
    this.#onFrame = onFrame;
  }

  receive(bytes: Uint8Array): void {
    for (const frame of this.#reader.read(bytes)) {
      this.frames.push(frame.type === 'data' ? { ...frame, bytes: frame.bytes.slice() } : frame);
      this.#onFrame(frame, this);
    }
  }

  send(frame: SpdyFrame): void {
    this.#sendBytes(this.#writer.write(frame));
  }

  accept({ streamId }: Opened): void {
    this.send({ type: 'syn-reply', streamId, headers: {}, isLast: false });
  }

  say(streamId: number, text: string, isLast = false): void {
    this.send({ type: 'data', streamId, bytes: Buffer.from(text), isLast });
  }

  reset(streamId: number, status: number): void {
    this.send({ type: 'rst-stream', streamId, status });
  }
}
