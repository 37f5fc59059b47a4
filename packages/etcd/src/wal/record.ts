import { crc32 } from 'node:zlib';
import { assert } from '@coracle/kernel';
import type { ByteWriter } from './binary.ts';

/**
 * One record of the log: a header of 24 bytes (length and checksum of what follows, index, term, type, flags, ordinal), the payload,
 * and zeros up to a multiple of 8. The checksum starts from the segment's nonce and the place, so that a record
 * is valid only where it was written.
 */
export interface LogRecord {
  readonly index: number;
  readonly term: number;
  readonly type: RecordType;
  /** Position within its batch, which was made durable as one. */
  readonly ordinal: number;
  readonly payload: Uint8Array;
}

/** `commit` says that everything up to its index, that of the entry before it, is durable. */
export type RecordType = 'entry' | 'commit';

export interface PlacedRecord extends LogRecord {
  readonly offset: number;
  /** Offset of the next one. */
  readonly end: number;
  readonly checksum: number;
}

export const recordHeaderBytes = 24;
export const maxPayloadBytes: number = 16 * 1024 * 1024;

// On disk; the numbers between them are for replicated logs.
const typeNumbers = { entry: 1, commit: 4 } as const satisfies Record<RecordType, number>;

/** Bytes that a record with this payload takes. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + ((payloadBytes + 7) & ~7);
}

/** Appends a record that will lie at `offset` of the segment; `write` appends the payload. Returns its checksum. */
export function writeRecord(
  to: ByteWriter,
  at: { readonly nonce: number; readonly offset: number },
  record: Omit<LogRecord, 'payload'>,
  write: (to: ByteWriter) => void,
): number {
  const start = to.length;
  to.u32(0);
  to.u32(0);
  to.u64(record.index);
  to.u32(record.term);
  to.u8(typeNumbers[record.type]);
  to.u8(0);
  to.u16(record.ordinal);
  write(to);
  const length = to.length - start - recordHeaderBytes;
  assert(length <= maxPayloadBytes, `record of ${length} bytes was not refused`);
  const checksum = crc32(to.view(start + 8), seed(at.nonce, at.offset));
  to.zeros(-length & 7);
  to.setU32(start, length);
  to.setU32(start + 4, checksum);
  return checksum;
}

/** The record at `offset`, or why there is none. Never looks at or allocates more than the bytes given. */
export function readRecord(bytes: Buffer, at: { readonly nonce: number; readonly offset: number }): PlacedRecord | string {
  const { offset } = at;
  if (offset + recordHeaderBytes > bytes.length) return isZero(bytes, offset) ? 'zeros' : 'the file ends within a record';
  const length = bytes.readUInt32LE(offset);
  const checksum = bytes.readUInt32LE(offset + 4);
  const body = offset + recordHeaderBytes;
  if (length === 0 && checksum === 0 && isZero(bytes.subarray(0, body), offset)) return 'zeros';
  if (length > maxPayloadBytes) return `a record claims ${length} bytes`;
  const end = offset + recordBytes(length);
  if (end > bytes.length) return 'the file ends within a record';
  const actual = crc32(bytes.subarray(offset + 8, body + length), seed(at.nonce, offset));
  if (actual !== checksum) return 'a record does not match its checksum';
  if (!isZero(bytes.subarray(0, end), body + length)) return 'a record is not followed by zeros';
  const type = typeOf(bytes[offset + 20]);
  if (type === undefined || bytes[offset + 21] !== 0) return 'a record has an unknown type';
  const index = bytes.readUInt32LE(offset + 8) + bytes.readUInt32LE(offset + 12) * 0x1_0000_0000;
  return {
    index,
    term: bytes.readUInt32LE(offset + 16),
    type,
    ordinal: bytes.readUInt16LE(offset + 22),
    payload: bytes.subarray(body, body + length),
    offset,
    end,
    checksum,
  };
}

/** Whether everything from `offset` on is zero. */
export function isZero(bytes: Buffer, offset: number): boolean {
  for (let at = offset; at < bytes.length; at += zeroPage.length) {
    const page = bytes.subarray(at, at + zeroPage.length);
    if (page.compare(zeroPage, 0, page.length) !== 0) return false;
  }
  return true;
}

const zeroPage: Buffer = Buffer.alloc(64 * 1024);

function seed(nonce: number, offset: number): number {
  return (nonce + offset) >>> 0;
}

function typeOf(number: number | undefined): RecordType | undefined {
  if (number === typeNumbers.entry) return 'entry';
  return number === typeNumbers.commit ? 'commit' : undefined;
}
