/** What an archive holds under one name. */
export interface TarEntry {
  /** As it stands in the archive, `/` between parts; a folder's ends with one in some archives. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  /** Where a symlink points. */
  readonly target: string;
}

/** An archive that ends too soon, or is none, or holds more than is read. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

const blockBytes = 512;
/** A name, or what extends a header: nobody has longer ones, and they are held in memory. */
const mostExtendedBytes = 64 << 10;
const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Reads an archive (ustar, with the longer names and sizes of pax and GNU tar) as it comes. `onEntry` is called for each entry in order, and
 * is given its bytes; what it does not read is skipped. Throws TarError.
 */
export async function readTar(
  chunks: AsyncIterable<Uint8Array>,
  onEntry: (entry: TarEntry, content: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const reader = new BlockReader(chunks);
  let extended: Partial<Record<'path' | 'linkpath' | 'size', string>> = {};
  for (let header = await reader.exactly(blockBytes); header !== undefined; header = await reader.exactly(blockBytes)) {
    if (header.every((byte) => byte === 0)) {
      await reader.drain(); // the end mark; what follows fills a record
      return;
    }
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = extended.size === undefined ? numberAt(header, 124, 12) : Number(extended.size);
    if (!Number.isSafeInteger(size) || size < 0) throw new TarError(`Cannot read the archive: an entry of ${size} bytes`);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (size > mostExtendedBytes)
        throw new TarError(`Cannot read the archive: a header of ${size} bytes, more than ${mostExtendedBytes}`);
      const bytes = await reader.exactly(padded(size));
      if (bytes === undefined) throw new TarError('Cannot read the archive: it ends within a header');
      const text = bytes.subarray(0, size);
      if (type === 'x') extended = { ...extended, ...paxRecords(text) };
      else if (type !== 'g') extended = { ...extended, [type === 'L' ? 'path' : 'linkpath']: textAt(text, 0, text.length) };
      continue;
    }
    const prefix = textAt(header, 257, 5) === 'ustar' && header[262] === 0 ? textAt(header, 345, 155) : '';
    const short = textAt(header, 0, 100);
    const entry: TarEntry = {
      name: extended.path ?? (prefix === '' ? short : `${prefix}/${short}`),
      type: type === '0' || type === '\0' || type === '7' ? 'file' : type === '5' ? 'directory' : type === '2' ? 'symlink' : 'other',
      mode: numberAt(header, 100, 8) & 0o7777,
      size,
      target: extended.linkpath ?? textAt(header, 157, 100),
    };
    extended = {};
    await onEntry(entry, reader.content(size));
    await reader.skipEntry();
  }
  throw new TarError('Cannot read the archive: it has no end');
}

/** The header of an entry, with a pax header before it where its name or size needs one. Throws TarError for a name that no archive has. */
export function tarHeader({ name, type, mode, size }: Pick<TarEntry, 'name' | 'type' | 'mode' | 'size'>): Uint8Array {
  if (name === '' || name.includes('\0')) throw new TarError(`Cannot write an entry named ${JSON.stringify(name)}`);
  const flag = type === 'directory' ? '5' : '0';
  const bytes = encoder.encode(name);
  if (bytes.length <= 100 && size < 8 ** 11) return header({ name: bytes, mode, size, flag });
  const records = encoder.encode(`${paxRecord('path', name)}${paxRecord('size', String(size))}`);
  const parts = [header({ name: encoder.encode('pax'), mode: 0o644, size: records.length, flag: 'x' }), filled(records)];
  return Buffer.concat([...parts, header({ name: bytes.subarray(0, 100), mode, size: size < 8 ** 11 ? size : 0, flag })]);
}

/** What fills the last block of `size` bytes. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(padded(size) - size);
}

/** Ends an archive. */
export const tarEnd: Uint8Array = new Uint8Array(2 * blockBytes);

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}

function filled(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, tarPadding(bytes.length)]);
}

function header(of: { readonly name: Uint8Array; readonly mode: number; readonly size: number; readonly flag: string }): Uint8Array {
  const block = new Uint8Array(blockBytes);
  const octal = (at: number, length: number, value: number): void =>
    block.set(encoder.encode(`${value.toString(8).padStart(length - 1, '0')}\0`), at);
  block.set(of.name, 0);
  octal(100, 8, of.mode & 0o7777);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, of.size);
  octal(136, 12, 0);
  block.fill(0x20, 148, 156);
  block.set(encoder.encode(of.flag), 156);
  block.set(encoder.encode('ustar\0' + '00'), 257);
  block.set(encoder.encode(`${sumOf(block).toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

/** `LENGTH KEY=VALUE`, whose length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function paxRecords(bytes: Uint8Array): Partial<Record<'path' | 'linkpath' | 'size', string>> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(utf8.decode(bytes.subarray(at, Math.max(blank, at))));
    if (!Number.isInteger(length) || length <= blank - at || at + length > bytes.length)
      throw new TarError('Cannot read the archive: a pax header of another form');
    const record = utf8.decode(bytes.subarray(blank + 1, at + length - 1));
    const equals = record.indexOf('=');
    const key = record.slice(0, equals);
    if (key === 'path' || key === 'linkpath' || key === 'size') records[key] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  const end = bytes.subarray(at, at + length).indexOf(0);
  return utf8.decode(bytes.subarray(at, at + (end < 0 ? length : end)));
}

/** Octal digits, or base 256 where the first bit is set, as GNU tar writes what has no room otherwise. */
function numberAt(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) !== 0) return bytes.subarray(at + 1, at + length).reduce((value, byte) => value * 256 + byte, first & 0x7f);
  const text = textAt(bytes, at, length).trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError(`Cannot read the archive: ${JSON.stringify(text)} is no number`);
  return text === '' ? 0 : Number.parseInt(text, 8);
}

function sumOf(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

function checkSum(block: Uint8Array): void {
  if (numberAt(block, 148, 8) !== sumOf(block)) throw new TarError('Cannot read the archive: the sum of a header is wrong');
}

/** Bytes of a stream by counts. */
class BlockReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  /** Bytes of the present entry that are not read yet. */
  #left = 0;
  #filling = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly so many; undefined at the end of the stream. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const part = await this.#upTo(missing);
      if (part === undefined) {
        if (parts.length > 0) throw new TarError('Cannot read the archive: it breaks off');
        return undefined;
      }
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Of an entry of `size` bytes, which may be left before their end. */
  content(size: number): AsyncIterable<Uint8Array> {
    this.#left = size;
    this.#filling = padded(size) - size;
    return this.#content();
  }

  async *#content(): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#left > 0) {
      const part = await this.#part(this.#left);
      this.#left -= part.length;
      yield part;
    }
  }

  /** Past what is left of the entry, and past what fills its last block. */
  async skipEntry(): Promise<void> {
    for (this.#left += this.#filling; this.#left > 0; ) this.#left -= (await this.#part(this.#left)).length;
  }

  async #part(most: number): Promise<Uint8Array> {
    const part = await this.#upTo(most);
    if (part === undefined) throw new TarError('Cannot read the archive: it breaks off within a file');
    return part;
  }

  async drain(): Promise<void> {
    while ((await this.#upTo(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  async #upTo(count: number): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
      if (this.#rest.length === 0) return this.#upTo(count);
    }
    const part = this.#rest.subarray(0, count);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }
}
