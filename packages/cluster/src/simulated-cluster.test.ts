import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';
import { resources } from '@coracle/client';
import { SimulatedCluster } from './simulated-cluster.ts';

/** Collects garbage first. */
function clustersInMemory(): number {
  return queryObjects(SimulatedCluster, { format: 'count' });
}

test('a simulated cluster that nobody holds takes no memory, although nothing stopped it', async () => {
  const before = clustersInMemory();
  for (let seed = 1; seed <= 5; seed++) await (await SimulatedCluster.start({ seed, nodes: 2 })).fork();
  // The last ones may still be in a register or on the stack.
  assert.ok(clustersInMemory() - before <= 2, `${clustersInMemory() - before} of 10 are still there`);
});

test('a fork does not bring back what was deleted in its origin', async () => {
  const origin = await SimulatedCluster.start({ nodes: 0 });
  const classes = origin.admin.resource(resources.storage.v1.storageClasses);
  await origin.drive(classes.delete('standard'));
  await origin.settle();
  const fork = await origin.fork();
  await fork.settle();
  const { items } = await fork.drive(fork.admin.resource(resources.storage.v1.storageClasses).list());
  assert.deepEqual(items, []);
});
