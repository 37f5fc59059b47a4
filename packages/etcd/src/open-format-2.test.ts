import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskBench, portrait } from './contract/disk-bench.ts';
import { writeAsFormat2 } from './fixtures/format-2.ts';

test('openDurableStore() reads a directory of format 2, and one that is half of it, as often as the program is changed', async () => {
  const bench = diskBench();
  let store = await bench.open();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 130; i++) await bench.put(store, `k${i % 7}`, `value ${round} ${i} ${'x'.repeat(60)}`);
    await bench.runtime.settle();
    const before = portrait(store);
    bench.process().kill();
    bench.disk.restart();
    writeAsFormat2(bench.disk);
    const segments = bench.disk.files().filter((path) => path.endsWith('.wal'));
    const snapshots = bench.disk.files().filter((path) => path.endsWith('.snap'));
    assert.ok(snapshots.length === 2 && segments.length >= 1);
    for (const path of segments) assert.equal(bench.disk.contents(path)[8], 2, path);
    for (const path of snapshots) assert.equal(bench.disk.contents(path)[17], 2, path);
    store = await bench.open();
    assert.equal(portrait(store), before);
    const last = bench.disk.files().findLast((path) => path.endsWith('.wal')) ?? '';
    assert.equal(bench.disk.contents(last)[8], 3, 'nothing of this format follows what is of the older one');
    if (round % 2 === 0) bench.process().kill();
    else await bench.runtime.drive(store.close());
    bench.disk.powerFailure();
    store = await bench.open();
    assert.equal(portrait(store), before);
  }
});
