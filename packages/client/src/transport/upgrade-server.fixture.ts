import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { closePayload, encodeFrame, FrameReader, opcodes } from './websocket-frames.ts';

/** The server's side of one upgraded connection. */
export interface Peer {
  readonly url: URL;
  readonly protocols: readonly string[];
  /** One binary message: the stream, then bytes or text. */
  send(channel: number, payload: string | Uint8Array): void;
  /** Any frame, also what no server should send. */
  raw(bytes: Uint8Array): void;
  close(code?: number): void;
  destroy(): void;
}

export interface UpgradeServerOptions {
  /** Which of the offered protocols is spoken. Default the first. */
  readonly choose?: (protocols: readonly string[]) => string;
  /** Instead of an upgrade. */
  readonly refuse?: { readonly status: number; readonly body: string };
  onOpen?(peer: Peer): void;
  onMessage?(peer: Peer, channel: number, payload: Buffer): void;
  onPing?(peer: Peer): void;
}

/** Speaks the stream protocols of Kubernetes as an API server with a kubelet behind it does, as far as tests say what to answer. */
export async function upgradeServer(options: UpgradeServerOptions): Promise<{ readonly url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('connection', (socket) => sockets.add(socket));
  server.on('upgrade', (request, duplex) => {
    const socket = duplex as Socket; // of an HTTP server without TLS
    socket.on('error', () => undefined);
    if (options.refuse !== undefined) {
      const { status, body } = options.refuse;
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(', ');
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${options.choose?.(offered) ?? offered[0]}\r\n\r\n`,
    );
    const frame = (opcode: number, payload: Uint8Array): void => {
      if (!socket.destroyed) socket.write(encodeFrame({ opcode, isFinal: true, payload }));
    };
    const peer: Peer = {
      url: new URL(request.url ?? '/', 'http://server'),
      protocols: offered,
      send: (channel, payload) => frame(opcodes.binary, Buffer.concat([Buffer.from([channel]), Buffer.from(payload)])),
      raw: (bytes) => socket.write(bytes),
      close: (code = 1000) => frame(opcodes.close, closePayload(code)),
      destroy: () => socket.destroy(),
    };
    const reader = new FrameReader({ expectsMask: true });
    socket.on('data', (chunk) => {
      for (const { opcode, payload } of reader.read(chunk)) {
        if (opcode === opcodes.binary) options.onMessage?.(peer, payload[0] ?? -1, Buffer.from(payload.subarray(1)));
        if (opcode === opcodes.ping) options.onPing?.(peer);
        if (opcode === opcodes.close) socket.end();
      }
    });
    options.onOpen?.(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
