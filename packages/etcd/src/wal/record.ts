import { crc32 } from 'node:zlib';
import { assert } from '@coracle/kernel';
import type { ByteWriter } from './binary.ts';

/**
 * One record of the log: a header of 24 bytes (length and checksum of what follows, index, term, type, flags, batch), the payload,
 * and zeros up to a multiple of 8. The checksum starts from the segment's nonce and the place, so that a record
 * is valid only where it was written.
 */
export interface LogRecord {
  readonly index: number;
  readonly term: number;
  readonly type: RecordType;
  readonly payload: Uint8Array;
}

/**
 * `entry` and `confChange` are entries of the Raft log. `hardState`: term and vote (payload), and up to `index` it is
 * committed. `commit`: so far it is committed. `truncate`: entries above `index` have given way. `snapshot`: the log goes on
 * after entry `index`, since a snapshot of the leader holds all before.
 */
export type RecordType = 'entry' | 'confChange' | 'hardState' | 'commit' | 'snapshot' | 'truncate';

export interface PlacedRecord extends LogRecord {
  readonly offset: number;
  /** Offset of the next one. */
  readonly end: number;
  readonly checksum: number;
  /** Number of its batch, which was made durable as one, modulo 2^16. In format 1: its place within the batch. */
  readonly batch: number;
  /** Whether its batch ends with it. Not known in format 1. */
  readonly isLastOfBatch: boolean;
}

export const recordHeaderBytes = 24;
export const maxPayloadBytes: number = 16 * 1024 * 1024;

// On disk.
const typeNumbers = { entry: 1, confChange: 2, hardState: 3, commit: 4, snapshot: 5, truncate: 6 } as const satisfies Record<
  RecordType,
  number
>;
const types = new Map<number | undefined, RecordType>(Object.entries(typeNumbers).map(([type, number]) => [number, type as RecordType])); // its own keys
const lastOfBatch = 1;

/** Bytes that a record with this payload takes. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + ((payloadBytes + 7) & ~7);
}

/** Where a record will lie, and in which batch. */
export interface RecordPlace {
  readonly nonce: number;
  readonly offset: number;
  readonly batch: number;
  readonly isLastOfBatch: boolean;
}

/** Appends a record. Returns its checksum. */
export function writeRecord(to: ByteWriter, at: RecordPlace, record: LogRecord): number {
  const start = to.length;
  const { length } = record.payload;
  assert(length <= maxPayloadBytes, `record of ${length} bytes was not refused`);
  to.u32(length);
  to.u32(0);
  to.u64(record.index);
  to.u32(record.term);
  to.u8(typeNumbers[record.type]);
  to.u8(at.isLastOfBatch ? lastOfBatch : 0);
  to.u16(at.batch);
  to.raw(record.payload);
  const checksum = crc32(to.view(start + 8), seed(at.nonce, at.offset));
  to.zeros(-length & 7);
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
  const type = types.get(bytes[offset + 20]);
  const flags = bytes[offset + 21] ?? 0;
  if (type === undefined || flags > lastOfBatch) return 'a record has an unknown type';
  return {
    index: indexAt(bytes, offset),
    term: bytes.readUInt32LE(offset + 16),
    type,
    payload: bytes.subarray(body, body + length),
    offset,
    end,
    checksum,
    batch: bytes.readUInt16LE(offset + 22),
    isLastOfBatch: flags === lastOfBatch,
  };
}

/** What the header at `offset` claims to be the index. */
export function indexAt(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 8) + bytes.readUInt32LE(offset + 12) * 0x1_0000_0000;
}

/** Whether the header at `offset` could be one of ours: cheaper than its checksum. */
export function looksLikeRecord(bytes: Buffer, offset: number): boolean {
  return types.has(bytes[offset + 20]) && (bytes[offset + 21] ?? 0) <= lastOfBatch && bytes.readUInt32LE(offset) <= maxPayloadBytes;
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
