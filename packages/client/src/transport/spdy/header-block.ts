/** Names and values of a stream, as it is opened. Names are in lower case. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** What came is no SPDY/3, or more than is read: the connection cannot go on. */
export class SpdyProtocolError extends Error {
  override readonly name = 'SpdyProtocolError';
}

/** Of one block, not compressed; those of Kubernetes have about a hundred. */
const mostHeaderBytes = 64 << 10;

/** How far back compressed bytes can point. */
const windowBytes = 32 << 10;

/** Deflate with the longest window, and a dictionary. */
const zlibHead = Buffer.from([0x78, 0xbb]);
const hasDictionary = 0x20;

const dictionary = spdyDictionary();
const dictionaryId = adler32(dictionary);

/**
 * Compresses header blocks, each over those before it (SPDY/3, name/value header block). A block is deflated by itself with the text
 * before it as its dictionary, and ends with an empty stored block, which is what one stream that is flushed after each block looks like;
 * so nothing here has to wait.
 */
export class HeaderCompressor {
  #before: Buffer = dictionary;
  #isFirst = true;

  compress(headers: SpdyHeaders): Uint8Array {
    const { constants, deflateRawSync } = globalThis.process.getBuiltinModule('node:zlib');
    const text = writtenBlock(headers);
    const deflated = deflateRawSync(text, { dictionary: this.#before, finishFlush: constants.Z_SYNC_FLUSH });
    this.#before = lastOf(this.#before, text);
    if (!this.#isFirst) return deflated;
    this.#isFirst = false;
    return Buffer.concat([zlibHead, bigEndian(dictionaryId), deflated]);
  }
}

/** The other way. What it read before is part of what it reads next, so one connection has one. */
export class HeaderDecompressor {
  #before: Buffer = dictionary;
  #isFirst = true;

  /** Throws SpdyProtocolError. */
  decompress(block: Uint8Array): SpdyHeaders {
    const { constants, inflateSync } = globalThis.process.getBuiltinModule('node:zlib');
    if (this.#isFirst) checkZlibHead(block);
    // With a head of its own, and not as raw bytes: for those Deno knows no dictionary.
    const deflated = this.#isFirst ? block : Buffer.concat([zlibHead, bigEndian(adler32(this.#before)), block]);
    this.#isFirst = false;
    let text: Buffer;
    try {
      const options = { dictionary: this.#before, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: mostHeaderBytes };
      text = inflateSync(deflated, options);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SpdyProtocolError(`a header block cannot be read: ${why}`, { cause: error });
    }
    this.#before = lastOf(this.#before, text);
    return readBlock(text);
  }
}

function checkZlibHead(block: Uint8Array): void {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (bytes.length < 6 || bytes.readUInt16BE(0) % 31 !== 0 || ((bytes[0] ?? 0) & 0x0f) !== 8)
    throw new SpdyProtocolError('a header block is not compressed by zlib');
  if (((bytes[1] ?? 0) & hasDictionary) === 0 || bytes.readUInt32BE(2) !== dictionaryId)
    throw new SpdyProtocolError("a header block is compressed with another dictionary than SPDY/3's");
}

function writtenBlock(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  const parts: Uint8Array[] = [bigEndian(entries.length)];
  for (const text of entries.flat()) {
    const bytes = Buffer.from(text);
    parts.push(bigEndian(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

function readBlock(text: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    if (at + 4 > text.length) throw new SpdyProtocolError('a header block ends too early');
    at += 4;
    return text.readUInt32BE(at - 4);
  };
  const string = (): string => {
    const length = number();
    if (at + length > text.length) throw new SpdyProtocolError('a header block ends too early');
    at += length;
    return text.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  const count = number(); // each takes eight bytes at least, so a wrong one ends soon
  for (let i = 0; i < count; i++) {
    const name = string();
    if (name === '' || name !== name.toLowerCase()) throw new SpdyProtocolError(`the header name "${name}" is empty or not in lower case`);
    if (headers.has(name)) throw new SpdyProtocolError(`the header "${name}" is there twice`);
    headers.set(name, string());
  }
  if (at !== text.length) throw new SpdyProtocolError(`${text.length - at} bytes follow the last header of a block`);
  return Object.fromEntries(headers); // own properties, whatever the names are
}

function lastOf(before: Buffer, text: Buffer): Buffer {
  const all = Buffer.concat([before, text]);
  return all.subarray(Math.max(0, all.length - windowBytes));
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return b * 65_536 + a;
}

/** What both ends know before the first block: words with their length before them, then text (SPDY/3, dictionary for compression). */
function spdyDictionary(): Buffer {
  const words =
    'options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authorization|' +
    'cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-md5|content-range|' +
    'content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|' +
    'location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|' +
    'upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin';
  const text =
    '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information' +
    '204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
    '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 ' +
    'Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,' +
    'text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';
  return Buffer.concat([...words.split('|').flatMap((word) => [bigEndian(word.length), Buffer.from(word)]), Buffer.from(text)]);
}
