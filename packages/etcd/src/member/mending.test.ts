import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskBench } from '../contract/disk-bench.ts';
import { readMark, removeMark, setAside } from './mending.ts';

const memberId = '00000000000000ab';

/** A directory that has a log of some segments, a snapshot and a META. */
async function directory() {
  const bench = diskBench();
  const store = await bench.open();
  for (let i = 0; i < 16; i++) await bench.put(store, `k${i % 7}`, 'x'.repeat(600));
  await bench.runtime.settle();
  await bench.runtime.drive(store.close());
  const { disk } = bench;
  const kept = disk.files().filter((path) => /^(META|.*\.(wal|snap))$/.test(path));
  return { bench, disk, contents: new Map(kept.map((path) => [path.slice(path.lastIndexOf('/') + 1), disk.contents(path)])) };
}

test('setAside() that ends at any operation of the disk is done again from there, and nothing of the directory is lost', async () => {
  const { contents } = await directory();
  assert.ok(contents.size >= 4, `${[...contents.keys()]}`);
  for (let operation = 0, isDone = false; !isDone; operation++) {
    const { bench, disk } = await directory();
    let left = operation;
    disk.fault = () => (left-- === 0 ? 'crash' : undefined);
    let wasMoved = false;
    setAside(disk.attach(bench.runtime.process('first')), memberId).then(
      () => (wasMoved = true),
      () => assert.fail('nothing is refused'),
    );
    await bench.runtime.until(() => wasMoved || disk.crashed);
    isDone = wasMoved;
    disk.fault = undefined;
    disk.powerFailure();
    const attached = disk.attach(bench.runtime.process('second'));
    const mark = await bench.runtime.drive(readMark(attached));
    const hasMoved = disk.files().some((path) => path.startsWith('quarantine/'));
    assert.ok(mark === memberId || !hasMoved, `something moved before there was a mark, at operation ${operation}`);
    await bench.runtime.drive(setAside(attached, memberId));
    for (const [name, bytes] of contents) assert.deepEqual(disk.contents(`quarantine/${memberId}-${name}`), bytes);
    assert.deepEqual(
      disk.files().filter((path) => !path.startsWith('quarantine/') && path !== 'LOCK'),
      ['MENDING'],
    );
    await bench.runtime.drive(removeMark(attached));
    assert.equal(await bench.runtime.drive(readMark(attached)), undefined);
  }
});
