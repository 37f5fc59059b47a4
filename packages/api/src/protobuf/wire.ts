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

export interface Tag {
  readonly number: number;
  readonly wire: number;
}

// Invalid sequences become U+FFFD, as when Go prints the string as JSON; a byte order mark is a character like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const maxGroups = 100;
/** Up to this length a loop is faster than the encoder. */
const shortText = 64;

/** Reads one message's fields from front to back. Every method throws ProtobufError where the bytes end too soon. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isDone(): boolean {
    return this.#at >= this.#end;
  }

  tag(): Tag {
    const [low, high] = this.#varint();
    const number = (low >>> 3) | ((high & 7) << 29);
    if (high > 7 || number <= 0) throw new ProtobufError(`proto: illegal tag ${number} (wire type ${low & 7})`);
    return { number, wire: low & 7 };
  }

  /** An int64: bigint only beyond ±(2^53−1). */
  int64(): number | bigint {
    const [low, high] = this.#varint();
    const value = (high | 0) * 2 ** 32 + low;
    return Number.isSafeInteger(value) ? value : BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  }

  int32(): number {
    return this.#varint()[0] | 0;
  }

  bool(): boolean {
    const [low, high] = this.#varint();
    return low !== 0 || high !== 0;
  }

  float64(): number {
    const start = this.#skip(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  /** A view of the field's bytes, not a copy. */
  bytes(): Uint8Array {
    const start = this.#skip(this.#length());
    return this.#bytes.subarray(start, this.#at);
  }

  string(): string {
    return utf8.decode(this.bytes());
  }

  /** A reader of the message that follows. */
  message(): WireReader {
    const start = this.#skip(this.#length());
    return new WireReader(this.#bytes, start, this.#at);
  }

  /** Passes over a field that nobody knows. */
  skip(tag: Tag, depth = 0): void {
    switch (tag.wire) {
      case wire.varint:
        this.#varint();
        return;
      case wire.fixed64:
        this.#skip(8);
        return;
      case wire.bytes:
        this.#skip(this.#length());
        return;
      case wire.fixed32:
        this.#skip(4);
        return;
      case wire.startGroup:
        if (depth === maxGroups) throw new ProtobufError('proto: exceeded max depth');
        for (let inner = this.tag(); inner.wire !== wire.endGroup; inner = this.tag()) this.skip(inner, depth + 1);
        return;
      default:
        throw new ProtobufError(tag.wire === wire.endGroup ? 'proto: unexpected end of group' : `proto: illegal wireType ${tag.wire}`);
    }
  }

  #length(): number {
    const [low, high] = this.#varint();
    if (high !== 0 || low > 0x7fff_ffff) throw new ProtobufError('proto: negative length found during unmarshaling');
    return low;
  }

  /** Returns where the passed bytes start. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new ProtobufError('unexpected EOF');
    this.#at = start + length;
    return start;
  }

  /** Both halves of 64 bits, unsigned. */
  #varint(): readonly [low: number, high: number] {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
      const byte = this.#bytes[this.#at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      if (byte < 0x80) return [low >>> 0, high >>> 0];
    }
    throw new ProtobufError('proto: integer overflow');
  }
}

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
