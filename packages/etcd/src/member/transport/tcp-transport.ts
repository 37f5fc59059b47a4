import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { Process } from '@coracle/kernel';
import type { NodeId } from '@coracle/raft';
import { Malformed } from '../../wal/binary.ts';
import { decodeEnvelope, encodeEnvelope } from '../message-codec.ts';
import type { Envelope, PeerReceiver, PeerTransport } from '../peer-transport.ts';
import { connectPeer, decodeDescription, encodeDescription, type PeerTls, purpose } from './connect-peer.ts';
import { FrameReader, frame, write } from './frames.ts';

export interface TcpTransportOptions {
  readonly process: Process;
  /** Where this member listens; port 0 picks one. */
  readonly host: string;
  readonly port: number;
  readonly tls?: PeerTls;
}

/** How much may wait for one peer: what is beyond is lost, which Raft bears. */
const maxQueuedBytes = 32 * 1024 * 1024;
const reconnectMs = 200;
const snapshotTimeoutMs = 60_000;

const taken = 1;

/**
 * Members over TCP, with TLS and certificates on both sides when asked for: one connection to each peer for messages, each a
 * length of four bytes and an envelope, in order; one more for each snapshot, which is an envelope, the blocks of the file, a
 * length of zero, and a byte that says that it was taken. Whoever is to join asks on a third who is there, or to be taken in anew.
 */
export class TcpTransport implements PeerTransport {
  readonly #options: TcpTransportOptions;
  readonly #server: Server;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #sockets = new Set<Socket>();
  #receiver: PeerReceiver | undefined;
  #blocked: ReadonlySet<NodeId> = new Set();
  #isClosed = false;

  private constructor(options: TcpTransportOptions) {
    this.#options = options;
    const accept = (socket: Socket): void => this.#accept(socket);
    const { tls } = options;
    this.#server =
      tls === undefined ? createServer(accept) : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true }, accept);
  }

  /** Listens. Rejects with the system's error. */
  static async listen(options: TcpTransportOptions): Promise<TcpTransport> {
    const transport = new TcpTransport(options);
    await new Promise<void>((resolve, reject) => {
      transport.#server.once('error', reject);
      transport.#server.listen(options.port, options.host, () => {
        transport.#server.off('error', reject);
        resolve();
      });
    });
    // Somebody who hangs up during the handshake is no error of ours.
    transport.#server.on('error', (error) => options.process.log.warn('The listener for members failed', { error: error.message }));
    return transport;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  start(receiver: PeerReceiver): void {
    this.#receiver = receiver;
  }

  /** Loses what goes to these peers and comes from them, until it is called again: how a cut of the network is shown to people. */
  block(peers: ReadonlySet<NodeId>): void {
    this.#blocked = peers;
  }

  setPeers(peers: ReadonlyMap<NodeId, readonly string[]>): void {
    for (const [id, peer] of this.#peers) {
      const [url] = peers.get(id) ?? [];
      if (url === peer.url) continue;
      peer.close();
      this.#peers.delete(id);
    }
    for (const [id, [url]] of peers) {
      if (url === undefined || this.#peers.has(id)) continue;
      const peer = new Peer({
        url,
        process: this.#options.process,
        connect: () => this.#connect(url),
        lost: () => this.#receiver?.unreachable(id),
      });
      this.#peers.set(id, peer);
      peer.open();
    }
  }

  send(envelope: Envelope): void {
    if (this.#isClosed || this.#blocked.has(envelope.to)) return;
    const peer = this.#peers.get(envelope.to);
    if (peer === undefined) return; // it was removed, or is not known yet
    peer.send(frame(encodeEnvelope(envelope)));
  }

  async sendSnapshot(envelope: Envelope, content: AsyncIterable<Uint8Array>): Promise<'finished' | 'failed'> {
    const peer = this.#peers.get(envelope.to);
    if (peer === undefined || this.#isClosed || this.#blocked.has(envelope.to)) return 'failed';
    using deadline = this.#options.process.clock.deadline(snapshotTimeoutMs, { background: true });
    const socket = this.#connect(peer.url);
    try {
      const onAbort = (): unknown => socket.destroy();
      deadline.signal.addEventListener('abort', onAbort, { once: true });
      await write(socket, Buffer.from([purpose.snapshot]));
      await write(socket, frame(encodeEnvelope(envelope)));
      for await (const block of content) await write(socket, frame(block));
      await write(socket, frame(new Uint8Array(0)));
      for await (const answer of socket) return (answer as Buffer)[0] === taken ? 'finished' : 'failed'; // a socket gives buffers
      return 'failed';
    } catch {
      return 'failed'; // Raft tries again
    } finally {
      socket.destroy();
    }
  }

  connectedSinceMs(peer: NodeId): number | undefined {
    return this.#blocked.has(peer) ? undefined : this.#peers.get(peer)?.connectedSinceMs;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const peer of this.#peers.values()) peer.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #connect(url: string): Socket {
    const socket = connectPeer(url, this.#options.tls);
    this.#track(socket);
    return socket;
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // it closes, and whoever uses it learns of that
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #accept(socket: Socket): void {
    if (socket instanceof TLSSocket && !socket.authorized) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.#track(socket);
    this.#options.process.spawn('peer connection', async () => {
      try {
        await this.#serve(socket);
      } catch (error) {
        if (error instanceof Malformed) this.#options.process.log.warn('A member sent nonsense', { error: error.message });
      } finally {
        socket.destroy();
      }
    });
  }

  async #serve(socket: Socket): Promise<void> {
    const frames = new FrameReader(socket);
    const what = (await frames.bytes(1))?.[0];
    if (what === purpose.messages) {
      for (let bytes = await frames.next(); bytes !== undefined; bytes = await frames.next()) {
        const envelope = decodeEnvelope(bytes);
        if (!this.#blocked.has(envelope.from)) this.#receiver?.receive(envelope);
      }
    } else if (what === purpose.description) {
      if (this.#receiver !== undefined) await write(socket, encodeDescription(this.#receiver.describe()));
      socket.end();
    } else if (what === purpose.replacement) {
      const asked = await frames.next();
      if (asked === undefined || this.#receiver === undefined) return;
      const refusal = await this.#receiver.replace(decodeDescription(asked));
      await write(socket, frame(Buffer.from(refusal, 'utf8')));
      socket.end();
    } else if (what === purpose.snapshot) {
      const head = await frames.next();
      if (head === undefined || this.#receiver === undefined) return;
      const envelope = decodeEnvelope(head);
      if (this.#blocked.has(envelope.from)) return;
      await this.#receiver.receiveSnapshot(envelope, frames.untilEmpty());
      await write(socket, Buffer.from([taken]));
      socket.end();
    } else if (what !== undefined) throw new Malformed(`a connection for unknown purpose ${what}`);
  }
}

/** The connection on which messages go to one peer: made at once and again, so that it is known who could be told something. */
class Peer {
  readonly url: string;
  connectedSinceMs: number | undefined;
  readonly #process: Process;
  readonly #connect: () => Socket;
  readonly #lost: () => void;
  #socket: Socket | undefined;
  #retry: Disposable | undefined;
  #isClosed = false;

  constructor(options: { readonly url: string; readonly process: Process; readonly connect: () => Socket; readonly lost: () => void }) {
    this.url = options.url;
    this.#process = options.process;
    this.#connect = options.connect;
    this.#lost = options.lost;
  }

  send(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined || socket.writableLength > maxQueuedBytes) this.#lost();
    else socket.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.[Symbol.dispose]();
    this.#socket?.destroy();
  }

  open(): void {
    const socket = this.#connect();
    this.#socket = socket;
    socket.write(Buffer.from([purpose.messages]));
    socket.resume(); // nothing comes back
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      this.connectedSinceMs = this.#process.clock.monotonic();
    });
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.connectedSinceMs = undefined;
      if (this.#isClosed) return;
      this.#lost();
      this.#retry = this.#process.clock.timer(
        reconnectMs,
        () => {
          this.#retry = undefined;
          this.open();
        },
        { background: true },
      );
    });
  }
}
