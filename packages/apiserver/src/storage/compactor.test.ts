import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { compactPeriodically } from './compactor.ts';
import { EmbeddedStorage } from './embedded.ts';
import { CompactedRevisionError } from './storage.ts';

const intervalMs = 300_000;

function world() {
  const runtime = new SimRuntime();
  const store = new MemoryStore({ process: runtime.process('etcd') });
  const storage = new EmbeddedStorage(store);
  const process = runtime.process('kube-apiserver');
  process.spawn('compactor', (signal) => compactPeriodically({ process, storage, intervalMs }, signal));
  const put = (key: string) =>
    runtime.drive(store.txn({ compares: [], success: [{ op: 'put', key, value: new Uint8Array([1]) }], failure: [] }));
  return { runtime, store, storage, process, put };
}

test('what is older than one interval is compacted at the end of the next, and does not hold settle()', async () => {
  const { runtime, store, storage, put } = world();
  await runtime.settle();
  for (const key of ['/a', '/b', '/c']) await put(key);
  const old = store.revision;
  await runtime.advance(intervalMs);
  assert.ok(store.compactRevision < old, 'the revisions of this interval are still served');
  await put('/d');
  await runtime.advance(intervalMs);
  assert.equal(store.compactRevision, old);
  await assert.rejects(runtime.drive(storage.list('/', { at: store.compactRevision - 1 } as never)), CompactedRevisionError); // a number is a revision
  assert.deepEqual(runtime.failures, []);
});

test('a revision that somebody else has compacted is no failure', async () => {
  const { runtime, store, put } = world();
  await runtime.settle();
  for (const key of ['/a', '/b', '/c']) await put(key);
  await runtime.drive(store.compact(store.revision));
  await runtime.advance(3 * intervalMs);
  assert.deepEqual(runtime.failures, []);
});

test('a store that cannot be reached for a while is compacted afterwards, and the server goes on', async () => {
  const { runtime, store, storage, process, put } = world();
  await runtime.settle();
  for (const key of ['/a', '/b', '/c']) await put(key);
  const old = store.revision;
  await runtime.advance(intervalMs);
  const { compact } = storage;
  storage.compact = () => Promise.reject(new Error('no answer'));
  await runtime.advance(intervalMs);
  assert.ok(store.compactRevision < old);
  storage.compact = compact;
  await runtime.advance(intervalMs);
  assert.equal(store.compactRevision, old);
  assert.deepEqual([runtime.failures, process.signal.aborted], [[], false]);
});
