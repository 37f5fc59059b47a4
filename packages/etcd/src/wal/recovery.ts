import { assert } from '@coracle/kernel';
import type { Entry, HardState } from '@coracle/raft';
import { DirectoryDamaged } from '../directory/errors.ts';
import { formatVersion, type Identity, sameIdentity } from '../directory/identity.ts';
import { type Disk, readAll } from '../disk/disk.ts';
import { ByteReader, Malformed } from './binary.ts';
import { firstNeeded, type FoundLog, type LogEnd, logDirectory, pathOf, type SegmentPlace } from './log.ts';
import { batchOfOne } from './batch.ts';
import type { PlacedRecord } from './record.ts';
import { decodeSegmentHeader, parseSegmentName, scanSegment, segmentHeaderBytes, segmentName, type Tail } from './segment.ts';

/** No segment that we write comes near it; a file that does is not read into memory. */
const maxSegmentBytes = 1024 * 1024 * 1024;
/** What is kept of the end of a segment that was used before: a batch is hardly larger. */
const maxQuarantineBytes = 4 * 1024 * 1024;

export interface Recovery {
  readonly disk: Disk;
  readonly identity: Identity;
  /** The last entry that is in the snapshot. */
  readonly after: number;
  /** That snapshot came from a leader: the log may end before it. */
  readonly isReceived: boolean;
  /** The durable state beside the log: it may be newer than what is left of that. */
  readonly hardState: HardState;
  /** Called for each committed entry above `after`, in order. Returns what is wrong with it, if anything. */
  readonly apply: (entry: Entry) => string | undefined;
  /** How many of the last committed entries to give back, for members that are a little behind. */
  readonly keepEntries: number;
  /** Cut the log where it is damaged, and put the rest aside, instead of refusing it. */
  readonly forceTruncate: boolean;
}

export interface RecoveredLog extends FoundLog {
  /** The last entries of the log: some that are committed, and those that are not known to be. */
  readonly entries: readonly Entry[];
  /** Bytes of the last batch that were cut off, because it had not been finished. */
  readonly tornBytes: number;
  /** Bytes of the log behind the snapshot. */
  readonly bytes: number;
  /** Where a damaged log was cut by force. */
  readonly truncatedAt: string | undefined;
}

/**
 * Reads the log, quarantines what a crash left of an unfinished batch, and makes durable all that was read: after a crash
 * of only the process it may not be.
 * Undefined when there is no segment at all. Throws DirectoryDamaged, having changed nothing but unfinished files.
 */
export async function recoverLog(recovery: Recovery): Promise<RecoveredLog | undefined> {
  const { disk, after } = recovery;
  const found = await listSegments(recovery);
  const segments = found.segments;
  if (segments.length === 0) return undefined;
  const from = firstNeeded(segments, after);
  const [first] = segments;
  if (from < 0 && first !== undefined) {
    const missing = `entries ${after + 1} to ${first.firstIndex - 1} are missing before it`;
    throw new DirectoryDamaged(disk.name, { file: pathOf(first) }, missing);
  }
  const reader = new LogReader(recovery);
  const needed = segments.slice(from);
  for (const [i, place] of needed.entries()) {
    const damage = await reader.read(place, i < needed.length - 1);
    if (damage === undefined) continue;
    if (!recovery.forceTruncate) throw damage;
    // What precedes the damage in its segment is kept there; a segment that cannot be read at all goes as a whole.
    const kept = reader.isIn(place) ? i + 1 : i;
    const rest = [...needed.slice(kept), ...found.beyond];
    return { ...(await reader.finish({ forced: damage.message, rest })), older: segments.slice(0, from + kept - 1) };
  }
  const [beyond] = found.beyond;
  const forced = beyond === undefined ? undefined : `a segment before "${pathOf(beyond)}" is missing`;
  return { ...(await reader.finish({ forced, rest: found.beyond })), older: segments.slice(0, -1) };
}

/** The segments in their order; with force, those behind a gap are `beyond` it. */
async function listSegments({
  disk,
  forceTruncate,
}: Recovery): Promise<{ readonly segments: readonly SegmentPlace[]; readonly beyond: readonly SegmentPlace[] }> {
  const segments: SegmentPlace[] = [];
  for (const name of await disk.list(logDirectory)) {
    if (name.endsWith('.tmp')) await disk.remove(`${logDirectory}/${name}`);
    const place = parseSegmentName(name);
    if (place !== undefined) segments.push(place);
  }
  const gap = segments.findIndex(({ sequence }, i) => i > 0 && sequence !== (segments[i - 1]?.sequence ?? 0) + 1);
  const behind = segments[gap];
  if (behind === undefined) return { segments, beyond: [] };
  if (forceTruncate) return { segments: segments.slice(0, gap), beyond: segments.slice(gap) };
  const missing = (segments[gap - 1]?.sequence ?? 0) + 1;
  throw new DirectoryDamaged(disk.name, { file: pathOf(behind) }, `segment ${missing} before it is missing`);
}

interface ReadSegment {
  readonly place: SegmentPlace;
  readonly bytes: Buffer;
  readonly tail: Tail;
  readonly version: number;
  readonly isRecycled: boolean;
  /** Offset of the batch before the tail: the only one that may not be durable. */
  readonly lastBatch: number;
  readonly end: LogEnd;
}

/** Puts the records of the segments together: what they say of the log, and what of it is committed. */
class LogReader {
  readonly #recovery: Recovery;
  #hardState: HardState;
  /** Of the log as read so far. */
  #lastIndex: number | undefined;
  #applied: number;
  // Invariant: #pending[i].index === #applied + 1 + i.
  #pending: Entry[] = [];
  #committedInLog = 0;
  /** Applied entries up to #applied without a gap, as many as are wanted and some more. */
  #recent: Entry[] = [];
  #segment: ReadSegment | undefined;
  #bytes = 0;

  constructor(recovery: Recovery) {
    this.#recovery = recovery;
    this.#hardState = recovery.hardState;
    this.#applied = recovery.after;
  }

  /** Whether the last records that were read are in the segment at `place`. */
  isIn(place: SegmentPlace): boolean {
    return this.#segment?.place === place;
  }

  /** Reads on in the segment at `place`. What is wrong with it is returned, and what was read before that counts. */
  async read(place: SegmentPlace, hasSuccessor: boolean): Promise<DirectoryDamaged | undefined> {
    const { disk, identity } = this.#recovery;
    const path = pathOf(place);
    const damaged = (offset: number | undefined, reason: string): DirectoryDamaged =>
      new DirectoryDamaged(disk.name, { file: path, offset }, reason);
    let read: Uint8Array;
    try {
      read = await readAll(disk, path, maxSegmentBytes);
    } catch (error) {
      if (error instanceof RangeError) return damaged(undefined, error.message);
      throw error;
    }
    const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
    const header = decodeSegmentHeader(bytes);
    if (typeof header === 'string') return damaged(0, header);
    if (!sameIdentity(header.identity, identity)) return damaged(0, 'the segment belongs to another store');
    if (segmentName(header) !== segmentName(place)) return damaged(0, `the segment was written as "${segmentName(header)}"`);
    const previous = this.#segment?.end;
    if (previous !== undefined && header.firstIndex !== previous.lastIndex + 1) {
      return damaged(0, `the segment before it ends with record ${previous.lastIndex}`);
    }
    if (previous !== undefined && header.previousChecksum !== previous.lastChecksum) {
      return damaged(0, 'it does not continue the segment before it');
    }
    this.#leaveSegment();
    this.#lastIndex ??= header.firstIndex - 1;
    let last: Pick<PlacedRecord, 'checksum' | 'batch'> = { checksum: header.previousChecksum, batch: -1 };
    let lastBatch = segmentHeaderBytes;
    const tail = scanSegment(bytes, header, (record) => {
      if (header.version === 1 ? record.type === 'entry' && record.batch === 0 : record.batch !== last.batch) lastBatch = record.offset;
      last = record;
      return this.#take(record, header.version);
    });
    const { sequence, firstIndex, nonce } = header;
    const lastIndex = this.#lastIndex;
    const position = tail.offset;
    const end = {
      sequence,
      firstIndex,
      nonce,
      position,
      size: bytes.length,
      batch: last.batch + 1,
      lastIndex,
      lastChecksum: last.checksum,
    };
    const { version, isRecycled } = header;
    this.#segment = { place, bytes, tail, version, isRecycled, lastBatch, end };
    if (tail.kind === 'damaged') return damaged(tail.offset, tail.reason);
    // The segment was closed behind a torn batch only if the next one says that it ends here.
    if (tail.kind === 'torn' && hasSuccessor && version === 1)
      return damaged(tail.offset, 'a record is damaged, and a later segment exists');
    return undefined;
  }

  /**
   * Keeps what is behind the last record in quarantine: it may be of use to a person. The last batch is written
   * again, since a sync that failed leaves it in the cache and marked as written: syncing alone would then do nothing.
   */
  async finish(cut: { readonly forced: string | undefined; readonly rest: readonly SegmentPlace[] }): Promise<Omit<RecoveredLog, 'older'>> {
    const { disk, after } = this.#recovery;
    const segment = this.#segment;
    if (segment === undefined) {
      // Not even the first needed segment can be read: its header is gone, and with it all that might be kept.
      throw new DirectoryDamaged(disk.name, { file: logDirectory }, `nothing of it can be read: ${cut.forced ?? 'it is empty'}`);
    }
    const { bytes, tail, version, isRecycled, lastBatch, end, place } = segment;
    const path = pathOf(place);
    const isOvertaken = end.lastIndex < after;
    if (isOvertaken && !this.#recovery.isReceived) {
      const reason = `the log ends with record ${end.lastIndex}, before the snapshot's ${after}`;
      throw new DirectoryDamaged(disk.name, { file: path, offset: end.position }, reason);
    }
    const torn = tail.kind === 'clean' ? bytes.subarray(0, 0) : bytes.subarray(tail.offset, tornEnd(bytes, tail.offset, isRecycled));
    if (torn.length > 0) await quarantine(disk, `${segmentName(place)}.${end.position}`, torn);
    if (cut.rest.length > 0) await disk.makeDirectory('quarantine');
    for (const each of [...cut.rest].reverse()) await disk.rename(pathOf(each), `quarantine/${segmentName(each)}`);
    if (cut.rest.length > 0) for (const directory of ['quarantine', logDirectory]) await disk.syncDirectory(directory);
    const file = await disk.open(path, 'write');
    try {
      await file.write(lastBatch, bytes.subarray(lastBatch, end.position));
      // What was cut by force is in quarantine; here it would be found damaged again.
      if (tail.kind === 'damaged') await file.write(end.position, Buffer.alloc(bytes.length - end.position));
      await file.sync();
    } finally {
      await file.close();
    }
    this.#leaveSegment();
    // A crash may have left a mark of more than what became durable with it.
    const lastIndex = Math.max(end.lastIndex, after);
    const { term, vote, commit } = this.#hardState;
    const hardState = { term, vote, commit: Math.min(Math.max(commit, this.#applied), lastIndex) };
    return {
      end: { ...end, lastIndex },
      hardState,
      entries: [...this.#recent, ...this.#pending],
      isClosed: isOvertaken || tail.kind !== 'clean' || version !== formatVersion,
      tornBytes: torn.length,
      bytes: this.#bytes,
      truncatedAt: cut.forced,
    };
  }

  /** Frees the memory of the segment, which is a lot to wait for a collection: entries that are kept are copied before. */
  #leaveSegment(): void {
    const memory = this.#segment?.bytes.buffer;
    if (!(memory instanceof ArrayBuffer)) return;
    const copied = (entry: Entry): Entry => (entry.data.buffer === memory ? { ...entry, data: new Uint8Array(entry.data) } : entry);
    this.#pending = this.#pending.map(copied);
    this.#recent = this.#recent.map(copied);
    memory.transfer(0);
  }

  /** What is wrong with the record, if anything. */
  #take(record: PlacedRecord, version: number): string | undefined {
    const { type, index, term, payload } = record;
    const last = this.#lastIndex ?? 0;
    if (index > this.#recovery.after) this.#bytes += record.end - record.offset;
    switch (type) {
      case 'entry':
      case 'confChange':
        if (index !== last + 1) return `record ${index} follows record ${last}`;
        this.#lastIndex = index;
        if (index > this.#applied) {
          const data = version === 1 ? batchOfOne(payload) : payload;
          this.#pending.push({ index, term, type: type === 'entry' ? 'EntryNormal' : 'EntryConfChangeV2', data });
        }
        // Of format 1, whose only member applied whatever was in its log.
        return version === 1 ? this.#committed(index, term) : undefined;
      case 'truncate':
        if (index > last) return `entries above ${index} give way, but the last is ${last}`;
        if (index < this.#committedInLog) return `entries above ${index} give way, but up to ${this.#committedInLog} they are committed`;
        this.#lastIndex = index;
        this.#pending.length = Math.min(this.#pending.length, Math.max(0, index - this.#applied));
        return undefined;
      case 'snapshot':
        // Without that snapshot, what was before it is lost.
        if (index > this.#applied) return `the log goes on after a snapshot of entry ${index}, which cannot be read`;
        this.#lastIndex = index;
        this.#pending = [];
        this.#recent = [];
        return undefined;
      case 'hardState': {
        const vote = voteOf(payload);
        if (vote === undefined) return 'a vote cannot be read';
        const { term: known, commit } = this.#hardState;
        if (term > known || (term === known && vote !== 0)) this.#hardState = { term, vote, commit };
        return this.#committed(Math.min(index, last), term);
      }
      case 'commit':
        return this.#committed(Math.min(index, last), term);
    }
  }

  #committed(index: number, term: number): string | undefined {
    this.#committedInLog = Math.max(this.#committedInLog, index);
    if (index > this.#hardState.commit) this.#hardState = { ...this.#hardState, commit: index };
    if (term > this.#hardState.term) this.#hardState = { ...this.#hardState, term, vote: 0 };
    let done = 0;
    for (; (this.#pending[done]?.index ?? Number.POSITIVE_INFINITY) <= index; done++) {
      const entry = this.#pending[done];
      assert(entry !== undefined, 'it was compared');
      const reason = this.#recovery.apply(entry);
      if (reason !== undefined) return reason;
      this.#applied = entry.index;
      if (this.#recovery.keepEntries > 0) this.#recent.push(entry);
    }
    if (done > 0) this.#pending.splice(0, done);
    if (this.#recent.length > 2 * this.#recovery.keepEntries) this.#recent.splice(0, this.#recent.length - this.#recovery.keepEntries);
    return undefined;
  }
}

function voteOf(payload: Uint8Array): number | undefined {
  try {
    const from = new ByteReader(payload);
    const vote = from.varint();
    from.end();
    return vote;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
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

function tornEnd(bytes: Buffer, from: number, isRecycled: boolean): number {
  let at = bytes.length - 1;
  while (at >= from && bytes[at] === 0) at--;
  return isRecycled ? Math.min(at + 1, from + maxQuarantineBytes) : at + 1;
}
