import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskBench, portrait, small } from './contract/disk-bench.ts';
import { DirectoryDamaged } from './directory/errors.ts';
import type { DiskOperation } from './disk/simulated-disk.ts';
import { openDurableStore } from './open.ts';
import type { DurableStore } from './durable-store.ts';
import type { Txn } from './mvcc/types.ts';

const putOf = (key: string, value: string | Uint8Array): Txn => ({
  compares: [],
  success: [{ op: 'put', key, value: typeof value === 'string' ? Buffer.from(value) : value }],
  failure: [],
});
type Bench = ReturnType<typeof diskBench>;
const segments = ({ disk }: Bench): readonly string[] => disk.files().filter((path) => /^wal\/.*\.wal$/.test(path));

function kill(bench: Bench): void {
  bench.process().kill();
  bench.disk.restart();
}

async function fill(bench: Bench, store: DurableStore, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await bench.put(store, `k${i % 7}`, `value ${i} ${'x'.repeat(60)}`);
  await bench.runtime.settle();
}

test('Stale records of a recycled segment are never replayed', async () => {
  const bench = diskBench();
  let store = await bench.open();
  let recycled = 0;
  bench.disk.fault = ({ op, path }: DiskOperation) => {
    if (op === 'rename' && path.endsWith('.wal')) recycled++;
    return undefined;
  };
  for (let round = 0; round < 6; round++) {
    await fill(bench, store, 150);
    const before = portrait(store);
    bench.process().kill();
    if (round % 2 === 0) bench.disk.restart();
    else bench.disk.powerFailure();
    store = await bench.open();
    assert.equal(portrait(store), before);
  }
  assert.ok(recycled >= 2, `${recycled} segments were used again`);
});

test('A damaged log is refused, and with force it is cut there into quarantine', async () => {
  const bench = diskBench({ snapshotBytes: 1 << 20 });
  const store = await bench.open();
  await fill(bench, store, 150);
  kill(bench);
  const [, second = '', third = ''] = segments(bench);
  bench.disk.damage(second, (bytes) => bytes.fill(255, 1000, 1010));
  const damage = await bench.open().then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(damage instanceof DirectoryDamaged && damage.file === second && damage.offset !== undefined && damage.offset <= 1000);
  bench.disk.restart();
  const process = bench.runtime.process('store');
  const forced = await bench.runtime.drive(
    openDurableStore({ process, disk: bench.disk.attach(process), ...small, snapshotBytes: 1 << 20, forceTruncate: true }),
  );
  assert.ok(forced.revision > 1 && forced.revision < 151, `${forced.revision}`);
  const quarantined = bench.disk.files().filter((path) => path.startsWith('quarantine/'));
  assert.ok(
    quarantined.some((path) => path.includes(second.slice(4))) && quarantined.includes(`quarantine/${third.slice(4)}`),
    quarantined.join(),
  );
  await bench.put(forced, 'after');
  const after = portrait(forced);
  process.kill();
  bench.disk.restart();
  assert.equal(portrait(await bench.open()), after);
});

test('With force a log goes on before a segment that is missing', async () => {
  const bench = diskBench({ snapshotBytes: 1 << 20, forceTruncate: true });
  const store = await bench.open();
  await fill(bench, store, 150);
  kill(bench);
  bench.disk.removeFile(segments(bench)[1] ?? '');
  const forced = await bench.open();
  assert.ok(forced.revision > 1 && forced.revision < 151);
  await bench.put(forced, 'after');
});

test('A snapshot whose name was lost in a crash is done without: the older one and a longer log serve', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const bench = diskBench({ seed });
    const store = await bench.open();
    await fill(bench, store, 120);
    let isLost = false;
    bench.disk.fault = ({ op, path }) => {
      if (op !== 'syncDirectory' || path !== 'snap') return undefined;
      isLost = true;
      return 'crash';
    };
    for (let i = 0; i < 200 && !isLost; i++) {
      let isDone = false;
      store.txn(putOf(`k${i % 7}`, `more ${i} ${'y'.repeat(60)}`)).then(
        () => {
          isDone = true;
        },
        () => assert.fail('nothing is refused'),
      );
      await bench.runtime.until(() => isDone || bench.disk.crashed);
    }
    const last = portrait(store);
    assert.ok(isLost);
    bench.process().kill();
    bench.disk.powerFailure();
    bench.disk.fault = undefined;
    assert.equal(portrait(await bench.open()), last, `seed ${seed}`);
  }
});

test('Recovery twice in a row gives the same bytes', async () => {
  const bench = diskBench({ snapshotBytes: 1 << 20 });
  await fill(bench, await bench.open(), 60);
  bench.process().kill();
  bench.disk.powerFailure();
  const contents = (): readonly string[] =>
    segments(bench).map((path) => `${path} ${Buffer.from(bench.disk.contents(path)).toString('base64')}`);
  const first = await bench.open();
  const before = portrait(first);
  await bench.runtime.drive(first.close());
  const then = contents();
  // Only what each opening adds itself differs: its term, the entry with which it begins to lead, and the mark at its end.
  const second = await bench.open();
  assert.equal(portrait(second), before);
  await bench.runtime.drive(second.close());
  for (const [i, text] of contents().entries()) assert.equal(text.slice(0, 1000), then[i]?.slice(0, 1000));
});

test('Keys and values of every size and byte are found again', async () => {
  const bench = diskBench({ segmentBytes: 1 << 22, firstSegmentBytes: 1 << 22, snapshotBytes: 1 << 24 });
  let store = await bench.open();
  const every = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['k', Buffer.alloc(1_500_000, 7)],
    ['\0', Buffer.alloc(0)],
    ['\xff\xfe', Buffer.from([0, 255])],
    [every, Buffer.from(every, 'latin1')],
    ['x'.repeat(10_240), Buffer.from('long')],
  ];
  for (const [key, value] of cases) await bench.runtime.drive(store.txn(putOf(key, value)));
  for (let round = 0; round < 2; round++) {
    kill(bench);
    store = await bench.open();
    for (const [key, value] of cases) {
      const [kv] = store.range({ key }).kvs;
      assert.ok(kv !== undefined && Buffer.compare(kv.value, value) === 0, JSON.stringify(key.slice(0, 10)));
    }
  }
});

test('Answers come in the order of revisions, each after its own sync', async () => {
  const bench = diskBench({ segmentBytes: 1 << 20, firstSegmentBytes: 1 << 20 });
  const store = await bench.open();
  let syncs = 0;
  bench.disk.fault = ({ op, path }) => {
    if (op === 'sync' && path.endsWith('.wal')) syncs++;
    return undefined;
  };
  const answered: number[] = [];
  const writers = Array.from({ length: 256 }, async (_, writer) => {
    const before = syncs;
    const { revision } = await store.txn(putOf(`k${writer}`, 'x'));
    answered.push(revision);
    assert.ok(syncs > before);
  });
  await bench.runtime.drive(Promise.all(writers));
  assert.deepEqual(
    answered,
    Array.from({ length: 256 }, (_, i) => i + 2),
  );
});
