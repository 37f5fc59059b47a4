import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { EmbeddedStorage } from './embedded.ts';
import { followPrefix } from './follow-prefix.ts';
import type { Storage, WatchSink } from './storage.ts';
import { valueOf } from './storage-contract.ts';

const prefix = '/registry/configmaps/';

/** A storage whose watches can be lost and whose lists can fail, and what a follower was told of it. */
async function scene() {
  const runtime = new SimRuntime({ seed: 1 });
  const inner = new EmbeddedStorage(new MemoryStore());
  const open: { readonly watch: Disposable; readonly sink: WatchSink }[] = [];
  let failures = 0;
  const storage: Storage = {
    get: (key, options) => inner.get(key, options),
    async list(of, options) {
      if (failures > 0) throw new Error(`away, ${failures--} more times`);
      return inner.list(of, options);
    },
    commit: (request) => inner.commit(request),
    watch(of, after, sink) {
      const watch = inner.watch(of, after, sink);
      open.push({ watch, sink });
      return watch;
    },
    currentRevision: () => inner.currentRevision(),
    progress: () => inner.progress(),
    compact: (revision) => inner.compact(revision),
  };
  const told: string[] = [];
  const process = runtime.process('server');
  const put = async (name: string): Promise<void> => {
    const { stored } = await inner.get(prefix + name);
    assert.ok((await inner.commit({ key: prefix + name, expect: stored?.revision ?? 'absent', value: valueOf(name, '1') })).succeeded);
  };
  const remove = async (name: string): Promise<void> => {
    const { stored } = await inner.get(prefix + name);
    assert.ok(stored !== undefined);
    await inner.commit({ key: prefix + name, expect: stored.revision, value: 'deleted' });
  };
  await put('a');
  await put('b');
  const follower = await followPrefix({
    storage,
    process,
    prefix,
    changed: (key, current, previous) =>
      told.push(`${previous === undefined ? '' : 'was '}${key.slice(prefix.length)} ${current === undefined ? 'gone' : 'there'}`),
  });
  return {
    runtime,
    process,
    put,
    remove,
    follower,
    told: (): readonly string[] => told.splice(0),
    fail: (times: number) => (failures = times),
    lose: (why: 'compacted' | 'lost') => {
      const last = open.pop();
      last?.watch[Symbol.dispose]();
      last?.sink.ended(why);
    },
  };
}

test('a follower is told what is there, and then each change within its commit', async () => {
  const { told, put, remove, follower } = await scene();
  assert.deepEqual(told(), ['a there', 'b there']);
  await put('c');
  await put('a');
  await remove('b');
  assert.deepEqual(told(), ['c there', 'was a there', 'was b gone']);
  follower[Symbol.dispose]();
  await put('d');
  assert.deepEqual(told(), []);
});

for (const why of ['lost', 'compacted'] as const) {
  test(`after a watch was ${why} a follower is told what it missed, also what has gone, and follows on`, async () => {
    const { runtime, told, put, remove, lose, fail } = await scene();
    told();
    lose(why);
    fail(3);
    await put('c');
    await remove('a');
    assert.deepEqual(told(), []);
    await runtime.settle();
    assert.deepEqual(told(), ['a gone', 'b there', 'c there']);
    await put('d');
    await remove('c');
    assert.deepEqual(told(), ['d there', 'was c gone']);
  });
}

test('a follower that is disposed of or whose process stops reads no more', async () => {
  for (const end of ['dispose', 'stop'] as const) {
    const { runtime, told, put, lose, fail, follower, process } = await scene();
    told();
    fail(2);
    lose('lost');
    if (end === 'dispose') follower[Symbol.dispose]();
    else await runtime.drive(process.stop());
    await put('c');
    await runtime.settle();
    assert.deepEqual(told(), [], end);
  }
});
