import type { WireReader } from '@coracle/api/protobuf';
import { TransportError, type WatchFrame } from '@coracle/apimachinery';
import type { ProtobufCodec, ProtobufObjects } from './protobuf-objects.ts';
import { type FrameDecoder, isEventType, maxFrameBytes } from './watch-decoder.ts';

/** In front of each event: its length, the highest byte first. */
const prefixBytes = 4;
/** Of an event: its type, and what holds the envelope of its object, in a field of its own. */
const typeTag = 0x0a;
const objectTag = 0x12;
const rawTag = 0x0a;

/**
 * Events of a watch from protobuf (upstream: runtime/serializer/protobuf LengthDelimitedFramer, and meta/v1 WatchEvent). Throws TransportError
 * as WatchDecoder does; its cause is an UnknownFieldError where an object has a field of which this version knows nothing.
 */
export class ProtobufWatchDecoder implements FrameDecoder {
  readonly #path: string;
  readonly #objects: ProtobufObjects;
  readonly #reader: WireReader;
  // Parts of an event whose end has not come, and how long they have to be to go on.
  #torn: Uint8Array[] = [];
  #tornLength = 0;
  #wanted = 0;

  /** `path`: of the request, for errors. */
  constructor(path: string, codec: ProtobufCodec, objects: ProtobufObjects) {
    this.#path = path;
    this.#objects = objects;
    this.#reader = new codec.WireReader(new Uint8Array());
  }

  push(chunk: Uint8Array): WatchFrame[] {
    const frames: WatchFrame[] = [];
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (this.#tornLength > 0) {
      const part = bytes.subarray(at, at + this.#wanted - this.#tornLength);
      this.#torn.push(part);
      this.#tornLength += part.length;
      at += part.length;
      if (this.#tornLength < this.#wanted) return frames;
      const event = Buffer.concat(this.#torn);
      const wanted = this.#lengthAt(event, 0);
      if (event.length < wanted) {
        this.#keep([event], wanted);
        continue;
      }
      this.#keep([], prefixBytes);
      frames.push(this.#frame(event, prefixBytes, wanted));
    }
    for (;;) {
      const left = bytes.length - at;
      const wanted = left < prefixBytes ? prefixBytes : this.#lengthAt(bytes, at);
      if (left < wanted) {
        this.#keep(left === 0 ? [] : [bytes.subarray(at)], wanted);
        return frames;
      }
      frames.push(this.#frame(bytes, at + prefixBytes, at + wanted));
      at += wanted;
    }
  }

  #keep(torn: Uint8Array[], wanted: number): void {
    this.#torn = torn;
    this.#tornLength = torn[0]?.length ?? 0; // there is one, or none
    this.#wanted = wanted;
  }

  /** Of the event at `at`, with its prefix. */
  #lengthAt(bytes: Buffer, at: number): number {
    const length = prefixBytes + bytes.readUInt32BE(at);
    if (length > maxFrameBytes) throw this.#fault(`an event is larger than ${maxFrameBytes} bytes`);
    return length;
  }

  #frame(bytes: Buffer, start: number, end: number): WatchFrame {
    const reader = this.#reader;
    let type = '';
    let rawStart = -1;
    let rawEnd = -1;
    try {
      reader.reset(bytes, start, end);
      while (!reader.isDone) {
        const tag = reader.tag();
        if (tag === typeTag) type = reader.string();
        else if (tag === objectTag) {
          const outer = reader.enter();
          while (!reader.isDone) {
            const inner = reader.tag();
            if (inner === rawTag) {
              const around = reader.enter();
              rawStart = reader.at;
              rawEnd = reader.end;
              reader.goTo(rawEnd);
              reader.leave(around);
            } else reader.skip(inner);
          }
          reader.leave(outer);
        } else reader.skip(tag);
      }
      if (isEventType(type) && rawStart >= 0) return { type, object: this.#objects.read(bytes, rawStart, rawEnd) };
    } catch (cause) {
      throw this.#fault('an event cannot be read', cause);
    }
    throw this.#fault('what came is no event');
  }

  #fault(what: string, cause?: unknown): TransportError {
    return new TransportError(`Cannot watch "${this.#path}": ${what}`, { executed: 'unknown', cause });
  }
}
