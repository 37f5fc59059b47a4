import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fifo, type Strategy } from '@coracle/simulator';
import { diskBench, small } from '../contract/disk-bench.ts';
import type { DiskOperation } from '../disk/simulated-disk.ts';
import { DiskFull, StoreStopped } from '../directory/errors.ts';
import { TooManyRequestsError } from './proposals.ts';
import type { Txn } from '../mvcc/types.ts';
import { recordBytes } from '../wal/record.ts';

const putOf = (key: string, size = 8): Txn => ({ compares: [], success: [{ op: 'put', key, value: Buffer.alloc(size, 1) }], failure: [] });
const isLog = ({ path }: DiskOperation): boolean => path.startsWith('wal/') && path !== 'wal/spare';

test('Member makes a batch durable by one sync, and has one in flight at most', async () => {
  const { runtime, disk, open } = diskBench({ segmentBytes: 1 << 20, firstSegmentBytes: 1 << 20 });
  const store = await open();
  let syncs = 0;
  const answeredAt: number[] = [];
  disk.fault = (operation) => {
    if (operation.op === 'sync' && isLog(operation)) syncs++;
    return undefined;
  };
  const writers = Array.from({ length: 256 }, async (_, writer) => {
    for (let i = 0; i < 4; i++) {
      await store.txn(putOf(`k${writer}/${i}`));
      answeredAt.push(syncs);
    }
  });
  await runtime.drive(Promise.all(writers));
  assert.equal(store.revision, 1025);
  // All that was proposed before the first batch is that batch; each answer lets its writer into the next one.
  assert.equal(syncs, 4);
  assert.deepEqual([...new Set(answeredAt)], [1, 2, 3, 4]);
});

test('Member answers nobody after a sync that failed, and writes no more; reads go on', async () => {
  const { runtime, disk, open, put } = diskBench();
  const store = await open();
  await put(store, 'before');
  const seen: string[] = [];
  store.watch({ key: '\0', end: '\0' }, 0, (batch) => seen.push(...batch.map(({ key }) => key)));
  disk.fault = (operation) => (operation.op === 'sync' && isLog(operation) ? 'EIO' : undefined);
  const outcomes = await runtime.drive(Promise.allSettled([store.txn(putOf('a')), store.txn(putOf('b')), store.compact(2)]));
  for (const outcome of outcomes) assert.ok(outcome.status === 'rejected' && outcome.reason instanceof StoreStopped);
  disk.fault = undefined;
  await assert.rejects(put(store, 'later'), (error) => error instanceof StoreStopped && error.cause === store.failure);
  assert.match(store.failure?.message ?? '', /EIO/);
  assert.deepEqual(
    store.range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key),
    ['before'],
  );
  assert.deepEqual([store.revision, seen], [2, []]);
  await runtime.drive(store.close());
});

test('Member ends writing for good when a write fails half-way; what was acknowledged is found again', async () => {
  const { runtime, disk, open, put } = diskBench();
  const store = await open();
  await put(store, 'before');
  disk.fault = (operation) => (operation.op === 'write' && isLog(operation) ? 'EIO' : undefined);
  await assert.rejects(put(store, 'a'), StoreStopped);
  await runtime.drive(store.close());
  disk.fault = undefined;
  const again = await open();
  assert.equal(again.range({ key: 'before' }).count, 1);
  await put(again, 'after');
});

test('Member refuses puts while the disk is full and still deletes and compacts; with space it goes on', async () => {
  const { runtime, disk, open, put } = diskBench({ snapshotBytes: 1 << 20 });
  const store = await open();
  await put(store, 'a');
  disk.capacityBytes = 0;
  const refused = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await put(store, `k${i}`, 'x'.repeat(100));
  };
  await assert.rejects(refused(), (error) => error instanceof DiskFull && error.directory === '/simulated');
  await assert.rejects(refused(), DiskFull);
  assert.equal(store.range({ key: 'a' }).count, 1);
  const at = store.revision;
  await runtime.drive(store.txn({ compares: [], success: [{ op: 'delete', key: 'a' }], failure: [] }));
  await runtime.drive(store.compact(at));
  assert.deepEqual([store.range({ key: 'a' }).count, store.compactRevision], [0, at]);
  assert.equal(store.failure, undefined);
  assert.deepEqual(
    store.alarms.map(({ type }) => type),
    ['nospace'],
  );
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await runtime.advance(10_000);
  assert.deepEqual(store.alarms, []);
  await put(store, 'b');
  await runtime.drive(store.close());
  assert.equal((await open()).range({ key: 'b' }).count, 1);
});

test('Member takes deletes until the reserve is used up, then refuses them too and stays readable', async () => {
  const { runtime, disk, open, put } = diskBench({ segmentBytes: 1 << 20, snapshotBytes: 1 << 20 });
  const store = await open();
  disk.capacityBytes = 0;
  let deletes = 0;
  const remove = async (): Promise<void> => {
    for (; ; deletes++) await runtime.drive(store.txn({ compares: [], success: [{ op: 'delete', key: 'absent' }], failure: [] }));
  };
  await assert.rejects(remove(), DiskFull);
  assert.ok(deletes >= small.reserveBytes / recordBytes(2 * 48 + 'absent'.length), `${deletes} deletes`);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await runtime.advance(10_000);
  await put(store, 'a');
});

test('Member goes on in its segment when there is no space for the next one', async () => {
  const { runtime, disk, open, put } = diskBench({ snapshotBytes: 1 << 20 });
  const store = await open();
  disk.fault = ({ op, path }) => (op === 'write' && path === 'wal/spare' ? 'ENOSPC' : undefined);
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 1000; i++) await put(store, `k${i % 10}`, 'x'.repeat(100));
  };
  await assert.rejects(fill(), DiskFull);
  assert.deepEqual(
    disk.files().filter((path) => path === 'wal/spare'),
    [],
  );
  disk.fault = undefined;
  await runtime.advance(10_000);
  await put(store, 'after', 'x'.repeat(1000));
  assert.ok(disk.files().filter((path) => path.startsWith('wal/')).length >= 2);
});

const slowSync: Strategy = {
  ...fifo(),
  asked(lane, { at }, view) {
    if (at.op === 'sync' && at.key?.startsWith('wal/') === true) view.hold(lane, 5_000);
  },
};

test('A slow sync does not keep reads waiting, and what is not durable is not read', async () => {
  const { runtime, disk, open } = diskBench({ strategy: slowSync });
  const store = await open();
  const write = store.txn(putOf('a'));
  await runtime.until(() =>
    disk
      .contents('wal/0000000000000001-0000000000000002.wal')
      .subarray(64)
      .some((byte) => byte !== 0),
  );
  assert.deepEqual([store.revision, store.range({ key: 'a' }).count], [1, 0]);
  await runtime.drive(write);
  assert.deepEqual([store.revision, store.range({ key: 'a' }).count], [2, 1]);
});

test('Member refuses more than it can keep waiting', async () => {
  const { runtime, open } = diskBench();
  const store = await open();
  const outcomes = await runtime.drive(Promise.allSettled(Array.from({ length: 5_200 }, (_, i) => store.txn(putOf(`k${i}`)))));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, 200);
  for (const { reason } of refused) assert.ok(reason instanceof TooManyRequestsError);
});

test('DurableStore.close() does what was proposed, refuses what comes later and frees the directory', async () => {
  const { runtime, open } = diskBench();
  const store = await open();
  const last = store.txn(putOf('last'));
  const closing = store.close();
  await assert.rejects(runtime.drive(store.txn(putOf('late'))), { name: 'StoreStopped', message: 'etcdserver: server stopped' });
  await runtime.drive(Promise.all([last, closing, store.close()]));
  assert.equal(store.range({ key: 'last' }).count, 1);
  assert.deepEqual(
    (await open()).range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key),
    ['last'],
  );
});

test('Process.stop() closes the store', async () => {
  const { runtime, process, open, put } = diskBench();
  const store = await open();
  await put(store, 'a');
  await runtime.drive(process().stop());
  assert.equal((await open()).revision, 2);
});
