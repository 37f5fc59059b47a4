import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type DiskBench, diskBench, portrait } from './contract/disk-bench.ts';
import { DirectoryDamaged, DirectoryInUse, DirectoryTooNew, DiskFull } from './directory/errors.ts';
import type { DurableStore } from './durable-store.ts';
import type { Txn } from './mvcc/types.ts';
import { openDurableStore } from './open.ts';
import { parseSnapshotName } from './snapshot/snapshot-file.ts';
import { parseSegmentName, segmentHeaderBytes } from './wal/segment.ts';

const firstSegment = 'wal/0000000000000001-0000000000000002.wal';

/** A store with history, leases and a compaction behind it, and no snapshot. */
async function filled(bench: DiskBench, puts = 12): Promise<DurableStore> {
  const store = await bench.open();
  await bench.runtime.drive(store.grantLease({ id: 9n, ttlSeconds: 60 }));
  for (let i = 0; i < puts; i++) await bench.put(store, `k${i % 5}`, `value ${i}`);
  await bench.runtime.drive(
    store.txn({ compares: [], success: [{ op: 'put', key: 'leased', value: Buffer.alloc(0), lease: 9n }], failure: [] }),
  );
  await bench.runtime.drive(store.txn({ compares: [], success: [{ op: 'delete', key: 'k0', end: 'k2' }], failure: [] }));
  await bench.runtime.drive(store.compact(4));
  return store;
}

/** Where the bytes end that are not zero. */
function endOf(bytes: Uint8Array): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

/** Ends the process as kill -9 does. */
function kill({ process, disk }: DiskBench): void {
  process().kill();
  disk.restart();
}

const roomy = { segmentBytes: 1 << 14, snapshotBytes: 1 << 20 };

describe('openDurableStore()', () => {
  test('finds everything again: after a close, a kill, a power failure, and each a second time', async () => {
    for (const end of ['close', 'kill', 'power failure'] as const) {
      const bench = diskBench(roomy);
      let store = await filled(bench);
      const before = portrait(store);
      for (let i = 0; i < 3; i++) {
        if (end === 'close') await bench.runtime.drive(store.close());
        else bench.process().kill();
        if (end === 'power failure') bench.disk.powerFailure();
        if (end === 'kill') bench.disk.restart();
        store = await bench.open();
        assert.equal(portrait(store), before, end);
        assert.equal(store.compactRevision, 4);
        assert.equal(store.lease(9n)?.remainingSeconds, 60);
      }
    }
  });

  test('finds everything again over segments and snapshots, and drops what is not needed', async () => {
    const bench = diskBench();
    let store = await filled(bench, 1500);
    const before = portrait(store);
    await bench.runtime.settle();
    const files = bench.disk.files();
    assert.equal(files.filter((path) => path.startsWith('snap/')).length, 2);
    // Of the segments only the first may hold entries that the older snapshot has.
    const older = parseSnapshotName(files.find((path) => path.startsWith('snap/'))?.slice('snap/'.length) ?? '') ?? 0;
    const begins = logFiles(bench).map((path) => parseSegmentName(path.slice('wal/'.length))?.firstIndex ?? 0);
    assert.ok(begins.length > 1 && begins.slice(1).every((firstIndex) => firstIndex > older + 1), `${begins} after ${older}`);
    kill(bench);
    store = await bench.open();
    assert.equal(portrait(store), before);
    const seen: number[] = [];
    store.watch({ key: '\0', end: '\0' }, 4, (batch) => seen.push(...batch.map(({ revision }) => revision)));
    assert.deepEqual([seen[0], seen.at(-1)], [4, store.revision]);
  });

  test('goes on after what it found: no revision is used twice', async () => {
    const bench = diskBench(roomy);
    const { revision } = await filled(bench);
    kill(bench);
    const store = await bench.open();
    assert.equal((await bench.put(store, 'next')).revision, revision + 1);
  });

  test('gives recovered leases their full time, and ends them', async () => {
    const bench = diskBench(roomy);
    await filled(bench);
    await bench.runtime.advance(50_000);
    kill(bench);
    const store = await bench.open();
    await bench.runtime.advance(50_000);
    assert.equal(store.range({ key: 'leased' }).count, 1);
    await bench.runtime.advance(20_000);
    assert.equal(store.range({ key: 'leased' }).count, 0);
  });

  test('of a snapshot taken while writes go on equals the store that took it', async () => {
    const bench = diskBench();
    const store = await bench.open();
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      for (let i = 0; i < 20; i++) {
        const value = Buffer.from(`${writer} ${i} ${'x'.repeat(60)}`);
        await store.txn({ compares: [], success: [{ op: 'put', key: `k${i}`, value }], failure: [] });
      }
    });
    await bench.runtime.drive(Promise.all(writers));
    await bench.runtime.settle();
    const before = portrait(store);
    kill(bench);
    assert.equal(portrait(await bench.open()), before);
  });

  test('refuses a directory that is in use, and takes over that of a dead process', async () => {
    const bench = diskBench();
    const store = await bench.open();
    await assert.rejects(bench.runtime.drive(bench.begin()), DirectoryInUse);
    await bench.runtime.drive(store.close());
    await bench.open();
    kill(bench);
    await bench.open();
  });

  test('refuses a directory of a newer format', async () => {
    const bench = diskBench(roomy);
    await bench.runtime.drive((await filled(bench)).close());
    bench.disk.damage('META', (bytes) => {
      const meta = Buffer.from(bytes.buffer);
      for (const at of [0, 4096]) {
        meta.writeUInt32LE(4, at + 8);
        meta.writeUInt32LE(crc32(meta.subarray(at + 20, at + 20 + meta.readUInt32LE(at + 16)), 4), at + 12);
      }
    });
    await assert.rejects(bench.open(), (error) => error instanceof DirectoryTooNew && /version 4.*up to 3/.test(error.message));
  });

  test('says that the disk is full, and leaves a directory that opens once it is not', async () => {
    const bench = diskBench();
    for (const capacity of [0, 5000, 8192, 9000]) {
      bench.disk.capacityBytes = capacity;
      await assert.rejects(bench.open(), DiskFull, `${capacity}`);
    }
    bench.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await bench.open();
  });

  test('passes on an error of the disk and frees the directory', async () => {
    const bench = diskBench(roomy);
    await bench.runtime.drive((await filled(bench)).close());
    bench.disk.fault = ({ op, path }) => (op === 'read' && path === firstSegment ? 'EIO' : undefined);
    await assert.rejects(bench.open(), { code: 'EIO' });
    bench.disk.fault = undefined;
    await bench.open();
  });
});

describe('openDurableStore() of a damaged directory', () => {
  test('cuts the log at any byte of its last batch, keeps that in quarantine, and refuses a cut before it', async () => {
    const bench = diskBench(roomy);
    const store = await bench.open();
    await bench.put(store, 'a');
    const first = endOf(bench.disk.contents(firstSegment));
    const { runtime } = bench;
    const putOf = (key: string): Txn => ({ compares: [], success: [{ op: 'put', key, value: Buffer.from(key) }], failure: [] });
    await runtime.drive(Promise.all(['b', 'c', 'd'].map((key) => store.txn(putOf(key)))));
    kill(bench);
    const log = bench.disk.contents(firstSegment);
    const end = endOf(log);
    for (let cut = segmentHeaderBytes; cut < end; cut++) {
      for (const path of logFiles(bench)) if (path !== firstSegment) bench.disk.removeFile(path);
      bench.disk.damage(firstSegment, (bytes) => {
        bytes.set(log);
        bytes.fill(0, cut);
      });
      const recovered = await bench.open();
      const found = recovered.range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key);
      // The three were one batch: they are there together or not at all.
      assert.ok(['', 'a', 'abcd'].includes(found.join('')) && (cut < first || found.length > 0), `cut at ${cut}: ${found.join('')}`);
      assert.equal(recovered.revision, 1 + found.length);
      kill(bench);
    }
    assert.ok(bench.disk.files().some((path) => path.startsWith('quarantine/')));
  });

  test('never reads a wrong value, whichever bit of the log is flipped', async () => {
    const bench = diskBench({ ...roomy, firstSegmentBytes: 512, reserveBytes: 64 });
    const store = await bench.open();
    for (const key of ['a', 'b', 'c']) await bench.put(store, key, `value of ${key}`);
    const expected = portrait(store).split('\n').slice(1);
    await bench.runtime.drive(store.close());
    const log = bench.disk.contents(firstSegment);
    const end = log.findLastIndex((byte) => byte !== 0) + 1;
    let refused = 0;
    for (let bit = 0; bit < end * 8; bit += 3) {
      bench.disk.damage(firstSegment, (bytes) => {
        bytes.set(log);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      });
      try {
        const found = await bench.open();
        // Only the mark of the clean close may go unnoticed.
        assert.deepEqual(portrait(found).split('\n').slice(1), expected, `bit ${bit}`);
        assert.ok(bit >> 3 >= end - 24, `bit ${bit} went unnoticed`);
        await bench.runtime.drive(found.close());
      } catch (error) {
        if (!(error instanceof DirectoryDamaged)) throw error;
        assert.equal(error.file, firstSegment);
        assert.ok(error.offset !== undefined && error.offset <= bit >> 3, `bit ${bit}: place ${error.offset}`);
        refused++;
      }
      bench.disk.restart();
    }
    assert.ok(refused > 100);
  });

  interface Case {
    readonly what: string;
    readonly damage: (bench: DiskBench) => void;
    readonly file: RegExp;
    readonly reason: RegExp;
  }
  const cases: readonly Case[] = [
    { what: 'without META', damage: ({ disk }) => disk.removeFile('META'), file: /^META$/, reason: /missing, but "wal\// },
    {
      what: 'with both copies of META broken',
      damage: ({ disk }) => disk.damage('META', (bytes) => bytes.fill(7)),
      file: /^META$/,
      reason: /neither of its two copies/,
    },
    {
      what: 'without a log',
      damage({ disk }) {
        for (const path of logFiles({ disk })) disk.removeFile(path);
      },
      file: /^wal$/,
      reason: /no segment/,
    },
    {
      what: 'without its first segment',
      damage: ({ disk }) => disk.removeFile(firstSegment),
      file: /^wal\/0000000000000002-/,
      reason: /entries 2 to \d+ are missing/,
    },
    {
      what: 'without a segment in the middle',
      damage: ({ disk }) => disk.removeFile(logFiles({ disk })[1] ?? ''),
      file: /^wal\/0000000000000003-/,
      reason: /segment 2 before it is missing/,
    },
    {
      what: 'with the end of a segment in the middle gone',
      damage: ({ disk }) => disk.damage(logFiles({ disk })[1] ?? '', (bytes) => bytes.fill(0, segmentHeaderBytes)),
      file: /^wal\/0000000000000003-/,
      reason: /the segment before it ends with record/,
    },
    {
      what: 'with garbage in place of the last record of a segment in the middle',
      damage: ({ disk }) => disk.damage(logFiles({ disk })[1] ?? '', (bytes) => bytes.fill(1, endOf(bytes) - 40)),
      file: /^wal\/0000000000000003-/,
      reason: /the segment before it ends with record|it does not continue/,
    },
    {
      what: 'with a broken segment header',
      damage: ({ disk }) => disk.damage(firstSegment, (bytes) => bytes.fill(255, 40, 44)),
      file: /^wal\/0000000000000001-/,
      reason: /header does not match its checksum/,
    },
    {
      what: 'with another file in place of a segment',
      damage: ({ disk }) => disk.damage(firstSegment, (bytes) => bytes.set(Buffer.from('hello'))),
      file: /^wal\/0000000000000001-/,
      reason: /not a segment of the log/,
    },
    {
      what: 'with a length that points past the end',
      damage: ({ disk }) => disk.damage(firstSegment, (bytes) => bytes.set([255, 255, 255, 127], segmentHeaderBytes)),
      file: /^wal\/0000000000000001-/,
      reason: /claims 2147483647 bytes.*is intact/,
    },
  ];
  for (const { what, damage, file, reason } of cases) {
    test(`${what} is refused with the place, and is left as it is`, async () => {
      const bench = diskBench({ snapshotBytes: 1 << 20 });
      await filled(bench, 250);
      kill(bench);
      damage(bench);
      const before = bench.disk.files();
      await assert.rejects(bench.open(), (error) => {
        assert.ok(error instanceof DirectoryDamaged);
        assert.match(error.file, file);
        assert.match(error.reason, reason);
        assert.match(error.message, /^Cannot open store directory "\/simulated": .*; restore the directory from a copy$/);
        return true;
      });
      assert.deepEqual(bench.disk.files(), before);
    });
  }

  test('is refused when META does not read back as it was written', async () => {
    const bench = diskBench(roomy);
    await bench.runtime.drive((await filled(bench)).close());
    const process = bench.runtime.process('store');
    const disk = bench.disk.attach(process);
    const open: typeof disk.open = async (path, mode) => {
      const file = await disk.open(path, mode);
      if (path !== 'META' || mode !== 'write') return file;
      return { ...file, read: async (position, length) => (await file.read(position, length)).map((byte) => byte ^ 1) };
    };
    await assert.rejects(bench.runtime.drive(openDurableStore({ process, disk: { ...disk, open } })), (error) => {
      assert.ok(error instanceof DirectoryDamaged && error.file === 'META' && error.offset !== undefined);
      assert.match(error.reason, /does not read back/);
      return true;
    });
    await bench.open();
  });

  test('survives one broken copy of META', async () => {
    const bench = diskBench(roomy);
    const before = portrait(await filled(bench));
    for (const at of [0, 4096]) {
      kill(bench);
      bench.disk.damage('META', (bytes) => bytes.fill(7, at, at + 100));
      assert.equal(portrait(await bench.open()), before);
    }
  });

  test('with segments of another store is refused', async () => {
    const other = diskBench({ ...roomy, seed: 12 });
    await filled(other);
    const bench = diskBench(roomy);
    await filled(bench);
    kill(bench);
    const foreign = other.disk.contents(firstSegment);
    bench.disk.damage(firstSegment, (bytes) => bytes.set(foreign));
    await assert.rejects(bench.open(), /belongs to another store/);
  });

  test('does without its newest snapshot, and not without both', async () => {
    const bench = diskBench();
    const store = await filled(bench, 400);
    await bench.runtime.settle();
    const before = portrait(store);
    kill(bench);
    const [, newest = ''] = bench.disk.files().filter((path) => path.startsWith('snap/'));
    bench.disk.damage(newest, (bytes) => bytes.fill(9, 40, 50));
    assert.equal(portrait(await bench.open()), before);
    assert.ok(bench.disk.files().includes(`quarantine/${newest.slice('snap/'.length)}`));
    kill(bench);
    const left = bench.disk.files().filter((path) => path.startsWith('snap/') && path.endsWith('.snap'));
    for (const path of left) bench.disk.damage(path, (bytes) => bytes.fill(0, 10));
    await assert.rejects(bench.open(), (error) => error instanceof DirectoryDamaged && error.file === left.at(-1));
  });

  test('ignores and removes what was never finished', async () => {
    const bench = diskBench(roomy);
    const before = portrait(await filled(bench));
    kill(bench);
    const disk = bench.disk.attach(bench.runtime.process('other'));
    for (const path of ['wal/x.wal.tmp', 'snap/y.snap.tmp', 'wal/notes.txt']) await bench.runtime.drive(disk.open(path, 'create'));
    assert.equal(portrait(await bench.open()), before);
    assert.deepEqual(
      bench.disk.files().filter((path) => /tmp|notes/.test(path)),
      ['wal/notes.txt'],
    );
  });
});

function logFiles({ disk }: Pick<DiskBench, 'disk'>): readonly string[] {
  return disk.files().filter((path) => path.startsWith('wal/') && path.endsWith('.wal'));
}
