import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { SimRuntime } from '@coracle/simulator';
import { initialAuth } from '../auth/auth-state.ts';
import { SimulatedDisk } from '../disk/simulated-disk.ts';
import { type ImageChange, Mvcc } from '../mvcc/mvcc.ts';
import { revision } from '../mvcc/revision.ts';
import type { KeyValue } from '../mvcc/types.ts';
import { ByteWriter } from '../wal/binary.ts';
import { type FoundSnapshot, readSnapshot, type Snapshot, writeSnapshot } from './snapshot-file.ts';

const identity = { clusterId: '00000000000000aa', memberId: '00000000000000bb' };
const at = revision(1);

/** A store of some values before and some changes since, with values of these sizes. */
function snapshotOf(sizes: { readonly base: readonly number[]; readonly changes: readonly number[] }): Snapshot {
  const base = sizes.base.map((size, i): KeyValue => {
    return {
      key: `a${String(i).padStart(5, '0')}`,
      value: Buffer.alloc(size, i),
      createRevision: at,
      modRevision: at,
      version: 1,
      lease: 0n,
    };
  });
  const changes = sizes.changes.map((size, i): ImageChange => {
    const change = { revision: revision(2 + i), key: `b${i % 7}` };
    return i % 5 === 4 ? change : { ...change, put: { value: Buffer.alloc(size, 100 + i), lease: 0n } };
  });
  const image = {
    revision: revision(1 + changes.length),
    compactRevision: at,
    retainedRevision: at,
    leases: [],
    remainders: [],
    alarms: [],
  };
  const confState = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  return { index: 9, term: 2, confState, members: '', sessions: [], image: { ...image, auth: initialAuth, base, changes } };
}

async function onDisk<T>(run: (disk: ReturnType<SimulatedDisk['attach']>, all: SimulatedDisk) => Promise<T>): Promise<T> {
  const runtime = new SimRuntime({ seed: 4 });
  const all = new SimulatedDisk({ random: runtime.random.fork('disk') });
  const disk = all.attach(runtime.process('store'));
  return runtime.drive(disk.makeDirectory('snap').then(() => run(disk, all)));
}

/** What is read of a snapshot whose blocks were changed, their checksums made right again. */
function reread(snapshot: Snapshot, change: (blocks: Buffer[]) => Buffer[]): Promise<FoundSnapshot> {
  return onDisk(async (disk, all) => {
    await writeSnapshot(disk, identity, snapshot);
    const [path = ''] = all.files();
    const file = Buffer.from(all.contents(path));
    const blocks: Buffer[] = [];
    for (let from = 0; from < file.length; ) {
      const length = file.readUInt32LE(from);
      blocks.push(file.subarray(from + 8, from + 8 + length));
      from += 8 + length;
    }
    const out = await disk.open('snap/changed', 'create');
    let position = 0;
    let checksum = 0;
    for (const block of change(blocks)) {
      const header = new ByteWriter(8);
      header.u32(block.length);
      checksum = crc32(block, checksum);
      header.u32(checksum);
      await out.write(position, Buffer.concat([header.view(), block]));
      position += 8 + block.length;
    }
    return readSnapshot(disk, 'changed', identity);
  });
}

const shapes = [
  { name: 'nothing', base: [], changes: [] },
  { name: 'small values in one block', base: [0, 1, 100], changes: [5, 0, 7, 8, 9, 10] },
  { name: 'values only of before, in many blocks', base: Array.from({ length: 900 }, (_, i) => (i * 37) % 2000), changes: [] },
  { name: 'changes only, in many blocks', base: [], changes: Array.from({ length: 900 }, (_, i) => (i * 37) % 2000) },
  { name: 'a block of both, and values larger than one', base: [10, 600_000, 20], changes: [30, 700_000, 40, 50, 60, 300_000] },
] as const;

for (const { name, ...sizes } of shapes) {
  test(`readSnapshot() gives back what was written, as often as it is asked for: ${name}`, async () => {
    const snapshot = snapshotOf(sizes);
    const found = await reread(snapshot, (blocks) => blocks);
    const plain = (value: Uint8Array): string => `${value.length} bytes, ${crc32(value)}`;
    const shown = ({ image }: Snapshot): unknown => ({
      base: [...image.base].map((kv) => ({ ...kv, value: plain(kv.value) })),
      changes: [...image.changes].map(({ put, ...change }) => ({ ...change, put: put && { ...put, value: plain(put.value) } })),
    });
    assert.deepEqual(shown(found), shown(snapshot));
    const all = { key: '\0', end: '\0' };
    const [once, plainly] = [Mvcc.restore(found.image), Mvcc.restore(snapshot.image)];
    const rows = (mvcc: Mvcc): unknown => mvcc.range(all).kvs.map((kv) => [kv.key, plain(kv.value), kv.modRevision, kv.version]);
    assert.deepEqual(rows(once), rows(plainly));
    assert.equal(once.sizeBytes, plainly.sizeBytes);
  });
}

const three = snapshotOf({ base: [3], changes: [4] });
const refused: readonly { readonly name: string; readonly change: (blocks: Buffer[]) => Buffer[]; readonly message: RegExp }[] = [
  {
    name: 'an item of a kind that there is not',
    change: ([head = Buffer.of()]) => [head, Buffer.of(9)],
    message: /^item of unknown kind 9$/,
  },
  {
    name: 'fewer items than it says',
    change: ([head = Buffer.of(), items = Buffer.of()]) => [head, Buffer.concat([items.subarray(0, -1), Buffer.of(3)])],
    message: /^has 2 of 3 items$/,
  },
  {
    name: 'a value of before among the changes',
    change: ([head = Buffer.of(), items = Buffer.of()]) => [head, items.subarray(0, -2), items],
    message: /^a value of before comes after the first change$/,
  },
  {
    name: 'a value that goes beyond its block',
    change: ([head = Buffer.of(), items = Buffer.of()]) => [head, items.subarray(0, 15)],
    message: /^ends \d+ bytes early$/,
  },
  { name: 'no end', change: ([head = Buffer.of(), items = Buffer.of()]) => [head, items.subarray(0, -2)], message: /^ends at byte \d+$/ },
  {
    name: 'more behind its end',
    change: ([head = Buffer.of(), items = Buffer.of()]) => [head, Buffer.concat([items, Buffer.of(0)])],
    message: /^1 bytes too many$/,
  },
];

for (const { name, change, message } of refused) {
  test(`readSnapshot() refuses a snapshot with ${name}`, () => assert.rejects(reread(three, change), { name: 'Malformed', message }));
}

test('readSnapshot() takes no block of another snapshot for its own, though it lies at its place', () =>
  onDisk(async (disk, all) => {
    // Two of one size, one after the other.
    const snapshots = [8, 9].map((index) => ({ ...snapshotOf({ base: [300], changes: [] }), index }));
    for (const snapshot of snapshots) await writeSnapshot(disk, identity, snapshot);
    const [older = '', newer = ''] = all.files();
    const bytes = Buffer.from(all.contents(newer));
    const second = 8 + bytes.readUInt32LE(0);
    // A write of the newer one that went astray.
    all.damage(older, (old) => old.set(bytes.subarray(second, old.length), second));
    await assert.rejects(readSnapshot(disk, older.slice('snap/'.length), identity), {
      name: 'Malformed',
      message: `block at byte ${second} does not match its checksum`,
    });
    assert.equal((await readSnapshot(disk, newer.slice('snap/'.length), identity)).index, 9);
  }));
