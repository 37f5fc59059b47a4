import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiscoveryClient, RestMapper } from '@coracle/client';
import { createMissing } from './create-missing.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

test('createMissing() creates what is not there, and neither writes nor checks what is', async () => {
  const cluster = await SimulatedCluster.start({ nodes: 0 });
  const mapper = new RestMapper(new DiscoveryClient(cluster.admin.rest));
  const create = (data: unknown): Promise<boolean> => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data };
    return cluster.drive(createMissing(cluster.admin, mapper, object));
  };
  assert.equal(await create({ a: '1' }), true);
  const { revision } = cluster.store;
  assert.equal(await create({ a: '2' }), false);
  assert.equal(await create({ 'no key': '2' }), false);
  assert.equal(cluster.store.revision, revision);
  assert.deepEqual((await cluster.drive(cluster.admin.coreV1.configMaps('default').get('a'))).data, { a: '1' });
});

test('createMissing() refuses what the server refuses', async () => {
  const cluster = await SimulatedCluster.start({ nodes: 0 });
  const mapper = new RestMapper(new DiscoveryClient(cluster.admin.rest));
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'A b' } };
  await assert.rejects(cluster.drive(createMissing(cluster.admin, mapper, object)), /Invalid value: "A b"/);
});
