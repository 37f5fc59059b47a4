import { crc32 } from 'node:zlib';
import type { HardState, NodeId } from '@coracle/raft';
import type { Disk } from '../disk/disk.ts';
import { ByteReader, ByteWriter, Malformed } from '../wal/binary.ts';
import { DirectoryDamaged, DirectoryTooNew } from './errors.ts';
import { formatVersion, type Identity } from './identity.ts';

/** What must be known before anything else of the directory is read. */
export interface Meta {
  readonly identity: Identity;
  /** +1 per opening: what different incarnations of the store proposed is told apart by it. */
  readonly incarnation: number;
  /** Chosen when the directory was made: a member that comes back with another disk has forgotten its votes. */
  readonly diskId: number;
  /** A copy of what the log has, of when this was written: term and vote must not be lost with the log's end. */
  readonly hardState: HardState;
  /** File of the newest snapshot of when this was written; empty when there was none. */
  readonly snapshot: string;
  /** The members with which the cluster began, as `encodeMembers` writes them; empty for one that joined it later. */
  readonly initialMembers: string;
  /** The disks of the other members, as they were first heard of. */
  readonly disks: ReadonlyMap<NodeId, number>;
}

interface Slot extends Meta {
  readonly version: number;
  /** The slot with the higher one is the newer. */
  readonly sequence: number;
}

const path = 'META';
const slotBytes = 4096;
const headerBytes = 20; // magic, version, checksum, length: of every version, so that a newer one is recognised
const magic = 'CORAMETA';

/** Creates META whole or not at all. Throws RangeError when it does not fit. */
export async function createMeta(disk: Disk, meta: Meta): Promise<void> {
  const unfinished = `${path}.tmp`;
  const file = await disk.open(unfinished, 'create');
  try {
    await file.write(0, Buffer.concat([encodeSlot(meta, 1), new Uint8Array(slotBytes)]));
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(unfinished, path);
  await disk.syncDirectory('');
}

/** Undefined when there is none. Throws DirectoryTooNew, DirectoryDamaged. */
export async function readMeta(disk: Disk): Promise<Meta | undefined> {
  if (!(await disk.list('')).includes(path)) return undefined;
  const slot = newest(await readSlots(disk));
  if (slot === undefined) throw new DirectoryDamaged(disk.name, { file: path }, 'neither of its two copies matches its checksum');
  if (slot.version > formatVersion) throw new DirectoryTooNew(disk.name, slot.version, formatVersion);
  const { version, sequence, ...meta } = slot;
  return meta;
}

/** Writes into the older of the two slots, so that a crash leaves one of them whole. */
export async function updateMeta(disk: Disk, meta: Meta): Promise<void> {
  const slots = await readSlots(disk);
  const current = newest(slots);
  const file = await disk.open(path, 'write');
  try {
    const position = current !== undefined && current === slots[0] ? slotBytes : 0;
    const slot = encodeSlot(meta, (current?.sequence ?? 0) + 1);
    await file.writeDurably(position, slot);
    if (Buffer.compare(await file.read(position, slot.length), slot) !== 0) {
      throw new DirectoryDamaged(disk.name, { file: path, offset: position }, 'what was just written does not read back');
    }
  } finally {
    await file.close();
  }
}

async function readSlots(disk: Disk): Promise<readonly [Slot | undefined, Slot | undefined]> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.from(await file.read(0, 2 * slotBytes));
    return [decodeSlot(bytes.subarray(0, slotBytes)), decodeSlot(bytes.subarray(slotBytes))];
  } finally {
    await file.close();
  }
}

function newest([a, b]: readonly [Slot | undefined, Slot | undefined]): Slot | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.sequence > b.sequence ? a : b;
}

function encodeSlot(meta: Meta, sequence: number): Uint8Array {
  const body = new ByteWriter();
  body.varint(sequence);
  body.key(meta.identity.clusterId);
  body.key(meta.identity.memberId);
  body.varint(meta.incarnation);
  body.varint(meta.diskId);
  body.varint(meta.hardState.term);
  body.varint(meta.hardState.vote);
  body.varint(meta.hardState.commit);
  body.key(meta.snapshot);
  body.key(meta.initialMembers);
  body.varint(meta.disks.size);
  for (const [id, diskId] of meta.disks) {
    body.varint(id);
    body.varint(diskId);
  }
  if (body.length > slotBytes - headerBytes) throw new RangeError(`Cannot keep what the members are in ${slotBytes} bytes`);
  const slot = new ByteWriter(slotBytes);
  slot.raw(Buffer.from(magic, 'latin1'));
  slot.u32(formatVersion);
  slot.u32(crc32(body.view(), formatVersion));
  slot.u32(body.length);
  slot.raw(body.view());
  slot.zeros(slotBytes - slot.length);
  return slot.view();
}

/** Undefined for anything but a whole slot; of a newer version only `version` and `sequence` mean something. */
function decodeSlot(bytes: Buffer): Slot | undefined {
  if (bytes.length < slotBytes || bytes.toString('latin1', 0, 8) !== magic) return undefined;
  const version = bytes.readUInt32LE(8);
  const length = bytes.readUInt32LE(16);
  if (length > slotBytes - headerBytes) return undefined;
  const body = bytes.subarray(headerBytes, headerBytes + length);
  if (crc32(body, version) !== bytes.readUInt32LE(12)) return undefined;
  try {
    return decodeBody(new ByteReader(body), version);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

const nothing: Omit<Slot, 'version' | 'sequence' | 'identity'> = {
  incarnation: 0,
  diskId: 0,
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: '',
  initialMembers: '',
  disks: new Map(),
};

function decodeBody(from: ByteReader, version: number): Slot {
  const sequence = from.varint();
  if (version > formatVersion) return { ...nothing, version, sequence, identity: { clusterId: '', memberId: '' } };
  const identity = { clusterId: from.key(), memberId: from.key() };
  const incarnation = from.varint();
  // Format 1 counted openings as terms.
  if (version === 1) return { ...nothing, version, sequence, identity, incarnation, hardState: { term: incarnation, vote: 0, commit: 0 } };
  const diskId = from.varint();
  const hardState = { term: from.varint(), vote: from.varint(), commit: from.varint() };
  const snapshot = from.key();
  const initialMembers = from.key();
  const disks = new Map<NodeId, number>();
  for (let left = from.varint(); left > 0; left--) disks.set(from.varint(), from.varint());
  from.end();
  return { version, sequence, identity, incarnation, diskId, hardState, snapshot, initialMembers, disks };
}
