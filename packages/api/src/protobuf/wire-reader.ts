import { ProtobufError, wire } from './wire.ts';

/**
 * Every Buffer has them, in Bun and Deno too, though types do not say so; `toString` takes twice as long for short texts. Of UTF-8, invalid
 * sequences become U+FFFD, as when Go prints the string as JSON; a byte order mark is a character like any other.
 */
type Bytes = Buffer & { latin1Slice(start: number, end: number): string; utf8Slice(start: number, end: number): string };

const maxGroups = 100;
/** The last number that a field can have; no message of Kubernetes has it. */
const lastNumber = 2 ** 29 - 1;

/**
 * Texts that were read before, by a hash of some of their bytes: names, keys and words of an API come again and again, and one that is
 * found takes no room.
 */
const known: string[] = new Array<string>(4_096).fill('');
const longestKnown = 32;

/**
 * Reads the fields of a message from front to back: `tag`, then what its wire type says. Every method throws ProtobufError where the bytes,
 * or those of the message that was entered, end too soon.
 */
export class WireReader {
  #bytes: Bytes = Buffer.alloc(0) as Buffer as Bytes; // see there
  #at = 0;
  #end = 0;
  // The upper half of the varint that was read last.
  #high = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.reset(bytes, start, end);
  }

  /** Reads these from now on. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    // To ask what it is takes as long as to read a field, and most are read from what others were.
    if (bytes !== this.#bytes) {
      const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#bytes = buffer as Bytes; // see there
    }
    this.#at = start;
    this.#end = end;
  }

  /** What it reads from. */
  get source(): Buffer {
    return this.#bytes;
  }

  /** Where the next byte is. */
  get at(): number {
    return this.#at;
  }

  /** Goes back, or on, to `at` in the same message. */
  goTo(at: number): void {
    this.#at = at;
  }

  /** Where the message ends. */
  get end(): number {
    return this.#end;
  }

  get isDone(): boolean {
    return this.#at >= this.#end;
  }

  /** The number of the next field times eight, and its wire type. */
  tag(): number {
    const low = this.#varint();
    const high = this.#high;
    if (high === 0 && low > 7) return low;
    const number = (low >>> 3) | ((high & 7) << 29);
    if (high > 7 || number <= 0) throw new ProtobufError(`proto: illegal tag ${number} (wire type ${low & 7})`);
    return lastNumber * 8 + (low & 7); // as unknown as any
  }

  /** Passes the next tag if it is this one. */
  passes(tag: number): boolean {
    if (this.isDone) return false;
    const before = this.#at;
    if (this.tag() === tag) return true;
    this.#at = before;
    return false;
  }

  /** Begins the message that follows: all that is read until `leave`, which takes the answer, is of it. */
  enter(): number {
    const outer = this.#end;
    const length = this.#length();
    if (length > outer - this.#at) throw new ProtobufError('unexpected EOF');
    this.#end = this.#at + length;
    return outer;
  }

  /** Of a message that was read to its end. */
  leave(outer: number): void {
    this.#end = outer;
  }

  /** An int64: bigint only beyond ±(2^53−1). */
  int64(): number | bigint {
    const low = this.#varint();
    const high = this.#high;
    if (high === 0) return low;
    const value = (high | 0) * 2 ** 32 + low;
    return Number.isSafeInteger(value) ? value : BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  }

  int32(): number {
    return this.#varint() | 0;
  }

  bool(): boolean {
    return this.#varint() !== 0 || this.#high !== 0;
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#skip(8));
  }

  /** A view of the field's bytes, not a copy. */
  bytes(): Buffer {
    const start = this.#skip(this.#length());
    return this.#bytes.subarray(start, this.#at);
  }

  string(): string {
    const start = this.#skip(this.#length());
    const bytes = this.#bytes;
    const end = this.#at;
    const length = end - start;
    if (length > longestKnown) return bytes.utf8Slice(start, end);
    if (length === 0) return '';
    const first = bytes[start] ?? 0;
    const middle = bytes[start + (length >> 1)] ?? 0;
    const third = bytes[start + (length >> 2)] ?? 0;
    const last = bytes[end - 1] ?? 0;
    const beforeLast = bytes[end - 2] ?? 0; // or what stands in front of the text
    const hash = Math.imul((first << 24) ^ (third << 18) ^ (middle << 12) ^ (beforeLast << 6) ^ last ^ (length << 9), 0x9e3779b1);
    const place = hash >>> 20;
    const before = known[place] ?? '';
    if (before.length === length && isTextAt(before, bytes, start)) return before;
    const text = bytes.utf8Slice(start, end);
    // As many characters as bytes: all of them are ASCII.
    if (text.length === length) known[place] = text;
    return text;
  }

  /** The bytes from `start` to `end` as characters of Latin-1. */
  latin1(start: number, end: number): string {
    return this.#bytes.latin1Slice(start, end);
  }

  /** Passes over what follows `tag`. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
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
        for (let inner = this.tag(); (inner & 7) !== wire.endGroup; inner = this.tag()) this.skip(inner, depth + 1);
        return;
      default:
        throw new ProtobufError((tag & 7) === wire.endGroup ? 'proto: unexpected end of group' : `proto: illegal wireType ${tag & 7}`);
    }
  }

  #length(): number {
    const length = this.#varint();
    if (this.#high !== 0 || length > 0x7fff_ffff) throw new ProtobufError('proto: negative length found during unmarshaling');
    return length;
  }

  /** Returns where the passed bytes start. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new ProtobufError('unexpected EOF');
    this.#at = start + length;
    return start;
  }

  /** The lower half, unsigned; the upper one is in `#high`. */
  #varint(): number {
    if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
    const first = this.#bytes[this.#at] ?? 0;
    if (first > 0x7f) return this.#longVarint();
    this.#at++;
    this.#high = 0;
    return first;
  }

  #longVarint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
      const byte = this.#bytes[this.#at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      if (byte < 0x80) {
        this.#high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new ProtobufError('proto: integer overflow');
  }
}

function isTextAt(text: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
