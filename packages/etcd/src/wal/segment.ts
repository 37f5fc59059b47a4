import { crc32 } from 'node:zlib';
import { formatVersion, type Identity } from '../directory/identity.ts';
import { ByteWriter } from './binary.ts';
import { indexAt, isZero, looksLikeRecord, type PlacedRecord, readRecord, recordHeaderBytes } from './record.ts';

/** The first 64 bytes of a segment. */
export interface SegmentHeader {
  readonly identity: Identity;
  readonly sequence: number;
  /** Index of its first entry. */
  readonly firstIndex: number;
  /** What the checksums of its records start from. */
  readonly nonce: number;
  /** Checksum of the last record of the segment before; 0 for the first segment. */
  readonly previousChecksum: number;
  /** The format that its records have. */
  readonly version: number;
  /** It was another segment before: after its records come those of old, not zeros. */
  readonly isRecycled: boolean;
}

export const segmentHeaderBytes = 64;

const magic = Buffer.from('CORAWAL1', 'latin1');
const crc32Ieee = 1;
const checksumAt = 60;
const recycled = 1;

/** `sequence` and `firstIndex` in the name order the files of a listing, and say where one is missing. */
export function segmentName({ sequence, firstIndex }: Pick<SegmentHeader, 'sequence' | 'firstIndex'>): string {
  return `${hex(sequence)}-${hex(firstIndex)}.wal`;
}

export function parseSegmentName(name: string): Pick<SegmentHeader, 'sequence' | 'firstIndex'> | undefined {
  const match = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/.exec(name);
  if (match === null) return undefined;
  const place = { sequence: Number.parseInt(match[1] ?? '', 16), firstIndex: Number.parseInt(match[2] ?? '', 16) };
  return Number.isSafeInteger(place.sequence) && Number.isSafeInteger(place.firstIndex) ? place : undefined;
}

function hex(n: number): string {
  return n.toString(16).padStart(16, '0');
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const to = new ByteWriter(segmentHeaderBytes);
  for (const byte of magic) to.u8(byte);
  to.u32(header.version);
  to.u32(crc32Ieee);
  for (const byte of Buffer.from(header.identity.clusterId + header.identity.memberId, 'hex')) to.u8(byte);
  to.u64(header.sequence);
  to.u64(header.firstIndex);
  to.u32(header.nonce);
  to.u32(header.previousChecksum);
  to.u32(header.isRecycled ? recycled : 0);
  to.zeros(checksumAt - to.length);
  to.u32(crc32(to.view()));
  return to.view();
}

/** The header, or what is wrong with it. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < segmentHeaderBytes) return `the segment has only ${bytes.length} bytes`;
  if (!bytes.subarray(0, 8).equals(magic)) return 'this is not a segment of the log';
  if (crc32(bytes.subarray(0, checksumAt)) !== bytes.readUInt32LE(checksumAt)) return 'the header does not match its checksum';
  const version = bytes.readUInt32LE(8);
  if (version < 1 || version > formatVersion) return `the segment has format version ${version}`;
  if (bytes.readUInt32LE(12) !== crc32Ieee) return `the segment has checksums of unknown kind ${bytes.readUInt32LE(12)}`;
  return {
    identity: { clusterId: bytes.toString('hex', 16, 24), memberId: bytes.toString('hex', 24, 32) },
    sequence: Number(bytes.readBigUInt64LE(32)),
    firstIndex: Number(bytes.readBigUInt64LE(40)),
    nonce: bytes.readUInt32LE(48),
    previousChecksum: bytes.readUInt32LE(52),
    version,
    isRecycled: bytes.readUInt32LE(56) === recycled,
  };
}

/**
 * How the records of a segment end: after a `clean` end nothing was written; a `torn` batch was never acknowledged, since nothing
 * after it was written; `damaged` is a record that had been durable.
 */
export type Tail =
  | { readonly kind: 'clean' | 'torn'; readonly offset: number }
  | { readonly kind: 'damaged'; readonly offset: number; readonly reason: string };

/** Calls `each` for the records in order and tells how they end. Stops where `each` returns a reason: that is damage. */
export function scanSegment(bytes: Buffer, header: SegmentHeader, each: (record: PlacedRecord) => string | undefined): Tail {
  if (header.version === 1) return scanFormat1(bytes, header, each);
  let offset = segmentHeaderBytes;
  let batch = 0;
  let isOpen = false;
  for (;;) {
    const record = readRecord(bytes, { nonce: header.nonce, offset });
    if (typeof record === 'string' || record.batch !== batch) {
      const reason = typeof record === 'string' ? record : `a record is of batch ${record.batch} instead of ${batch}`;
      return tailAt(bytes, header, { offset, batch, isOpen, reason });
    }
    const reason = each(record);
    if (reason !== undefined) return { kind: 'damaged', offset, reason };
    isOpen = !record.isLastOfBatch;
    if (!isOpen) batch = (batch + 1) & 0xffff;
    offset = record.end;
  }
}

/**
 * A batch is written only once the one before is durable. So a valid record further on proves that the bad one at
 * `offset` had been durable, unless both are of one batch: of that, a crash may leave any sectors.
 */
function tailAt(
  bytes: Buffer,
  { nonce, isRecycled }: SegmentHeader,
  bad: { readonly offset: number; readonly batch: number; readonly isOpen: boolean; readonly reason: string },
): Tail {
  const { offset, batch } = bad;
  const rest = isZero(bytes, offset);
  if (rest) return { kind: bad.isOpen ? 'torn' : 'clean', offset };
  // What a segment held in an earlier life does not count, but the start of a batch of this one does.
  let torn = bad.isOpen || !isRecycled;
  for (let at = offset; at + recordHeaderBytes <= bytes.length; at += 8) {
    // Cheaper than a checksum at every place: few look like a record, of one of the next batches.
    if (!looksLikeRecord(bytes, at) || ((bytes.readUInt16LE(at + 22) - batch) & 0xffff) > bytes.length / recordHeaderBytes) continue;
    const record = readRecord(bytes, { nonce, offset: at });
    if (typeof record === 'string') {
      if (at === offset && bytes.readUInt16LE(at + 22) === batch) torn = true;
      continue;
    }
    if (record.batch === batch) {
      torn = true;
      continue;
    }
    const what = bad.reason === 'zeros' ? 'a record is missing' : bad.reason;
    return { kind: 'damaged', offset, reason: `${what}, but record ${record.index} at byte ${at} after it is intact` };
  }
  return { kind: torn ? 'torn' : 'clean', offset };
}

/** Of old, `batch` was the place within the batch; there were entries, one after the other, and marks of what is committed. */
function scanFormat1(bytes: Buffer, header: SegmentHeader, each: (record: PlacedRecord) => string | undefined): Tail {
  let offset = segmentHeaderBytes;
  let next = header.firstIndex;
  for (;;) {
    const record = readRecord(bytes, { nonce: header.nonce, offset });
    if (typeof record === 'string') return format1TailAt(bytes, header, { offset, next, reason: record });
    const expected = record.type === 'entry' ? next : next - 1;
    if (record.index !== expected) return { kind: 'damaged', offset, reason: `record ${record.index} follows record ${next - 1}` };
    const reason = each(record);
    if (reason !== undefined) return { kind: 'damaged', offset, reason };
    if (record.type === 'entry') next++;
    offset = record.end;
  }
}

function format1TailAt(
  bytes: Buffer,
  { nonce }: SegmentHeader,
  { offset, next, reason }: { readonly offset: number; readonly next: number; readonly reason: string },
): Tail {
  if (isZero(bytes, offset)) return { kind: 'clean', offset };
  for (let at = offset + 8; at + recordHeaderBytes <= bytes.length; at += 8) {
    const index = indexAt(bytes, at);
    if (index < next || index > next + bytes.length / recordHeaderBytes || !looksLikeRecord(bytes, at)) continue;
    const record = readRecord(bytes, { nonce, offset: at });
    if (typeof record === 'string') continue;
    const batchStart = record.type === 'commit' ? record.index + 1 : record.index - record.batch;
    if (batchStart <= next) continue;
    const what = reason === 'zeros' ? 'a record is missing' : reason;
    return { kind: 'damaged', offset, reason: `${what}, but record ${record.index} at byte ${at} after it is intact` };
  }
  return { kind: 'torn', offset };
}
