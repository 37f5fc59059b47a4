import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';
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
