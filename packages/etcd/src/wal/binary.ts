/**
 * Numbers, keys and bytes in the form of the log and of snapshots: little-endian words, LEB128 for counts and revisions,
 * one byte per char of a key. The writer grows; the reader trusts nothing.
 */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** A view of what was written; valid until the next write or `clear`. */
  view(from = 0): Buffer {
    return this.#bytes.subarray(from, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  u8(value: number): void {
    this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.#grow(2);
    this.#length = this.#bytes.writeUInt16LE(value, this.#length);
  }

  u32(value: number): void {
    this.#grow(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  /** A safe integer ≥ 0 in eight bytes. */
  u64(value: number): void {
    this.u32(value % 0x1_0000_0000);
    this.u32(Math.floor(value / 0x1_0000_0000));
  }

  /** A safe integer ≥ 0 in one to eight bytes. */
  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  key(key: string): void {
    this.varint(key.length);
    this.#grow(key.length);
    this.#bytes.write(key, this.#length, 'latin1');
    this.#length += key.length;
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** As they are, with no length before them. */
  raw(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  zeros(count: number): void {
    this.#grow(count);
    this.#bytes.fill(0, this.#length, this.#length + count);
    this.#length += count;
  }

  /** Overwrites a word that was written before. */
  setU32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  #grow(more: number): void {
    const need = this.#length + more;
    if (need <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(need, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}

/** The bytes are not what a ByteWriter wrote. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number; // taken, hence there
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Bytes that were read. */
  get at(): number {
    return this.#at;
  }

  /** Reads `count` bytes and looks at none. */
  pass(count: number): void {
    this.#take(count);
  }

  varint(): number {
    const only = this.#bytes[this.#at];
    if (only !== undefined && only < 0x80) {
      this.#at++;
      return only;
    }
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new Malformed('number beyond 2^53');
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  key(): string {
    const length = this.varint();
    const at = this.#take(length);
    return this.#bytes.toString('latin1', at, at + length);
  }

  /** A copy: the bytes read from are part of something larger, which it would keep alive. */
  bytes(): Uint8Array {
    return new Uint8Array(this.view());
  }

  /** What `bytes` wrote, as a view of what is read: whoever keeps it keeps all of that. */
  view(): Uint8Array {
    const length = this.varint();
    const at = this.#take(length);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }

  /** The next `length` bytes, as a view. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** What is left, as a view. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  /** Throws unless everything was read. */
  end(): void {
    if (!this.isAtEnd) throw new Malformed(`${this.#bytes.length - this.#at} bytes too many`);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw new Malformed(`ends ${length - (this.#bytes.length - at)} bytes early`);
    this.#at = at + length;
    return at;
  }
}
