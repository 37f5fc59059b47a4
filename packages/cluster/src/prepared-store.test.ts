import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedStorage, fixtureKeySource } from '@coracle/apiserver';
import { MemoryStore, prefixEnd } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { Cluster } from './cluster.ts';
import { installParts } from './parts/install.ts';
import { preparedStore } from './prepared-store.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

test('every simulated cluster starts from one prepared store, and changes it for none', async () => {
  const [first, second] = [await SimulatedCluster.start({ seed: 1, nodes: 0 }), await SimulatedCluster.start({ seed: 2, nodes: 0 })];
  const uidOf = async (cluster: SimulatedCluster): Promise<string | undefined> => {
    const { metadata } = await cluster.drive(cluster.admin.coreV1.namespaces().get('default'));
    return metadata.uid;
  };
  assert.equal(await uidOf(first), await uidOf(second));
  await first.drive(first.admin.coreV1.configMaps('default').create({ metadata: { name: 'only-here' } }));
  await assert.rejects(second.drive(second.admin.coreV1.configMaps('default').get('only-here')), /not found/);
  const third = await SimulatedCluster.start({ seed: 2, nodes: 0 });
  assert.equal(third.runtime.hash, (await SimulatedCluster.start({ seed: 2, nodes: 0 })).runtime.hash);
});

test('the prepared store holds what a server writes into an empty one, and leaves it nothing to write', async () => {
  const content = (store: MemoryStore): readonly string[] =>
    store
      .range({ key: '/registry/', end: prefixEnd('/registry/') })
      .kvs.map(({ key, value }) => `${key} ${new TextDecoder().decode(value).replace(/"uid":"[^"]*"/, '')}`);
  const started = async (store: MemoryStore): Promise<MemoryStore> => {
    const runtime = new SimRuntime({ seed: 1 });
    const storage = new EmbeddedStorage(store);
    const cluster = new Cluster({ runtime, storage, serviceAccountKey: fixtureKeySource.keyPair().privateKey });
    await runtime.drive(cluster.start());
    await runtime.drive(installParts(cluster));
    await runtime.settle();
    await runtime.drive(cluster.stop());
    return store;
  };
  const { store } = await preparedStore();
  const wanted = await started(new MemoryStore());
  assert.deepEqual(content(store), content(wanted));
  const fork = store.fork(new SimRuntime({ seed: 2 }).process('etcd')) as MemoryStore; // a fork is in memory
  await started(fork);
  assert.equal(fork.revision, store.revision);
});
