/** The bytes are no protobuf message of the wanted kind, or the object cannot be one. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** The wire types that Kubernetes uses, and the two that it skips. */
export const wire: {
  readonly varint: 0;
  readonly fixed64: 1;
  readonly bytes: 2;
  readonly startGroup: 3;
  readonly endGroup: 4;
  readonly fixed32: 5;
} = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 };

const encoder = new TextEncoder();
/** Up to this length a loop is faster than the encoder. */
const shortText = 64;

/**
 * Writes messages from back to front, so that the length of a nested message is known when its prefix is due (as gogo's
 * generated code does): put the last field first, and the content of a field before its tag.
 */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #start: number;

  /** `room`: bytes that are probably enough. */
  constructor(room: number = 2_048) {
    this.#bytes = new Uint8Array(room);
    this.#start = room;
  }

  /** What has been written since; the position to give to `prefix`. */
  get size(): number {
    return this.#bytes.length - this.#start;
  }

  /** A copy of all that has been written. */
  finish(): Uint8Array {
    return this.#bytes.slice(this.#start);
  }

  tag(number: number, type: number): void {
    this.#uint32(((number << 3) | type) >>> 0);
  }

  /** The length of what has been written since `size` was `before`. */
  prefix(before: number): void {
    this.#uint32(this.size - before);
  }

  /** The length of what others put behind it. */
  length(bytes: number): void {
    this.#uint32(bytes);
  }

  bool(value: boolean): void {
    this.#uint32(value ? 1 : 0);
  }

  /** Negative numbers take ten bytes, as in every proto2 int32 and int64. */
  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= 0x7fff_ffff) this.#uint32(value);
    else this.#uint64(BigInt.asUintN(64, BigInt(value)));
  }

  float64(value: number): void {
    const start = this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(start, value, true);
  }

  raw(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length); // may replace the buffer
    this.#bytes.set(bytes, start);
  }

  /** Text or bytes with their length. */
  bytes(value: string | Uint8Array): void {
    const before = this.size;
    if (typeof value !== 'string') this.raw(value);
    else if (value.length > shortText || !this.#ascii(value)) this.raw(encoder.encode(value));
    this.prefix(before);
  }

  /** Whether all of `value` was ASCII; else nothing has been written. */
  #ascii(value: string): boolean {
    const start = this.#reserve(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#start += value.length;
        return false;
      }
      this.#bytes[start + i] = code;
    }
    return true;
  }

  #uint32(value: number): void {
    let size = 1;
    for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++;
    let at = this.#reserve(size);
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80;
    this.#bytes[at] = rest;
  }

  #uint64(value: bigint): void {
    const septets: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) septets.push(Number(rest & 0x7fn) | 0x80);
    septets.push(Number(rest));
    this.raw(Uint8Array.from(septets));
  }

  #reserve(length: number): number {
    if (length > this.#start) {
      const used = this.size;
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, used + length));
      grown.set(this.#bytes.subarray(this.#start), grown.length - used);
      this.#bytes = grown;
      this.#start = grown.length - used;
    }
    this.#start -= length;
    return this.#start;
  }
}
