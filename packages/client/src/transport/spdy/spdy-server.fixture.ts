import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
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

/** An HTTP server on loopback that refuses WebSockets and speaks SPDY/3.1 on request; `onFrame` is told what comes. */
export async function spdyHttpServer(onFrame: (frame: SpdyFrame, server: SpdyServer, socket: Socket) => void): Promise<{
  readonly url: string;
  readonly asked: readonly IncomingMessage[];
  readonly servers: readonly SpdyServer[];
  close(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  const asked: IncomingMessage[] = [];
  const servers: SpdyServer[] = [];
  const http = createServer((_request, response) => response.writeHead(404).end());
  http.on('connection', (socket) => sockets.add(socket));
  http.on('upgrade', (request, duplex) => {
    const socket = duplex as Socket; // of an HTTP server without TLS
    socket.on('error', () => undefined);
    asked.push(request);
    if (request.headers.upgrade !== 'SPDY/3.1') {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n');
    const server = new SpdyServer(
      (bytes) => socket.write(bytes),
      (frame, self) => onFrame(frame, self, socket),
    );
    servers.push(server);
    socket.on('data', (chunk) => server.receive(chunk));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, // it listens on TCP
    asked,
    servers,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
