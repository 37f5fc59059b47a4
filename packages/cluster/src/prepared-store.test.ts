import assert from 'node:assert/strict';
import { test } from 'node:test';
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
