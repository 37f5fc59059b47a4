import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32, inflateRawSync } from 'node:zlib';

/**
 * The bytes of one file in a zip archive (APPNOTE 6.3: stored or deflated, not encrypted, below 4 GiB). Only what is asked for
 * is read. Throws a plain Error when the archive is damaged or has no such file.
 */
export function readZipEntry(archive: string, name: string): Buffer {
  const file = openSync(archive, 'r');
  try {
    const read = (offset: number, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      if (offset < 0 || readSync(file, bytes, 0, length, offset) !== length) throw new Error(`"${archive}" is cut off`);
      return bytes;
    };
    const entry = findEntry(centralDirectory(read, fstatSync(file).size, archive), name);
    if (entry === undefined) throw new Error(`"${archive}" has no file "${name}"`);
    const bytes = inflate(read(dataOffset(read, entry.headerOffset, archive), entry.compressedSize), entry);
    if (bytes.length !== entry.size || crc32(bytes) !== entry.crc) throw new Error(`"${name}" in "${archive}" is damaged`);
    return bytes;
  } finally {
    closeSync(file);
  }
}

type Read = (offset: number, length: number) => Buffer;

interface Entry {
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const headerSignature = 0x04034b50;
const endLength = 22;
const longestComment = 0xffff;
const stored = 0;
const deflated = 8;

/** The end record is the last thing in the file but for a comment. */
function centralDirectory(read: Read, size: number, archive: string): Buffer {
  const tail = read(Math.max(0, size - endLength - longestComment), Math.min(size, endLength + longestComment));
  for (let at = tail.length - endLength; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) === endSignature) return read(tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 12));
  }
  throw new Error(`"${archive}" is not a zip archive`);
}

function findEntry(directory: Buffer, name: string): Entry | undefined {
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === entrySignature; ) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    if (directory.toString('utf8', at + 46, nameEnd) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        crc: directory.readUInt32LE(at + 16),
        compressedSize: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        headerOffset: directory.readUInt32LE(at + 42),
      };
    }
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

/** The local header repeats the name and has extra fields of its own, so the place of the data is known only from it. */
function dataOffset(read: Read, headerOffset: number, archive: string): number {
  const header = read(headerOffset, 30);
  if (header.readUInt32LE(0) !== headerSignature) throw new Error(`"${archive}" has no file at ${headerOffset}`);
  return headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

function inflate(bytes: Buffer, { method, size }: Entry): Buffer {
  if (method === stored) return bytes;
  if (method === deflated) return inflateRawSync(bytes, { maxOutputLength: size });
  throw new Error(`Compression method ${method} is not known`);
}
