import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateStore } from './fixtures/store-simulation.ts';

const slices = 300;

test('a store keeps what it acknowledged on bad disks and a bad network, with one member and with three', async (t) => {
  const started = process.cpuUsage();
  let crashes = 0;
  let partitions = 0;
  let operations = 0;
  let seed = 1;
  // As many seeds as fit into a few seconds of this machine, but always some.
  for (; seed <= 12 || process.cpuUsage(started).user < 6e6; seed++) {
    const simulation = await simulateStore({ seed }, slices);
    crashes += simulation.crashes;
    partitions += simulation.partitions;
    operations += simulation.history.length;
  }
  t.diagnostic(`${seed - 1} seeds of ${slices} slices: ${operations} operations, ${crashes} crashes, ${partitions} partitions`);
  assert.ok(crashes > seed && partitions > seed / 2 && operations > 20 * seed, 'a simulation in which little happens shows little');
});

test('the same seed gives the same run, step by step', async () => {
  const [first, second] = [await simulateStore({ seed: 77, members: 3 }, slices), await simulateStore({ seed: 77, members: 3 }, slices)];
  assert.equal(second.group.runtime.hash, first.group.runtime.hash);
  assert.equal(second.group.runtime.steps, first.group.runtime.steps);
  assert.deepEqual(second.history, first.history);
});
