import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInternalError, isServiceUnavailable } from '@coracle/apimachinery';
import { EtcdClient, InProcessServers, MemoryStore, type Revision, serverOver } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { Etcd3Storage } from './etcd3.ts';
import { CompactedRevisionError, type StorageChange } from './storage.ts';
import { valueOf } from './storage-contract.ts';

const endpoint = 'http://etcd:2379';

function world(options: { readonly prefix?: string } = {}) {
  const runtime = new SimRuntime({ seed: 11 });
  const etcd = runtime.process('etcd');
  const store = new MemoryStore({ process: etcd });
  const process = runtime.process('kube-apiserver');
  const servers = new InProcessServers(process);
  const server = serverOver(etcd, store);
  servers.up(endpoint, server);
  const another = (): Etcd3Storage => {
    const client = new EtcdClient({ process, connector: servers, endpoints: [endpoint], timeoutMs: 2000 });
    return new Etcd3Storage({ process, client, ...options });
  };
  const storage = another();
  const create = (key: string) => runtime.drive(storage.commit({ key, expect: 'absent', value: valueOf('a', '1') }));
  const foreign = (key: string, value: string) =>
    runtime.drive(store.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from(value) }], failure: [] }));
  return { runtime, store, servers, server, process, storage, another, create, foreign };
}

const noChanges = (): void => undefined;

test('Etcd3Storage puts events on leases, one for many, and lets them go after an hour', async () => {
  const { runtime, store, storage, create } = world();
  for (let i = 0; i < 3; i++) await create(`/registry/events/default/e${i}`);
  await create('/registry/configmaps/default/a');
  const [lease] = store.leases();
  assert.deepEqual([store.leases().length, lease?.ttlSeconds], [1, 3660]);
  await runtime.advance(61_000);
  await create('/registry/events/default/late');
  assert.equal(store.leases().length, 2);
  await runtime.advance(3_610_000);
  const left = await runtime.drive(storage.list('/registry/'));
  assert.deepEqual(
    left.items.map(({ key }) => key),
    ['/registry/configmaps/default/a', '/registry/events/default/late'],
  );
});

test('Etcd3Storage puts no more than a thousand objects on a lease', async () => {
  const { store, create } = world();
  for (let i = 0; i < 1001; i++) await create(`/registry/events/default/e${i}`);
  assert.deepEqual(
    store.leases().map(({ id }) => store.lease(id)?.keys.length),
    [1000, 1],
  );
});

test('Etcd3Storage keeps everything below its prefix, and the name of a key is the same', async () => {
  const { runtime, store, storage, create } = world({ prefix: 'other/place/' });
  await create('/registry/configmaps/default/a');
  assert.deepEqual(
    store.range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key),
    ['/other/place/configmaps/default/a'],
  );
  assert.equal((await runtime.drive(storage.list('/registry/configmaps/'))).items[0]?.key, '/registry/configmaps/default/a');
});

test('Etcd3Storage.compact() is the turn of one of several servers, and of none that has just started', async () => {
  const { runtime, store, storage, another, create } = world();
  const other = another();
  for (let i = 0; i < 5; i++) await create(`/registry/configmaps/default/a${i}`);
  await runtime.drive(storage.compact(3 as Revision)); // revisions are those of five writes
  assert.equal(store.compactRevision, 3);
  assert.equal(Buffer.from(store.range({ key: 'compact_rev_key' }).kvs[0]?.value ?? []).toString(), '3');
  await runtime.drive(other.compact(4 as Revision)); // learns that it is not its turn
  assert.equal(store.compactRevision, 3);
  await runtime.drive(other.compact(4 as Revision)); // as above
  assert.equal(store.compactRevision, 4);
});

test('Etcd3Storage.watch() goes on after the server was away, and ends when too much was compacted meanwhile', async () => {
  const { runtime, store, servers, server, storage, create, foreign } = world();
  const { revision } = await create('/registry/configmaps/default/a').then((result) => result as { readonly revision: Revision }); // it succeeds
  const seen: string[] = [];
  const ended: string[] = [];
  const changes = (batch: readonly StorageChange[]): void => void seen.push(...batch.map(({ key }) => key));
  storage.watch('/registry/', revision, { changes, ended: (why) => ended.push(why) });
  await runtime.advance(1000);
  const object = '{"kind":"A","apiVersion":"v1","metadata":{"name":"x"}}';
  servers.down(endpoint);
  await foreign('/registry/b', object);
  await foreign('/registry/c', object);
  servers.up(endpoint, server);
  await runtime.advance(5000);
  assert.deepEqual([seen, ended], [['/registry/b', '/registry/c'], []]);
  servers.down(endpoint);
  await foreign('/registry/d', object);
  await foreign('/registry/e', object);
  await runtime.drive(store.compact(store.revision));
  servers.up(endpoint, server);
  await runtime.advance(5000);
  assert.deepEqual([seen.length, ended], [2, ['compacted']]);
});

test('Etcd3Storage without a server says that it is not available, and what is wrong', async () => {
  const { runtime, servers, storage, process } = world();
  await runtime.drive(storage.currentRevision());
  servers.down(endpoint);
  await assert.rejects(runtime.drive(storage.get('/registry/a')), (error) => isServiceUnavailable(error));
  await assert.rejects(runtime.drive(storage.commit({ key: '/registry/a', expect: 'absent', value: valueOf('a', '1') })), {
    message: 'no answer of etcd within 2000 ms: "http://etcd:2379": connection to "http://etcd:2379" refused',
  });
  assert.equal(process.signal.aborted, false);
});

test('Etcd3Storage of what it cannot read: lists and gets are refused, a watch is lost, the server goes on', async () => {
  const { runtime, storage, foreign, process } = world();
  const ended: string[] = [];
  storage.watch('/registry/', (await runtime.drive(storage.currentRevision())) as Revision, {
    changes: noChanges,
    ended: (why) => ended.push(why),
  });
  await foreign('/registry/a', 'garbage');
  await runtime.advance(1000);
  assert.deepEqual(ended, ['lost']);
  for (const work of [storage.get('/registry/a'), storage.list('/registry/')] as readonly Promise<unknown>[]) {
    await assert.rejects(
      runtime.drive(work),
      (error) => isInternalError(error) && /cannot read what is stored as "\/registry\/a"/.test(String(error)),
    );
  }
  assert.equal(process.signal.aborted, false);
});

test('Etcd3Storage lists in pages at one revision where the server cannot stream', async () => {
  const { runtime, store, servers, process } = world();
  const etcd = runtime.process('old etcd');
  const inner = serverOver(etcd, store);
  const asked: string[] = [];
  servers.up(endpoint, {
    call(stream) {
      const { path } = stream.head;
      asked.push(path.slice(path.lastIndexOf('/') + 1));
      if (path.endsWith('RangeStream')) stream.refuse(12, 'unknown method RangeStream for service etcdserverpb.KV');
      else inner.call(stream);
    },
  });
  const client = new EtcdClient({ process, connector: servers, endpoints: [endpoint] });
  const storage = new Etcd3Storage({ process, client });
  const value = Buffer.from('{"kind":"A","apiVersion":"v1","metadata":{}}');
  for (let i = 0; i < 101; i++) {
    const success = Array.from({ length: 100 }, (_, n) => ({ op: 'put', key: `/registry/${i}-${n}`, value }) as const);
    await runtime.drive(store.txn({ compares: [], success, failure: [] }));
  }
  const { items, remaining } = await runtime.drive(storage.list('/registry/'));
  assert.deepEqual([items.length, remaining, asked], [10_100, 0, ['RangeStream', 'Range', 'Range']]);
  await runtime.drive(storage.list('/registry/'));
  assert.deepEqual(asked.slice(3), ['Range', 'Range']);
  await runtime.advance(600_000);
  await runtime.drive(storage.list('/registry/1-1'));
  assert.deepEqual(asked.slice(5), ['RangeStream', 'Range']);
});

test('Etcd3Storage.get() below what is compacted is refused as the interface says', async () => {
  const { runtime, store, storage, create } = world();
  for (const name of ['a', 'b', 'c']) await create(`/registry/${name}`);
  await runtime.drive(store.compact(4));
  await assert.rejects(runtime.drive(storage.get('/registry/a', { at: 2 as Revision })), CompactedRevisionError); // of the first write
});
