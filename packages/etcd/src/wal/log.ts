import { assert, type Random } from '@coracle/kernel';
import type { Entry, HardState } from '@coracle/raft';
import { formatVersion, type Identity } from '../directory/identity.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { ByteWriter } from './binary.ts';
import { type LogRecord, recordBytes, writeRecord } from './record.ts';
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes, segmentName } from './segment.ts';
import { SpareSegment } from './spare-segment.ts';

export const logDirectory = 'wal';

export interface LogOptions {
  readonly disk: Disk;
  readonly identity: Identity;
  readonly random: Random;
  /** Segments are of this size, written once with anything: overwriting it, a sync need not touch the file's metadata. */
  readonly segmentBytes: number;
  /** The first segment is of this size, so that a new store is there at once. */
  readonly firstSegmentBytes: number;
  /** The first entry of a new log. */
  readonly firstIndex: number;
  /** With which a new log begins. */
  readonly hardState: HardState;
  /** What stays free when the disk is full, for the deletes and compactions that make room. */
  readonly reserveBytes: number;
}

/** What names a segment's file. */
export type SegmentPlace = Pick<SegmentHeader, 'sequence' | 'firstIndex'>;

/** Where the next record goes. */
export interface LogEnd {
  readonly sequence: number;
  readonly firstIndex: number;
  readonly nonce: number;
  readonly position: number;
  /** Bytes that the file has: nothing is written beyond. */
  readonly size: number;
  /** Number of the next batch. */
  readonly batch: number;
  readonly lastIndex: number;
  readonly lastChecksum: number;
}

/** What recovery has read of a log. */
export interface FoundLog {
  readonly end: LogEnd;
  readonly older: readonly SegmentPlace[];
  readonly hardState: HardState;
  /** Nothing may follow in the last segment: it ends with a torn batch, or is of an older format. */
  readonly isClosed: boolean;
}

/** One thing that the log is told. All that one `append` is given becomes durable as one. */
export type LogWrite =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'hardState'; readonly hardState: HardState }
  | { readonly kind: 'commit'; readonly index: number; readonly term: number }
  | { readonly kind: 'snapshot'; readonly index: number; readonly term: number };

/**
 * The end of the write-ahead log (etcd server/storage/wal), which is the log of Raft: appends batches, each durable as one.
 *
 * Invariant: a batch is written only after the one before was made durable. After an error of `append` nothing is known
 * about the end, and it must not be used again.
 */
export class Log {
  readonly #options: LogOptions;
  readonly spare: SpareSegment;
  #file: DiskFile;
  #end: LogEnd;
  #older: SegmentPlace[];
  #hardState: HardState;
  #batch = new ByteWriter();

  private constructor(options: LogOptions, file: DiskFile, { end, older, hardState }: FoundLog) {
    this.#options = options;
    this.#hardState = hardState;
    this.spare = new SpareSegment({ disk: options.disk, bytes: options.segmentBytes });
    this.#file = file;
    this.#end = end;
    this.#older = [...older];
  }

  /** Goes on after what recovery has read; with no `end`, a log of no entries. */
  static async open(options: LogOptions, found?: FoundLog): Promise<Log> {
    const from = found ?? { end: await createFirst(options), older: [], hardState: options.hardState, isClosed: false };
    const file = await options.disk.open(pathOf(from.end), 'write');
    const log = new Log(options, file, from);
    // Behind a torn batch, or records of an older format, nothing is written any more.
    if (from.isClosed) await log.#roll(0);
    return log;
  }

  get lastIndex(): number {
    return this.#end.lastIndex;
  }

  /** Number of the segment in use: the spare is used up when it grows. */
  get sequence(): number {
    return this.#end.sequence;
  }

  /** Whether a batch of `bytes` fits, with the reserve left. */
  hasRoom(bytes: number): boolean {
    return this.#fits(bytes + this.#options.reserveBytes) || (this.spare.isReady && this.#fitsSpare(bytes));
  }

  /** Whether a batch of `bytes` can be written without asking the disk for more room. */
  fits(bytes: number): boolean {
    return this.#fits(bytes) || (this.spare.isReady && this.#fitsSpare(bytes));
  }

  /**
   * Makes sure that a batch of `bytes` can be written and the reserve stays. Throws the disk's error; when that says that
   * there is no space, the log is as it was.
   */
  async makeRoom(bytes: number): Promise<void> {
    if (this.#fits(bytes + this.#options.reserveBytes)) return;
    await this.#roll(bytes);
  }

  /** Resolves with the bytes written once all of `writes` is durable. */
  async append(writes: readonly LogWrite[]): Promise<number> {
    const records = recordsOf(writes, this.#end.lastIndex);
    const need = records.reduce((bytes, { payload }) => bytes + recordBytes(payload.length), maxHardStateBytes);
    if (!this.#fits(need)) await this.#roll(need);
    // A segment that was made before they began with it.
    if (this.#end.batch === 0) records.unshift(recordOf({ kind: 'hardState', hardState: this.#hardState }));
    for (const write of writes) if (write.kind === 'hardState') this.#hardState = write.hardState;
    const { nonce, position, batch } = this.#end;
    this.#batch.clear();
    let { lastChecksum, lastIndex } = this.#end;
    for (const [at, record] of records.entries()) {
      const place = { nonce, offset: position + this.#batch.length, batch, isLastOfBatch: at === records.length - 1 };
      lastChecksum = writeRecord(this.#batch, place, record);
      lastIndex = lastIndexAfter(record, lastIndex);
    }
    const bytes = this.#batch.view();
    await this.#file.writeDurably(position, bytes);
    this.#end = { ...this.#end, position: position + bytes.length, batch: (batch + 1) & 0xffff, lastIndex, lastChecksum };
    if (bytes.length > largeBatch) this.#batch = new ByteWriter();
    return bytes.length;
  }

  /** Removes the segments that hold only entries up to `index`; one of them becomes the spare if that is missing. */
  async dropThrough(index: number): Promise<void> {
    const needed = firstNeeded([...this.#older, this.#end], index);
    if (needed <= 0) return;
    // Oldest first, and forgotten one by one: neither a crash nor an error in between may leave a gap.
    for (const segment of this.#older.slice(0, needed)) {
      await this.spare.recycleOrRemove(pathOf(segment));
      this.#older.shift();
    }
    await this.#options.disk.syncDirectory(logDirectory);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #fits(bytes: number): boolean {
    return this.#end.position + bytes <= this.#end.size;
  }

  #fitsSpare(bytes: number): boolean {
    return segmentHeaderBytes + maxHardStateBytes + bytes + this.#options.reserveBytes <= this.spare.bytes;
  }

  /** Goes on in a new segment, in which at least `bytes` fit. */
  async #roll(bytes: number): Promise<void> {
    const { disk, identity, random, reserveBytes } = this.#options;
    const { sequence, firstIndex, lastIndex, lastChecksum } = this.#end;
    const place = { sequence: sequence + 1, firstIndex: lastIndex + 1 };
    const spare = await this.spare.take(`${pathOf(place)}.tmp`, segmentHeaderBytes + maxHardStateBytes + bytes + reserveBytes);
    const header: SegmentHeader = {
      identity,
      ...place,
      nonce: random.u32(),
      previousChecksum: lastChecksum,
      version: formatVersion,
      isRecycled: spare.isRecycled,
    };
    const end = await createSegment(disk, header, this.#hardState, spare);
    const file = await disk.open(pathOf(end), 'write');
    const previous = this.#file;
    this.#file = file;
    this.#end = end;
    this.#older.push({ sequence, firstIndex });
    await previous.close();
  }
}

const maxHardStateBytes = recordBytes(8);
const largeBatch = 4 * 1024 * 1024;
const nothing: Uint8Array = new Uint8Array(0);

export function pathOf(segment: SegmentPlace): string {
  return `${logDirectory}/${segmentName(segment)}`;
}

/**
 * Position of the last segment that begins with entry `after` + 1 or before: nothing before it is needed. Segments need not
 * begin with ever higher entries, since entries may give way to others.
 */
export function firstNeeded(segments: readonly SegmentPlace[], after: number): number {
  return segments.findLastIndex(({ firstIndex }) => firstIndex <= after + 1);
}

/** Entries that take the place of others are preceded by a record that says so: reading needs no guess. */
function recordsOf(writes: readonly LogWrite[], lastIndex: number): LogRecord[] {
  const records: LogRecord[] = [];
  let last = lastIndex;
  for (const write of writes) {
    if (write.kind === 'entry' && write.entry.index <= last) {
      records.push({ type: 'truncate', index: write.entry.index - 1, term: write.entry.term, payload: nothing });
    }
    const record = recordOf(write);
    assert(write.kind !== 'entry' || write.entry.index <= last + 1, `entry ${record.index} would leave a gap after ${last}`);
    records.push(record);
    last = lastIndexAfter(record, last);
  }
  return records;
}

function recordOf(write: LogWrite): LogRecord {
  switch (write.kind) {
    case 'entry': {
      const { index, term, type, data } = write.entry;
      assert(type !== 'EntryConfChange', 'changes of membership are of the second kind');
      return { type: type === 'EntryNormal' ? 'entry' : 'confChange', index, term, payload: data };
    }
    case 'hardState': {
      const { term, vote, commit } = write.hardState;
      const payload = new ByteWriter(16);
      payload.varint(vote);
      return { type: 'hardState', index: commit, term, payload: payload.view() };
    }
    default:
      return { type: write.kind, index: write.index, term: write.term, payload: nothing };
  }
}

/** The last entry of the log after `record`. */
export function lastIndexAfter({ type, index }: Pick<LogRecord, 'type' | 'index'>, lastIndex: number): number {
  return type === 'hardState' || type === 'commit' ? lastIndex : index;
}

async function createFirst({ disk, identity, random, firstSegmentBytes, firstIndex, hardState }: LogOptions): Promise<LogEnd> {
  const first = new SpareSegment({ disk, bytes: firstSegmentBytes });
  const place = { sequence: 1, firstIndex };
  const header = { identity, ...place, nonce: random.u32(), previousChecksum: 0, version: formatVersion, isRecycled: false };
  return createSegment(disk, header, hardState, await first.take(`${pathOf(place)}.tmp`, firstSegmentBytes));
}

/**
 * Appears under its name only once its header is durable, and the first batch: the state of Raft, so that what is read from this
 * segment on needs none before it.
 */
async function createSegment(
  disk: Disk,
  header: SegmentHeader,
  hardState: HardState,
  spare: { readonly path: string; readonly bytes: number },
): Promise<LogEnd> {
  const batch = new ByteWriter(64);
  const place = { nonce: header.nonce, offset: segmentHeaderBytes, batch: 0, isLastOfBatch: true };
  const lastChecksum = writeRecord(batch, place, recordOf({ kind: 'hardState', hardState }));
  const file = await disk.open(spare.path, 'write');
  try {
    await file.write(0, encodeSegmentHeader(header));
    await file.write(segmentHeaderBytes, batch.view());
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(spare.path, pathOf(header));
  await disk.syncDirectory(logDirectory);
  return {
    sequence: header.sequence,
    firstIndex: header.firstIndex,
    nonce: header.nonce,
    position: segmentHeaderBytes + batch.length,
    size: spare.bytes,
    batch: 1,
    lastIndex: header.firstIndex - 1,
    lastChecksum,
  };
}
