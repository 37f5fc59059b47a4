/** The bytes are no protobuf message, or one beyond the limits. */
export class InvalidProtobuf extends Error {
  override readonly name = 'InvalidProtobuf';
}

export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Messages within messages; Go's decoder takes far more, but nobody means that. */
export const maxMessageDepth = 300;

const two32 = 0x1_0000_0000;
const largest = Number.MAX_SAFE_INTEGER;

/** Reads the wire format (protobuf.dev, "Encoding") and trusts nothing: every length is checked against what is there. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #at: number;
  #high = 0; // of the varint that was read last

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length, depth = 0) {
    if (depth > maxMessageDepth) throw new InvalidProtobuf('messages are nested too deeply');
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#end = end;
    this.#depth = depth;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The next field as `number * 8 + wire type`; 0 at the end. */
  tag(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.uint32();
    if (tag < 8) throw new InvalidProtobuf('field number 0');
    return tag;
  }

  bool(): boolean {
    return this.#low() !== 0 || this.#high !== 0;
  }

  /** The low 32 bits, unsigned: what a decoder makes of longer ones. */
  uint32(): number {
    return this.#low();
  }

  /** The low 32 bits, signed: enumerations. */
  int32(): number {
    return this.#low() | 0;
  }

  /** int64 that is a count or a revision: what is beyond ±(2^53 − 1) becomes that, which no revision ever reaches. */
  revision(): number {
    const low = this.#low();
    const signed = this.#high | 0;
    const value = signed * two32 + low;
    return Math.max(-largest, Math.min(largest, value));
  }

  int64(): bigint {
    const low = this.#low();
    if (this.#high === 0) return low === 0 ? 0n : BigInt(low);
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(low));
  }

  uint64(): bigint {
    const low = this.#low();
    return (BigInt(this.#high) << 32n) | BigInt(low);
  }

  /** Bytes as a binary string, one char per byte: keys. */
  key(): string {
    const from = this.#take();
    return this.#bytes.toString('latin1', from, this.#at);
  }

  string(): string {
    const from = this.#take();
    return this.#bytes.toString('utf8', from, this.#at);
  }

  /** A copy: what was received is part of a larger buffer, which a value in the store would keep alive. */
  bytes(): Uint8Array {
    const from = this.#take();
    const copy = Buffer.allocUnsafe(this.#at - from);
    this.#bytes.copy(copy, 0, from, this.#at);
    return copy;
  }

  message(): ProtobufReader {
    const from = this.#take();
    return new ProtobufReader(this.#bytes, from, this.#at, this.#depth + 1);
  }

  /** Passes over a field that is not known. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.#low();
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.bytes:
        this.#take();
        return;
      case wireType.fixed32:
        this.#advance(4);
        return;
      case wireType.startGroup:
        this.#skipGroup(tag);
        return;
      default:
        throw new InvalidProtobuf(`wire type ${tag & 7}`);
    }
  }

  #skipGroup(start: number): void {
    const open = [start];
    while (open.length > 0) {
      const tag = this.tag();
      if (tag === 0) throw new InvalidProtobuf('a group has no end');
      if ((tag & 7) === wireType.startGroup) open.push(tag);
      else if ((tag & 7) === wireType.endGroup) {
        const begun = open.pop();
        if (begun === undefined || begun >>> 3 !== tag >>> 3) throw new InvalidProtobuf('a group ends that was not begun');
      } else this.skip(tag);
      if (open.length > maxMessageDepth) throw new InvalidProtobuf('groups are nested too deeply');
    }
  }

  /** A varint: its low 32 bits, the others in `#high`. */
  #low(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    if (at < end) {
      const first = bytes[at] as number; // below the end
      if (first < 0x80) {
        this.#at = at + 1;
        this.#high = 0;
        return first;
      }
    }
    let low = 0;
    let upper = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at === end) throw new InvalidProtobuf('a number is cut short');
      const byte = bytes[at++] as number; // below the end
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        upper = bits >>> 4;
      } else if (shift < 63) upper |= bits << (shift - 32);
      else upper |= (bits & 1) << 31;
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) throw new InvalidProtobuf('a number beyond 64 bits');
        this.#at = at;
        this.#high = upper >>> 0;
        return low >>> 0;
      }
    }
    throw new InvalidProtobuf('a number beyond 64 bits');
  }

  /** Reads a length and passes over as many bytes; returns where they begin. */
  #take(): number {
    const length = this.#low();
    if (this.#high !== 0) throw new InvalidProtobuf('a length beyond the message');
    const from = this.#at;
    this.#advance(length);
    return from;
  }

  #advance(length: number): void {
    if (length > this.#end - this.#at) throw new InvalidProtobuf(`ends ${length - (this.#end - this.#at)} bytes early`);
    this.#at += length;
  }
}

/** Writes into one buffer that grows; `reserve` leaves room in front, for the frame around a message. */
export class ProtobufWriter {
  #bytes: Buffer;
  #length: number;

  /** `capacity`: the size when it is known, so that nothing is copied and nothing is wasted. `memory`: where to write as long as it fits. */
  constructor(capacity = 256, reserve = 0, memory: Buffer = Buffer.allocUnsafe(capacity + reserve)) {
    this.#bytes = memory;
    this.#length = reserve;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, reserve included. The writer is not used any more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** A safe integer; below zero as its 64 bits. */
  varint(value: number): void {
    if (value < 0) {
      this.varint64(BigInt(value));
      return;
    }
    this.#grow(10);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    while (rest >= two32 / 2) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    if (rest <= largest) {
      this.varint(Number(rest));
      return;
    }
    while (rest >= 0x80n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  /** The fields below are those of proto3: a value that is the default is not written. */
  numberField(tag: number, value: number): void {
    if (value === 0) return;
    this.varint(tag);
    this.varint(value);
  }

  int64Field(tag: number, value: bigint): void {
    if (value === 0n) return;
    this.varint(tag);
    this.varint64(value);
  }

  boolField(tag: number, value: boolean): void {
    if (!value) return;
    this.varint(tag);
    this.byte(1);
  }

  keyField(tag: number, key: string): void {
    if (key === '') return;
    this.varint(tag);
    this.varint(key.length);
    this.#grow(key.length);
    this.#bytes.write(key, this.#length, 'latin1');
    this.#length += key.length;
  }

  stringField(tag: number, text: string): void {
    if (text !== '') this.blockField(tag, Buffer.from(text));
  }

  bytesField(tag: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.blockField(tag, bytes);
  }

  /** Bytes or an encoded message, even when it is empty. */
  blockField(tag: number, bytes: Uint8Array): void {
    this.varint(tag);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #grow(more: number): void {
    const need = this.#length + more;
    if (need <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafe(Math.max(need, this.#bytes.length * 2));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}

/** Bytes of a safe integer as a varint; ten below zero. */
export function varintSize(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

export function varint64Size(value: bigint): number {
  const rest = BigInt.asUintN(64, value);
  if (rest <= largest) return varintSize(Number(rest));
  return rest < 1n << 56n ? 8 : rest < 1n << 63n ? 9 : 10;
}
