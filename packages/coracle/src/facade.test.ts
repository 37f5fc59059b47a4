import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from 'coracle';
import { SimulatedCluster } from 'coracle/testing';

test('the facade offers a control plane, and a simulated cluster for tests', async () => {
  assert.equal(typeof startCluster, 'function');
  const cluster = await SimulatedCluster.start({ nodes: 1 });
  assert.deepEqual(
    (await cluster.drive(cluster.admin.coreV1.nodes().list())).items.map(({ metadata }) => metadata?.name),
    ['node-1'],
  );
});
