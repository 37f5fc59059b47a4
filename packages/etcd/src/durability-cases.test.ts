import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@coracle/simulator';
import { diskBench, digestOf } from './contract/disk-bench.ts';
import type { Operation, Txn } from './mvcc/types.ts';
import type { Store } from './store.ts';

const txnOf = (...success: readonly Operation[]): Txn => ({ compares: [], success, failure: [] });
const putOf = (key: string, value = key): Operation => ({ op: 'put', key, value: Buffer.from(value) });

test('After a crash amid thousands of random writes the hash of what was acknowledged is the same', async () => {
  const sizes = { segmentBytes: 1 << 18, snapshotBytes: 1 << 18, firstSegmentBytes: 1 << 16, reserveBytes: 1 << 12 };
  const bench = diskBench({ seed: 54, ...sizes });
  const random = seededRandom(54);
  let store = await bench.open();
  const operation = (): Operation => {
    const key = `k${random.below(500)}`;
    return random.below(5) === 0 ? { op: 'delete', key, end: `${key}5` } : putOf(key, `v${random.below(1000)}`);
  };
  for (let round = 0; round < 3; round++) {
    for (let batch = 0; batch < 20; batch++) {
      await bench.runtime.drive(
        Promise.all(Array.from({ length: 100 }, () => store.txn(txnOf(operation(), putOf(`n${random.below(50)}`))))),
      );
      if (batch % 8 === 7) await bench.runtime.drive(store.compact(store.revision - 300));
    }
    const before = [store.revision, await bench.runtime.drive(store.hash(0)), digestOf(store)];
    // What is on its way is not acknowledged, and may be found or not.
    bench.process().kill();
    bench.disk.powerFailure();
    store = await bench.open();
    assert.deepEqual([store.revision, await bench.runtime.drive(store.hash(0)), digestOf(store)], before);
  }
});

test('A compaction that is cut short at any operation of the disk is done or not, and then done once more', async () => {
  let isOver = false;
  for (let cut = 0; !isOver; cut++) {
    const bench = diskBench({ seed: 55, retention: { revisions: 5, bytes: 1 << 20 } });
    let store = await bench.open();
    for (let i = 0; i < 12; i++) await bench.put(store, `k${i % 4}`, `value ${i}`);
    await bench.runtime.drive(store.txn(txnOf({ op: 'delete', key: 'k0' })));
    const [current, served] = [digestOf(store), portraitFrom(store, 9)];
    let left = cut;
    bench.disk.fault = () => (left-- === 0 ? 'crash' : undefined);
    let isDone = false;
    let isSnapshot = false;
    store.compact(9).then(
      () => (isDone = true),
      () => undefined,
    );
    await bench.runtime.until(() => isDone || bench.disk.crashed);
    // A snapshot takes over what the compaction left, and the log before it goes.
    if (isDone) {
      store.snapshotNow().then(
        () => (isSnapshot = true),
        () => undefined,
      );
      await bench.runtime.until(() => isSnapshot || bench.disk.crashed);
    }
    isOver = isSnapshot && !bench.disk.crashed;
    bench.process().kill();
    bench.disk.powerFailure();
    bench.disk.fault = undefined;
    store = await bench.open();
    if (isDone) assert.equal(store.compactRevision, 9, `cut at ${cut}`);
    assert.ok(store.compactRevision === 9 || store.compactRevision === 0, `cut at ${cut}`);
    assert.deepEqual([digestOf(store), portraitFrom(store, 9)], [current, served], `cut at ${cut}`);
    if (store.compactRevision === 0) await bench.runtime.drive(store.compact(9));
    else await assert.rejects(bench.runtime.drive(store.compact(9)), /has been compacted/);
    assert.throws(() => store.range({ key: 'k1', revision: 8 }), /has been compacted/);
    assert.deepEqual([digestOf(store), portraitFrom(store, 9)], [current, served], `cut at ${cut}`);
    await bench.runtime.drive(store.close());
  }
});

/** What is served from a revision on. */
function portraitFrom(store: Store, from: number): string {
  const lines: string[] = [];
  for (let revision = from; revision <= store.revision; revision++) {
    const { kvs } = store.range({ key: '\0', end: '\0', revision });
    lines.push(`${revision} ${kvs.map(({ key, value, modRevision }) => `${key}=${Buffer.from(value).toString()}@${modRevision}`).join()}`);
  }
  return lines.join('\n');
}
