import type { Socket } from 'node:net';
import { Malformed } from '../../wal/binary.ts';

/** No message between members comes near it: an append has a megabyte and one entry at most. */
const maxFrameBytes = 20 * 1024 * 1024;

/** A length of four bytes, and what it is of. */
export function frame(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + bytes.length);
  framed.writeUInt32LE(bytes.length, 0);
  framed.set(bytes, 4);
  return framed;
}

/** Resolves once the socket has taken the bytes; rejects with its error. */
export async function write(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

/** Cuts what a socket gives into frames. Throws Malformed for one that is too long. */
export class FrameReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>; // no encoding was set
  }

  /** Undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const length = (await this.bytes(4))?.readUInt32LE(0);
    if (length === undefined) return undefined;
    if (length > maxFrameBytes) throw new Malformed(`a message claims ${length} bytes`);
    return length === 0 ? Buffer.alloc(0) : this.bytes(length);
  }

  /** Throws Malformed when the end comes before an empty frame. */
  async *untilEmpty(): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const bytes = await this.next();
      if (bytes === undefined) throw new Malformed('a snapshot ends early');
      if (bytes.length === 0) return;
      yield bytes;
    }
  }

  async bytes(count: number): Promise<Buffer | undefined> {
    if (this.#held.length >= count) return this.#take(count);
    const parts = [this.#held];
    for (let length = this.#held.length; length < count; ) {
      const chunk = await this.#chunks.next();
      if (chunk.done === true) return undefined;
      parts.push(chunk.value);
      length += chunk.value.length;
    }
    this.#held = Buffer.concat(parts);
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }
}
