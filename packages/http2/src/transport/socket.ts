import type { Process } from '@coracle/kernel';
import type { Socket } from 'node:net';
import { Http2Connection } from '../http2-connection.ts';
import type { StreamHandler } from '../http2-stream.ts';

export interface ServeHttp2Options {
  readonly process: Process;
  readonly open: StreamHandler;
  /** See `Http2ConnectionOptions`. */
  readonly maxStreams?: number;
}

const writing = { lane: 'http2', op: 'write' } as const;

/** How long a client may take to read what is written before the end. */
const lastWordsMs = 1_000;

/** Serves HTTP/2 over a socket: in the clear, or of TLS whose client chose `h2`. A peer that goes away is no failure: the connection ends. */
export function serveHttp2(socket: Socket, { process, open, maxStreams }: ServeHttp2Options): Http2Connection {
  const connection = new Http2Connection({
    wire: {
      get waiting() {
        return socket.writableLength;
      },
      write: (bytes, sent) => void socket.write(bytes, unlessFailed(sent)),
      writeAll: (pieces, sent) => {
        const last = pieces.length - 1;
        socket.cork();
        for (const [i, piece] of pieces.entries()) socket.write(piece, i === last ? unlessFailed(sent) : undefined);
        socket.uncork();
      },
      end: () => {
        socket.destroySoon();
        if (socket.destroyed) return;
        const patience = process.clock.timer(lastWordsMs, () => socket.destroy(), { background: true });
        socket.once('close', () => patience[Symbol.dispose]());
      },
    },
    clock: process.clock,
    defer: (run) => process.post(writing, run),
    open,
    ...(maxStreams === undefined ? {} : { maxStreams }),
  });
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => connection.receive(bytes));
  socket.on('drain', () => connection.drained());
  socket.once('end', () => socket.destroy());
  socket.on('error', () => undefined); // the close event follows
  socket.once('close', () => connection.close());
  connection.start();
  return connection;
}

/** Node calls back of bytes that are not sent, too. */
function unlessFailed(sent: (() => void) | undefined): ((error?: Error | null) => void) | undefined {
  return sent === undefined ? undefined : (error) => (error === undefined || error === null ? sent() : undefined);
}
