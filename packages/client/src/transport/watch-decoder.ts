import { deepFreeze, type Frozen, readJson, TransportError, type WatchFrame } from '@coracle/apimachinery';
import { beginsWith } from './begins-with.ts';
import { ObjectDecoder, type ReadOptions } from './object-decoder.ts';

const newline = 0x0a;
const closeBrace = 0x7d;
export const maxFrameBytes: number = 64 << 20;
const types: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);
/** How every server begins an event of an object. */
const heads = (['ADDED', 'MODIFIED', 'DELETED'] as const).map((type) => ({ type, bytes: Buffer.from(`{"type":"${type}","object":`) }));

/** What `WatchDecoder` is made with. */
export interface WatchDecoderOptions extends ReadOptions {
  /** Of the request, for errors. */
  readonly path: string;
}

/** Makes events of the bytes of a watch. Throws TransportError for what is no event. */
export interface FrameDecoder {
  /** The events that `chunk` completes. */
  push(chunk: Uint8Array): WatchFrame[];
}

/**
 * Events of a watch from newline-delimited JSON. Throws TransportError for what is no event, and for one of more than 64 MiB; everything
 * is checked before an event is given out, also what is parsed later.
 */
export class WatchDecoder implements FrameDecoder {
  readonly #path: string;
  readonly #bigints: boolean;
  readonly #objects: ObjectDecoder;
  // Parts of a line whose end has not come.
  #torn: Uint8Array[] = [];
  #tornLength = 0;

  constructor({ path, ...options }: WatchDecoderOptions) {
    this.#path = path;
    this.#bigints = options.bigints ?? false;
    this.#objects = new ObjectDecoder(options);
  }

  /** The events that `chunk` completes. */
  push(chunk: Uint8Array): WatchFrame[] {
    const frames: WatchFrame[] = [];
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    let end = bytes.indexOf(newline);
    if (end >= 0 && this.#tornLength > 0) {
      const line = Buffer.concat([...this.#torn, bytes.subarray(0, end)]);
      this.#torn = [];
      this.#tornLength = 0;
      this.#objects.set(line);
      frames.push(this.#frame(line, 0, line.length));
      start = end + 1;
      end = bytes.indexOf(newline, start);
    }
    if (end >= 0) this.#objects.set(bytes);
    for (; end >= 0; end = bytes.indexOf(newline, start)) {
      if (end > start) frames.push(this.#frame(bytes, start, end));
      start = end + 1;
    }
    if (start < bytes.length) {
      this.#torn.push(bytes.subarray(start));
      this.#tornLength += bytes.length - start;
      if (this.#tornLength > maxFrameBytes) throw this.#fault(`an event is larger than ${maxFrameBytes} bytes`);
    }
    return frames;
  }

  #frame(bytes: Buffer, start: number, end: number): WatchFrame {
    for (const head of heads) {
      if (bytes[end - 1] !== closeBrace || !beginsWith(bytes, start, head.bytes)) continue;
      const object = this.#objects.read(start + head.bytes.length, end - 1);
      if (object !== undefined) return { type: head.type, object };
    }
    return this.#wholeFrame(bytes.subarray(start, end));
  }

  /** An event that is not as most are: a bookmark, an error, one with white space, one that is no JSON. */
  #wholeFrame(line: Uint8Array): WatchFrame {
    let frame: unknown;
    try {
      frame = readJson(line, { bigints: this.#bigints }).value;
    } catch (cause) {
      throw this.#fault('an event is not JSON', cause);
    }
    if (!isFrame(frame)) throw this.#fault('what came is no event');
    return { type: frame.type, object: deepFreeze(frame.object) };
  }

  #fault(what: string, cause?: unknown): TransportError {
    return new TransportError(`Cannot watch "${this.#path}": ${what}`, { executed: 'unknown', cause });
  }
}

/** Whether an event can be of this type. */
export function isEventType(type: unknown): type is WatchFrame['type'] {
  return types.has(type);
}

function isFrame(value: unknown): value is { readonly type: WatchFrame['type']; readonly object: Frozen<unknown> } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    isEventType(value.type) &&
    'object' in value &&
    typeof value.object === 'object' &&
    value.object !== null
  );
}
