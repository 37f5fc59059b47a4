import { unlessAborted } from '@coracle/kernel';

/** In characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What goes in and out of a program in a container. */
export interface Streams {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Called in order; the next part waits for the promise. */
  readonly stdout?: (chunk: Uint8Array) => void | Promise<void>;
  /** Not together with `tty`: a terminal has one output. */
  readonly stderr?: (chunk: Uint8Array) => void | Promise<void>;
  readonly tty?: boolean;
  /** The terminal's size, at first and whenever it changed. */
  readonly sizes?: AsyncIterable<TerminalSize>;
}

/** A size as it is sent. */
export function sizeMessage({ width, height }: TerminalSize): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ Width: width, Height: height })}\n`);
}

/** Sends what `values` gives, in order, until they end or `signal` aborts, with whose reason it rejects then. */
export async function sendAll<T>(values: AsyncIterable<T>, send: (value: T) => Promise<void>, signal: AbortSignal): Promise<void> {
  // What nobody waits for any more stays the caller's: a generator that waits for a key cannot be ended from here.
  const iterator = values[Symbol.asyncIterator]();
  for (let next = await unlessAborted(iterator.next(), signal); next.done !== true; next = await unlessAborted(iterator.next(), signal))
    await send(next.value);
}
