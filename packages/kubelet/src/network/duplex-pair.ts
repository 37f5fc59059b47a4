import { type ByteDuplex, DialError } from '@coracle/kernel';

/** Bytes that may wait in one direction before `write` does. */
const highWaterBytes = 64 * 1024;

/** One direction of a connection. */
class Pipe {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #state: 'open' | 'ended' | { readonly error: Error } = 'open';
  #reader: (() => void) | undefined;
  readonly #writers: (() => void)[] = [];

  async write(chunk: Uint8Array): Promise<void> {
    this.#assertOpen();
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#reader?.();
    while (this.#bytes > highWaterBytes && this.#state === 'open') await new Promise<void>((resolve) => this.#writers.push(resolve));
    if (typeof this.#state === 'object') throw this.#state.error;
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#reader?.();
  }

  break(error: Error): void {
    if (typeof this.#state !== 'object') this.#state = { error };
    this.#chunks.length = 0;
    this.#reader?.();
    for (const writer of this.#writers.splice(0)) writer();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        if (this.#bytes <= highWaterBytes) for (const writer of this.#writers.splice(0)) writer();
        yield chunk;
        continue;
      }
      if (this.#state === 'ended') return;
      if (this.#state !== 'open') throw this.#state.error;
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
  }

  #assertOpen(): void {
    if (typeof this.#state === 'object') throw this.#state.error;
    if (this.#state === 'ended') throw new DialError('ECONNRESET', 'Cannot write: the connection was ended');
  }
}

/** Both ends of a connection inside the process. A slow reader holds the writer at 64 KiB. */
export function duplexPair(): readonly [ByteDuplex, ByteDuplex] {
  const forth = new Pipe();
  const back = new Pipe();
  const side = (incoming: Pipe, outgoing: Pipe): ByteDuplex => ({
    readable: incoming.read(),
    write: (chunk) => outgoing.write(chunk),
    end: async () => outgoing.end(),
    close: (reason) => {
      const error = reason ?? new DialError('ECONNRESET', 'The connection was closed');
      if (reason === undefined) outgoing.end();
      else outgoing.break(error);
      incoming.break(error);
    },
  });
  return [side(back, forth), side(forth, back)];
}
