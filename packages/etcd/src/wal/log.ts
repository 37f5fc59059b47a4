import { assert, type Random } from '@coracle/kernel';
import type { Identity } from '../directory/identity.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { ByteWriter } from './binary.ts';
import { type Entry, writeEntry } from './entry.ts';
import { recordBytes, writeRecord } from './record.ts';
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes, segmentName } from './segment.ts';

export const logDirectory = 'wal';

export interface LogOptions {
  readonly disk: Disk;
  readonly identity: Identity;
  readonly random: Random;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
  /** Zeros are written ahead in pieces of this size: overwriting them, a sync need not touch the file's metadata. */
  readonly aheadBytes: number;
  /** What stays written ahead when the disk is full, for the deletes and compactions that make room. */
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
  /** Bytes of the file from `position` on are zeros up to here. */
  readonly aheadTo: number;
  readonly lastIndex: number;
  readonly lastChecksum: number;
}

/**
 * The end of the write-ahead log (etcd server/storage/wal): appends batches of entries, each durable as one.
 *
 * Invariant: a batch is written only after the one before was made durable. After an error of `append` nothing is known
 * about the end, and it must not be used again.
 */
export class Log {
  readonly #options: LogOptions;
  #file: DiskFile;
  #end: LogEnd;
  #older: SegmentPlace[];
  #batch = new ByteWriter();

  private constructor(options: LogOptions, file: DiskFile, end: LogEnd, older: readonly SegmentPlace[]) {
    this.#options = options;
    this.#file = file;
    this.#end = end;
    this.#older = [...older];
  }

  /** Goes on after what recovery has read; with no `end`, a log of no entries. */
  static async open(options: LogOptions, found?: { readonly end: LogEnd; readonly older: readonly SegmentPlace[] }): Promise<Log> {
    const end = found?.end ?? (await createSegment(options, { sequence: 1, firstIndex: 1, previousChecksum: 0 }));
    const file = await options.disk.open(pathOf(end), 'write');
    return new Log(options, file, end, found?.older ?? []);
  }

  get lastIndex(): number {
    return this.#end.lastIndex;
  }

  /**
   * Makes sure that a batch of `bytes` can be written and the reserve stays. Throws the disk's error; when that says that
   * there is no space, the log is as it was.
   */
  async makeRoom(bytes: number): Promise<void> {
    if (this.#end.position >= this.#options.segmentBytes) await this.#roll();
    const need = this.#end.position + bytes + this.#options.reserveBytes;
    if (need <= this.#end.aheadTo) return;
    const aheadTo = Math.ceil(need / this.#options.aheadBytes) * this.#options.aheadBytes;
    await writeZeros(this.#file, this.#end.aheadTo, aheadTo);
    await this.#file.sync(); // a disk that allocates late tells only now that it is full
    this.#end = { ...this.#end, aheadTo };
  }

  /** Whether a batch of `bytes` can be written without asking the disk for more room. */
  fits(bytes: number): boolean {
    return this.#end.position + bytes <= this.#end.aheadTo;
  }

  /** Resolves with the bytes written once all entries are durable. There must be room: see `fits`. */
  async append(entries: readonly Entry[], term: number): Promise<number> {
    const { nonce, position, lastIndex } = this.#end;
    this.#batch.clear();
    let checksum = 0;
    for (const [ordinal, entry] of entries.entries()) {
      const at = { nonce, offset: position + this.#batch.length };
      const header = { index: lastIndex + 1 + ordinal, term, type: 'entry', ordinal } as const;
      checksum = writeRecord(this.#batch, at, header, (to) => writeEntry(to, entry));
    }
    return this.#write(lastIndex + entries.length, checksum);
  }

  /** Says that everything is durable, so that damage to the last batch can be told from a torn one. */
  async markCommitted(term: number): Promise<void> {
    const { nonce, position, lastIndex } = this.#end;
    if (!this.fits(recordBytes(0))) return; // the mark only sharpens a diagnosis
    this.#batch.clear();
    const header = { index: lastIndex, term, type: 'commit', ordinal: 0 } as const;
    const checksum = writeRecord(this.#batch, { nonce, offset: position }, header, () => {});
    await this.#write(lastIndex, checksum);
  }

  /** Removes the segments that hold only entries up to `index`. */
  async dropThrough(index: number): Promise<void> {
    const keep = this.#segmentOf(index + 1);
    if (keep === 0) return;
    // Oldest first, and forgotten one by one: neither a crash nor an error in between may leave a gap.
    for (const segment of this.#older.slice(0, keep)) {
      await this.#options.disk.remove(pathOf(segment));
      this.#older.shift();
    }
    await this.#options.disk.syncDirectory(logDirectory);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #write(lastIndex: number, lastChecksum: number): Promise<number> {
    const bytes = this.#batch.view();
    assert(this.fits(bytes.length), `batch of ${bytes.length} bytes has no room`);
    await this.#file.writeDurably(this.#end.position, bytes);
    this.#end = { ...this.#end, position: this.#end.position + bytes.length, lastIndex, lastChecksum };
    if (bytes.length > largeBatch) this.#batch = new ByteWriter();
    return bytes.length;
  }

  async #roll(): Promise<void> {
    const { sequence, firstIndex, lastIndex, lastChecksum } = this.#end;
    const next = { sequence: sequence + 1, firstIndex: lastIndex + 1, previousChecksum: lastChecksum };
    const end = await createSegment(this.#options, next);
    const file = await this.#options.disk.open(pathOf(end), 'write');
    const previous = this.#file;
    this.#file = file;
    this.#end = end;
    this.#older.push({ sequence, firstIndex });
    await previous.close();
  }

  /** Position in #older of the segment that holds `index`; their number when it is the current one. */
  #segmentOf(index: number): number {
    const followers = [...this.#older.slice(1), this.#end];
    const found = followers.findIndex(({ firstIndex }) => firstIndex > index);
    return found < 0 ? this.#older.length : found;
  }
}

const largeBatch = 4 * 1024 * 1024;

export function pathOf(segment: SegmentPlace): string {
  return `${logDirectory}/${segmentName(segment)}`;
}

/** Appears under its name only once it is whole. Leaves nothing behind when there is no space. */
async function createSegment(
  { disk, identity, random, aheadBytes, reserveBytes }: LogOptions,
  place: SegmentPlace & Pick<SegmentHeader, 'previousChecksum'>,
): Promise<LogEnd> {
  const header: SegmentHeader = { identity, ...place, nonce: random.u32() };
  const path = pathOf(header);
  const unfinished = `${path}.tmp`;
  const aheadTo = Math.max(aheadBytes, segmentHeaderBytes + reserveBytes);
  const file = await disk.open(unfinished, 'create');
  try {
    await file.write(0, encodeSegmentHeader(header));
    await writeZeros(file, segmentHeaderBytes, aheadTo);
    await file.sync();
  } catch (error) {
    await file.close();
    await disk.remove(unfinished);
    throw error;
  }
  await file.close();
  await disk.rename(unfinished, path);
  await disk.syncDirectory(logDirectory);
  return {
    sequence: header.sequence,
    firstIndex: header.firstIndex,
    nonce: header.nonce,
    position: segmentHeaderBytes,
    aheadTo,
    lastIndex: header.firstIndex - 1,
    lastChecksum: header.previousChecksum,
  };
}

const zeros: Uint8Array = new Uint8Array(1024 * 1024);

/** `to` is exclusive. */
export async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += zeros.length) await file.write(at, zeros.subarray(0, Math.min(zeros.length, to - at)));
}
