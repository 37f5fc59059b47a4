import { type HeaderField, huffmanByte, huffmanCode, staticTable } from './hpack-tables.ts';

/** The block cannot be decoded; neither can any later one of the connection. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}

/** Size that the peer's encoder may give the table: the default of the protocol, which we announce no other of. */
const maxTableBytes = 4_096;
/** Bits of the shortest Huffman code. */
const shortestCode = 5;
/** What each entry counts beyond its text. */
const entryOverhead = 32;

/** Reads the header blocks of one connection (RFC 7541). Blocks depend on each other and must come in order. */
export class HpackDecoder {
  /** The newest last. */
  #table: HeaderField[] = [];
  #tableBytes = 0;
  #limit = maxTableBytes;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /**
   * The fields of a block, in order, as far as they have `maxBytes` together, counted as for the table. The rest is read, for
   * the sake of later blocks, but not kept. Throws HpackError.
   */
  decode(block: Buffer, maxBytes: number): { readonly fields: readonly HeaderField[]; readonly isTooLarge: boolean } {
    this.#block = block;
    this.#at = 0;
    const fields: HeaderField[] = [];
    let left = maxBytes;
    let mayResize = true;
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw new HpackError('a table is resized behind a field');
        this.#resize(this.#integer(5));
        continue;
      }
      mayResize = false;
      const field = this.#field(first);
      left -= sizeOf(field);
      if (left >= 0) fields.push(field);
    }
    return { fields, isTooLarge: left < 0 };
  }

  #field(first: number): HeaderField {
    if (first >= 0x80) return this.#entry(this.#integer(7));
    if (first < 0x40) return this.#literal(4); // not to be kept, whether or not anybody on the way may
    const field = this.#literal(6);
    this.#tableBytes += sizeOf(field);
    this.#table.push(field);
    this.#evict();
    return field;
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const named = index === 0 ? undefined : this.#entry(index);
    const name = named === undefined ? this.#string() : named.name;
    const value = this.#string();
    return { name, value, isValid: (named?.isValid === true || isFieldName(name)) && isFieldValue(value) };
  }

  #entry(index: number): HeaderField {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.#table[this.#table.length - (index - staticTable.length)];
    if (entry === undefined) throw new HpackError(`there is no entry ${index}`);
    return entry;
  }

  #resize(limit: number): void {
    if (limit > maxTableBytes) throw new HpackError(`a table of ${limit} bytes is too large`);
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    let gone = 0;
    for (; this.#tableBytes > this.#limit; gone++) {
      const entry = this.#table[gone];
      if (entry === undefined) break;
      this.#tableBytes -= sizeOf(entry);
    }
    if (gone > 0) this.#table.splice(0, gone);
  }

  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new HpackError('an integer is too large');
  }

  #string(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) throw new HpackError('a string is cut off');
    this.#at = end;
    return isHuffman ? huffmanText(this.#block, start, end) : this.#block.toString('latin1', start, end);
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new HpackError('the block is cut off');
    return byte;
  }
}

function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + entryOverhead;
}

function huffmanText(bytes: Uint8Array, start: number, end: number): string {
  const { steps, isEnd } = huffmanCode();
  const text = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / shortestCode));
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = steps[16 * node + ((byte >>> shift) & 0xf)] ?? -1;
      if (step < 0) throw new HpackError('a string holds the code of its end');
      node = step & ((1 << huffmanByte) - 1);
      if (step !== node) text[length++] = (step >>> huffmanByte) - 1;
    }
  }
  if (isEnd[node] !== true) throw new HpackError('a string is padded wrongly');
  return text.toString('latin1', 0, length);
}

/** A token of lower-case letters; pseudo fields start with a colon. */
function isFieldName(name: string): boolean {
  return /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
}

function isFieldValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}
