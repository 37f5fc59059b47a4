import { DirectoryDamaged } from '../directory/errors.ts';
import { type Identity, sameIdentity } from '../directory/identity.ts';
import { type Disk, readAll } from '../disk/disk.ts';
import { type LogEnd, logDirectory, pathOf, type SegmentPlace, writeZeros } from './log.ts';
import type { PlacedRecord } from './record.ts';
import {
  decodeSegmentHeader,
  parseSegmentName,
  scanSegment,
  segmentHeaderBytes,
  segmentName,
  type Tail,
} from './segment.ts';

/** No segment that we write comes near it; a file that does is not read into memory. */
const maxSegmentBytes = 1024 * 1024 * 1024;

export interface Recovery {
  readonly disk: Disk;
  readonly identity: Identity;
  /** Entries up to this index are in the snapshot. */
  readonly after: number;
  /** Called for each entry above `after`, in order. Returns what is wrong with it, if anything. */
  readonly replay: (record: PlacedRecord) => string | undefined;
}

export interface RecoveredLog {
  readonly end: LogEnd;
  readonly older: readonly SegmentPlace[];
  /** Bytes of the last batch that were cut off, because it had not been finished. */
  readonly tornBytes: number;
}

/**
 * Reads the log, cuts off what a crash left of an unfinished batch, and makes durable all that was read: after a crash
 * of only the process it may not be.
 * Undefined when there is no segment at all. Throws DirectoryDamaged, having changed nothing but unfinished files.
 */
export async function recoverLog(recovery: Recovery): Promise<RecoveredLog | undefined> {
  const { disk, after } = recovery;
  const segments = await listSegments(disk);
  const needed = segments.filter((_, i) => (segments[i + 1]?.firstIndex ?? Number.POSITIVE_INFINITY) > after + 1);
  const first = needed[0];
  if (first === undefined) return undefined;
  if (first.firstIndex > after + 1) {
    const missing = `entries ${after + 1} to ${first.firstIndex - 1} are missing before it`;
    throw new DirectoryDamaged(disk.name, { file: pathOf(first) }, missing);
  }
  const older = segments.slice(0, -needed.length);
  let previous: LogEnd | undefined;
  for (const [i, place] of needed.entries()) {
    const read = await readSegment(recovery, place, previous);
    if (i === needed.length - 1) return { ...(await finish(recovery, read)), older };
    if (read.tail.kind === 'torn') {
      const place = { file: read.path, offset: read.tail.offset };
      throw new DirectoryDamaged(disk.name, place, 'a record is damaged, and a later segment exists');
    }
    older.push(place);
    previous = read.end;
  }
  return undefined;
}

async function listSegments(disk: Disk): Promise<SegmentPlace[]> {
  const segments: SegmentPlace[] = [];
  for (const name of await disk.list(logDirectory)) {
    if (name.endsWith('.tmp')) await disk.remove(`${logDirectory}/${name}`);
    const place = parseSegmentName(name);
    if (place === undefined) continue;
    const before = segments.at(-1);
    if (before !== undefined && place.sequence !== before.sequence + 1) {
      throw new DirectoryDamaged(disk.name, { file: pathOf(place) }, `segment ${before.sequence + 1} before it is missing`);
    }
    segments.push(place);
  }
  return segments;
}

interface ReadSegment {
  readonly path: string;
  readonly bytes: Buffer;
  readonly tail: Tail;
  /** Offset of the batch before the tail: the only one that may not be durable. */
  readonly lastBatch: number;
  readonly end: LogEnd;
}

async function readSegment(
  { disk, identity, after, replay }: Recovery,
  place: SegmentPlace,
  previous: LogEnd | undefined,
): Promise<ReadSegment> {
  const path = pathOf(place);
  const damaged = (offset: number, reason: string): never => {
    throw new DirectoryDamaged(disk.name, { file: path, offset }, reason);
  };
  const read = await readAll(disk, path, maxSegmentBytes).catch((error: unknown) => {
    throw error instanceof RangeError ? new DirectoryDamaged(disk.name, { file: path }, error.message) : error;
  });
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
  const header = decodeSegmentHeader(bytes);
  if (typeof header === 'string') return damaged(0, header);
  if (!sameIdentity(header.identity, identity)) return damaged(0, 'the segment belongs to another store');
  if (segmentName(header) !== segmentName(place)) return damaged(0, `the segment was written as "${segmentName(header)}"`);
  if (previous !== undefined && header.firstIndex !== previous.lastIndex + 1) {
    return damaged(0, `the segment before it ends with record ${previous.lastIndex}`);
  }
  if (previous !== undefined && header.previousChecksum !== previous.lastChecksum) {
    return damaged(0, 'it does not continue the segment before it');
  }
  let last = { index: header.firstIndex - 1, checksum: header.previousChecksum };
  let lastBatch = segmentHeaderBytes;
  const tail = scanSegment(bytes, header, (record) => {
    last = record;
    if (record.type === 'entry' && record.ordinal === 0) lastBatch = record.offset;
    return record.type === 'entry' && record.index > after ? replay(record) : undefined;
  });
  if (tail.kind === 'damaged') return damaged(tail.offset, tail.reason);
  const { sequence, firstIndex, nonce } = header;
  const recovered = { position: tail.offset, aheadTo: bytes.length, lastIndex: last.index, lastChecksum: last.checksum };
  return { path, bytes, tail, lastBatch, end: { sequence, firstIndex, nonce, ...recovered } };
}

/**
 * Cuts a torn tail off the last segment, keeping it in quarantine: it may be of use to a person. The last batch is written
 * again, since a sync that failed leaves it in the cache and marked as written: syncing alone would then do nothing.
 */
async function finish({ disk, after }: Recovery, { path, bytes, tail, lastBatch, end }: ReadSegment): Promise<Omit<RecoveredLog, 'older'>> {
  if (end.lastIndex < after) {
    const reason = `the log ends with record ${end.lastIndex}, before the snapshot's ${after}`;
    throw new DirectoryDamaged(disk.name, { file: path, offset: end.position }, reason);
  }
  const torn = tail.kind === 'torn' ? bytes.subarray(tail.offset, lastNonZero(bytes) + 1) : bytes.subarray(0, 0);
  if (torn.length > 0) await quarantine(disk, `${path.slice(logDirectory.length + 1)}.${end.position}`, torn);
  const file = await disk.open(path, 'write');
  try {
    await file.write(lastBatch, bytes.subarray(lastBatch, end.position));
    await writeZeros(file, end.position, end.position + torn.length);
    await file.sync();
  } finally {
    await file.close();
  }
  return { end, tornBytes: torn.length };
}

async function quarantine(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  await disk.makeDirectory('quarantine');
  const file = await disk.open(`quarantine/${name}`, 'create');
  try {
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory('quarantine');
}

function lastNonZero(bytes: Buffer): number {
  let at = bytes.length - 1;
  while (at >= segmentHeaderBytes && bytes[at] === 0) at--;
  return at;
}
