import type { ApiRequest, Transport } from '@coracle/apimachinery';
import { TransportError } from '@coracle/apimachinery';
import type { ByteDuplex, Process } from '@coracle/kernel';
import {
  closeCodes,
  closePayload,
  encodeFrame,
  FrameReader,
  opcodes,
  readClosePayload,
  type WebSocketFrame,
  WebSocketProtocolError,
} from './websocket-frames.ts';

/** A message of more bytes is refused. */
const maxMessageBytes = 32 << 20;
/** As upstream pings (client-go tools/remotecommand websocket.go). */
const pingEveryMs = 5_000;
/** So long without any frame while somebody waits for one, and the peer is gone. */
const silenceMs = 61_000;

/** The peer closed with another code than 1000, or stopped answering. */
export class WebSocketClosedError extends Error {
  override readonly name = 'WebSocketClosedError';
  readonly code: number;
  constructor(code: number, reason: string) {
    super(`websocket: close ${code}${reason === '' ? '' : `: ${reason}`}`);
    this.code = code;
  }
}

export interface WebSocketOptions {
  readonly process: Process;
  readonly transport: Transport;
  readonly path: string;
  readonly query: ApiRequest['query'];
  /** Wanted most first. */
  readonly protocols: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * A WebSocket to the API server (client-go transport/websocket). Node's own takes neither headers nor certificates nor a proxy, so the
 * frames are ours, over whatever the transport upgrades. One reader at a time; messages are sent in order of the calls.
 */
export class WebSocketConnection {
  /** What the server chose; '' for nothing. */
  readonly protocol: string;
  readonly #process: Process;
  readonly #duplex: ByteDuplex;
  readonly #reader: FrameReader;
  #pinging: Disposable | undefined;
  // Since when its reader waits for the peer; undefined while nobody does, or is busy with a message.
  #waitingSinceMs: number | undefined;
  #isClosing = false;

  private constructor(process: Process, duplex: ByteDuplex, protocol: string) {
    this.#process = process;
    this.#duplex = duplex;
    this.#reader = new FrameReader({ expectsMask: false });
    this.protocol = protocol;
  }

  /** Rejects with TransportError; its cause is the StatusError when the server refuses. */
  static async open({ process, transport, path, query, protocols, signal }: WebSocketOptions): Promise<WebSocketConnection> {
    const key = Buffer.from(process.random.bytes(16)).toString('base64');
    const { protocol, duplex } = await transport.upgrade(
      {
        method: 'GET',
        path,
        query,
        headers: {
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': key,
          'sec-websocket-protocol': protocols.join(', '),
        },
      },
      { signal },
    );
    if (protocol !== 'websocket' && protocol !== '' && !protocols.includes(protocol)) {
      duplex.close();
      throw new TransportError(`Cannot upgrade "${path}": the server chose the protocol "${protocol}", which was not offered`, {
        executed: 'unknown',
      });
    }
    const connection = new WebSocketConnection(process, duplex, protocols.includes(protocol) ? protocol : '');
    connection.#keepAlive();
    return connection;
  }

  /** Whole binary messages until the peer closes with 1000. Throws WebSocketClosedError, WebSocketProtocolError, or what broke the connection. */
  async *messages(): AsyncGenerator<Uint8Array, void, undefined> {
    let parts: Uint8Array[] = [];
    let length = 0;
    const { clock } = this.#process;
    this.#waitingSinceMs = clock.monotonic();
    try {
      for await (const chunk of this.#duplex.readable) {
        this.#waitingSinceMs = undefined;
        for (const frame of this.#reader.read(chunk)) {
          if (frame.opcode === opcodes.close) {
            const { code, reason } = readClosePayload(frame.payload);
            await this.#answerClose(code);
            if (code === closeCodes.normal || code === closeCodes.noStatus) return;
            throw new WebSocketClosedError(code, reason);
          }
          if (frame.opcode === opcodes.ping) await this.#write({ opcode: opcodes.pong, isFinal: true, payload: frame.payload });
          if (frame.opcode >= opcodes.close) continue;
          if (frame.opcode === opcodes.text) throw new WebSocketProtocolError('unexpected message type: 1');
          if ((frame.opcode === opcodes.continuation) !== parts.length > 0)
            throw new WebSocketProtocolError('a message began within another');
          parts.push(frame.payload);
          length += frame.payload.length;
          if (length > maxMessageBytes)
            throw new WebSocketProtocolError(`a message is larger than ${maxMessageBytes} bytes`, closeCodes.tooBig);
          if (!frame.isFinal) continue;
          const [only] = parts;
          const message = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
          parts = [];
          length = 0;
          yield message;
        }
        this.#waitingSinceMs = clock.monotonic();
      }
      if (!this.#isClosing) throw new WebSocketClosedError(1006, 'unexpected EOF');
    } catch (error) {
      if (error instanceof WebSocketProtocolError) await this.#answerClose(error.closeCode);
      throw error;
    } finally {
      this.#pinging?.[Symbol.dispose]();
      this.#duplex.close();
    }
  }

  /** One binary message. Resolves when the connection can take more. */
  send(payload: Uint8Array): Promise<void> {
    return this.#write({ opcode: opcodes.binary, isFinal: true, payload });
  }

  /** Says that it ends, and breaks the connection. Idempotent. */
  async close(): Promise<void> {
    await this.#answerClose(closeCodes.normal);
    this.#pinging?.[Symbol.dispose]();
    this.#duplex.close();
  }

  async #answerClose(code: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const payload = closePayload(code === closeCodes.noStatus ? closeCodes.normal : code);
    await this.#write({ opcode: opcodes.close, isFinal: true, payload }).catch(() => undefined); // the peer may be gone
  }

  #write(frame: WebSocketFrame): Promise<void> {
    return this.#duplex.write(encodeFrame(frame, this.#process.random.bytes(4)));
  }

  #keepAlive(): void {
    const { clock } = this.#process;
    this.#pinging = clock.timer(
      pingEveryMs,
      () => {
        if (this.#isClosing) return;
        if (this.#waitingSinceMs !== undefined && clock.monotonic() - this.#waitingSinceMs > silenceMs) {
          this.#duplex.close(new WebSocketClosedError(1006, `nothing was heard for ${silenceMs} ms`));
          return;
        }
        this.#write({ opcode: opcodes.ping, isFinal: true, payload: new Uint8Array() }).catch(() => undefined); // the reader learns of it
        this.#keepAlive();
      },
      { background: true },
    );
  }
}
