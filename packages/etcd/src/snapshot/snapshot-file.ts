import { crc32 } from 'node:zlib';
import type { ConfState, NodeId } from '@coracle/raft';
import { readAuthState, writeAuthState } from '../auth/auth-codec.ts';
import { formatVersion, type Identity, nodeIdOf } from '../directory/identity.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { readLeaseId, writeLeaseId } from '../lease/lease-id.ts';
import type { Session } from '../member/sessions.ts';
import type { GrantedLease, ImageChange, LeaseRemainder, MvccImage } from '../mvcc/mvcc.ts';
import { type Revision, revision } from '../mvcc/revision.ts';
import type { Alarm, KeyValue } from '../mvcc/types.ts';
import { ByteReader, ByteWriter, Malformed } from '../wal/binary.ts';
import { readAlarm, readLeaseRemainder, readList, writeAlarm, writeLeaseRemainder, writeList } from '../wal/entry.ts';

export const snapshotDirectory = 'snap';

/** Everything up to and with log entry `index`. */
export interface Snapshot {
  readonly index: number;
  /** That of the entry: a log which begins after it must know what came before. */
  readonly term: number;
  /** The members at that entry. */
  readonly confState: ConfState;
  /** What is known of them, as `encodeMembers` writes it. */
  readonly members: string;
  /** Which batches were applied. */
  readonly sessions: readonly Session[];
  readonly image: MvccImage;
}

export function snapshotName(index: number, at: Revision): string {
  return `${hex(index)}-${hex(at)}.snap`;
}

/** The log index of a snapshot by its name. */
export function parseSnapshotName(name: string): number | undefined {
  const match = /^([0-9a-f]{16})-[0-9a-f]{16}\.snap$/.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] ?? '', 16);
}

function hex(n: number): string {
  return n.toString(16).padStart(16, '0');
}

const magic = 'CORASNP1';
const blockBytes = 256 * 1024;
const blockHeaderBytes = 8; // length, checksum
const maxBlockBytes = 64 * 1024 * 1024;
// First byte of an item.
const tag = { kv: 1, put: 2, delete: 3, end: 4 } as const;

/**
 * Writes a snapshot file, which appears under its name only once it is whole and durable. The disk's pauses between
 * blocks of 256 KiB are the store's chance to go on. Returns its size.
 */
export async function writeSnapshot(disk: Disk, identity: Identity, snapshot: Snapshot): Promise<number> {
  const path = `${snapshotDirectory}/${snapshotName(snapshot.index, snapshot.image.revision)}`;
  const unfinished = `${path}.tmp`;
  const file = await disk.open(unfinished, 'create');
  let size: number;
  try {
    size = await writeBlocks(file, identity, snapshot);
    await file.sync();
  } catch (error) {
    await file.close();
    await disk.remove(unfinished);
    throw error;
  }
  await file.close();
  await disk.rename(unfinished, path);
  await disk.syncDirectory(snapshotDirectory);
  return size;
}

/** The content of a snapshot file, from position 0 on without gaps. Returns its size. */
export async function writeBlocks(file: Pick<DiskFile, 'write'>, identity: Identity, snapshot: Snapshot): Promise<number> {
  let position = 0;
  for (const block of snapshotBlocks(identity, snapshot)) {
    await file.write(position, block);
    position += block.length;
  }
  return position;
}

/** The file in pieces; each is valid until the next one is asked for. */
export function* snapshotBlocks(identity: Identity, snapshot: Snapshot): Generator<Uint8Array, undefined> {
  const { image } = snapshot;
  const block = new ByteWriter(blockBytes + 4096);
  // From one block to the next: another snapshot's block at the same place, as a write that went astray leaves it, is none of this one's.
  let checksum = 0;
  let items = 0;
  const sealed = (): Uint8Array => {
    block.setU32(0, block.length - blockHeaderBytes);
    checksum = crc32(block.view(blockHeaderBytes), checksum);
    block.setU32(4, checksum);
    return block.view();
  };
  const begin = (): void => {
    block.clear();
    block.zeros(blockHeaderBytes);
  };
  begin();
  writeHead(block, identity, snapshot);
  yield sealed();
  begin();
  for (const kv of image.base) {
    writeKeyValue(block, kv);
    items++;
    if (block.length < blockBytes) continue;
    yield sealed();
    begin();
  }
  for (const change of image.changes) {
    writeChange(block, change);
    items++;
    if (block.length < blockBytes) continue;
    yield sealed();
    begin();
  }
  block.u8(tag.end);
  block.varint(items);
  yield sealed();
}

function writeHead(to: ByteWriter, identity: Identity, { index, term, image, confState, members, sessions }: Snapshot): void {
  to.key(magic);
  to.varint(formatVersion);
  to.key(identity.clusterId);
  to.key(identity.memberId);
  to.varint(index);
  to.varint(term);
  to.varint(image.revision);
  to.varint(image.compactRevision);
  to.varint(image.retainedRevision);
  to.varint(image.leases.length);
  for (const { id, ttlSeconds } of image.leases) {
    writeLeaseId(to, id);
    to.varint(ttlSeconds);
  }
  writeList(to, image.remainders, writeLeaseRemainder);
  writeList(to, image.alarms, writeAlarm);
  for (const list of [confState.voters, confState.votersOutgoing, confState.learners, confState.learnersNext]) writeNumbers(to, list);
  to.u8(confState.autoLeave ? 1 : 0);
  to.key(members);
  to.varint(sessions.length);
  for (const { proposer, incarnation, settledBelow, applied } of sessions) {
    to.varint(proposer);
    to.varint(incarnation);
    to.varint(settledBelow);
    writeNumbers(to, applied);
  }
  writeAuthState(to, image.auth);
}

function writeNumbers(to: ByteWriter, numbers: readonly number[]): void {
  to.varint(numbers.length);
  for (const each of numbers) to.varint(each);
}

function readNumbers(from: ByteReader): readonly number[] {
  const numbers: number[] = [];
  for (let left = from.varint(); left > 0; left--) numbers.push(from.varint());
  return numbers;
}

function writeKeyValue(to: ByteWriter, kv: KeyValue): void {
  to.u8(tag.kv);
  to.key(kv.key);
  to.varint(kv.createRevision);
  to.varint(kv.modRevision);
  to.varint(kv.version);
  writeLeaseId(to, kv.lease);
  to.bytes(kv.value);
}

function writeChange(to: ByteWriter, { revision: at, key, put }: ImageChange): void {
  to.u8(put === undefined ? tag.delete : tag.put);
  to.varint(at);
  to.key(key);
  if (put === undefined) return;
  writeLeaseId(to, put.lease);
  to.bytes(put.value);
}

/** A snapshot as it was found in a file. */
export interface FoundSnapshot extends Snapshot {
  /** Another member wrote it: it was received, and our log may end before it. */
  readonly isReceived: boolean;
}

/** Throws Malformed, with the place in bytes, when the file is not a whole snapshot of this store. */
export async function readSnapshot(disk: Disk, name: string, identity: Identity): Promise<FoundSnapshot> {
  const file = await disk.open(`${snapshotDirectory}/${name}`, 'read');
  try {
    return await readBlocks(file, identity);
  } finally {
    await file.close();
  }
}

async function readBlocks(file: DiskFile, identity: Identity): Promise<FoundSnapshot> {
  const items = new Items();
  let head: Head | undefined;
  let position = 0;
  let header: Uint8Array = await file.read(0, blockHeaderBytes);
  let seed = 0;
  for (let number = 1; ; number++) {
    const { block, checksum, next } = await readBlock(file, { position, header, seed });
    if (head === undefined) head = readHead(new ByteReader(block), identity);
    else if (items.add(block)) break;
    // Before format 3, the number of the block was all that a checksum started from.
    seed = head.version < 3 ? number : checksum;
    position += blockHeaderBytes + block.length;
    header = next;
  }
  const { state, version, ...rest } = head;
  return { ...rest, image: { ...state, base: items.base, changes: items.changes, ownsValues: true } };
}

/** The block at `position`, whose header was read, and the header of the next one: both come by one read. */
async function readBlock(
  file: DiskFile,
  { position, header, seed }: { readonly position: number; readonly header: Uint8Array; readonly seed: number },
): Promise<{ readonly block: Uint8Array; readonly checksum: number; readonly next: Uint8Array }> {
  if (header.length < blockHeaderBytes) throw new Malformed(`ends at byte ${position + header.length}`);
  const from = new ByteReader(header);
  const [length, checksum] = [from.u32(), from.u32()];
  if (length > maxBlockBytes) throw new Malformed(`block at byte ${position} claims ${length} bytes`);
  const bytes = await file.read(position + blockHeaderBytes, length + blockHeaderBytes);
  if (bytes.length < length) throw new Malformed(`ends within the block at byte ${position}`);
  const block = bytes.subarray(0, length);
  if (crc32(block, seed) !== checksum) throw new Malformed(`block at byte ${position} does not match its checksum`);
  return { block, checksum, next: bytes.subarray(length) };
}

interface Head extends Omit<FoundSnapshot, 'image'> {
  readonly version: number;
  readonly state: Omit<MvccImage, 'base' | 'changes'>;
}

function readHead(from: ByteReader, identity: Identity): Head {
  if (from.key() !== magic) throw new Malformed('this is not a snapshot');
  const version = from.varint();
  if (version < 1 || version > formatVersion) throw new Malformed(`the snapshot has format version ${version}`);
  const clusterId = from.key();
  const isReceived = from.key() !== identity.memberId;
  if (clusterId !== identity.clusterId) throw new Malformed('it belongs to another store');
  const index = from.varint();
  const term = from.varint();
  const state = {
    revision: revision(from.varint()),
    compactRevision: revision(from.varint()),
    retainedRevision: revision(from.varint()),
  };
  const leases: GrantedLease[] = [];
  for (let left = from.varint(); left > 0; left--) leases.push({ id: readLeaseId(from), ttlSeconds: from.varint() });
  // A snapshot of before there were any of these ends here.
  const remainders: readonly LeaseRemainder[] = from.isAtEnd ? [] : readList(from, readLeaseRemainder);
  const alarms: readonly Alarm[] = from.isAtEnd ? [] : readList(from, readAlarm);
  const cluster = version === 1 ? soleMember(nodeIdOf(identity)) : readCluster(from);
  const auth = readAuthState(from);
  from.end();
  return { version, index, term, isReceived, ...cluster, state: { ...state, leases, remainders, alarms, auth } };
}

type Cluster = Pick<Snapshot, 'confState' | 'members' | 'sessions'>;

/** Format 1 knew one member only. */
function soleMember(id: NodeId): Cluster {
  return { confState: { voters: [id], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }, members: '', sessions: [] };
}

function readCluster(from: ByteReader): Cluster {
  const [voters, votersOutgoing, learners, learnersNext] = [readNumbers(from), readNumbers(from), readNumbers(from), readNumbers(from)];
  const confState = { voters, votersOutgoing, learners, learnersNext, autoLeave: from.u8() === 1 };
  const members = from.key();
  const sessions: Session[] = [];
  for (let left = from.varint(); left > 0; left--) {
    sessions.push({ proposer: from.varint(), incarnation: from.varint(), settledBelow: from.varint(), applied: readNumbers(from) });
  }
  return { confState, members, sessions };
}

/**
 * The items of a snapshot. That all can be read is found out when a block is added; they are read when they are asked for, so that
 * nothing of them is in memory but the blocks.
 */
class Items {
  readonly #blocks: Uint8Array[] = [];
  #count = 0;
  /** The block and the place in it where what happened begins, behind what existed before. */
  #firstChange: { readonly block: number; readonly at: number } | undefined;

  /** True when the last item was in the block. Throws Malformed. */
  add(block: Uint8Array): boolean {
    const from = new ByteReader(block);
    while (!from.isAtEnd) {
      const { at } = from;
      const kind = from.u8();
      if (kind === tag.end) {
        const items = from.varint();
        from.end();
        if (items !== this.#count) throw new Malformed(`has ${this.#count} of ${items} items`);
        this.#blocks.push(block);
        return true;
      }
      if (kind === tag.kv) {
        if (this.#firstChange !== undefined) throw new Malformed('a value of before comes after the first change');
        passKeyValue(from);
      } else if (kind === tag.put || kind === tag.delete) {
        this.#firstChange ??= { block: this.#blocks.length, at };
        passChange(from, kind);
      } else throw new Malformed(`item of unknown kind ${kind}`);
      this.#count++;
    }
    this.#blocks.push(block);
    return false;
  }

  get base(): Iterable<KeyValue> {
    return { [Symbol.iterator]: () => this.#readBase() };
  }

  get changes(): Iterable<ImageChange> {
    return { [Symbol.iterator]: () => this.#readChanges() };
  }

  *#readBase(): Generator<KeyValue, undefined> {
    for (const block of this.#blocks) {
      const from = new ByteReader(block);
      while (!from.isAtEnd) {
        if (from.u8() !== tag.kv) return;
        yield readKeyValue(from);
      }
    }
  }

  *#readChanges(): Generator<ImageChange, undefined> {
    if (this.#firstChange === undefined) return;
    let { block, at } = this.#firstChange;
    for (; block < this.#blocks.length; block++, at = 0) {
      const from = new ByteReader(this.#blocks[block] ?? nothing);
      from.pass(at);
      while (!from.isAtEnd) {
        const kind = from.u8();
        if (kind === tag.end) return;
        yield readChange(from, kind);
      }
    }
  }
}

const nothing: Uint8Array = new Uint8Array(0);

function passKeyValue(from: ByteReader): void {
  from.pass(from.varint());
  for (let i = 0; i < 3; i++) from.varint();
  readLeaseId(from);
  from.pass(from.varint());
}

function passChange(from: ByteReader, kind: number): void {
  from.varint();
  from.pass(from.varint());
  if (kind === tag.delete) return;
  readLeaseId(from);
  from.pass(from.varint());
}

function readChange(from: ByteReader, kind: number): ImageChange {
  const at = revision(from.varint());
  const key = from.key();
  if (kind === tag.delete) return { revision: at, key };
  const lease = readLeaseId(from);
  return { revision: at, key, put: { lease, value: from.view() } };
}

function readKeyValue(from: ByteReader): KeyValue {
  const key = from.key();
  const createRevision = revision(from.varint());
  const modRevision = revision(from.varint());
  const version = from.varint();
  const lease = readLeaseId(from);
  return { key, value: from.view(), createRevision, modRevision, version, lease };
}
