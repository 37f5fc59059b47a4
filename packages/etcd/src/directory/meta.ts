import { crc32 } from 'node:zlib';
import type { Disk } from '../disk/disk.ts';
import { ByteReader, ByteWriter } from '../wal/binary.ts';
import { DirectoryDamaged, DirectoryTooNew } from './errors.ts';
import { formatVersion, type Identity } from './identity.ts';

/** What must be known before anything else of the directory is read. */
export interface Meta {
  readonly identity: Identity;
  /** +1 per opening: entries of different incarnations of the store are told apart by it. */
  readonly term: number;
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

/** Creates META whole or not at all. */
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
  return { identity: slot.identity, term: slot.term };
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
  body.varint(meta.term);
  const slot = new ByteWriter(slotBytes);
  for (const char of Buffer.from(magic, 'latin1')) slot.u8(char);
  slot.u32(formatVersion);
  slot.u32(crc32(body.view(), formatVersion));
  slot.u32(body.length);
  for (const byte of body.view()) slot.u8(byte);
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
  const from = new ByteReader(body);
  const sequence = from.varint();
  if (version > formatVersion) return { version, sequence, identity: { clusterId: '', memberId: '' }, term: 0 };
  return { version, sequence, identity: { clusterId: from.key(), memberId: from.key() }, term: from.varint() };
}
