import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateStore } from './fixtures/store-simulation.ts';

const steps = 4000;

test('a store keeps what it acknowledged on bad disks and a bad network, with one member and with three', async (t) => {
  const started = process.cpuUsage();
  const sum = { crashes: 0, partitions: 0, diskFaults: 0, answered: 0, events: 0, reports: 0 };
  let seed = 1;
  // As many seeds as fit into a second of this machine, but always some.
  for (; seed <= 12 || process.cpuUsage(started).user < 1e6; seed++) {
    const { clients, faults, watchers } = await simulateStore({ seed }, steps);
    sum.crashes += faults.counts.crashes;
    sum.partitions += faults.counts.partitions;
    sum.diskFaults += faults.counts.diskFaults;
    sum.answered += clients.operations.filter(({ returned }) => returned !== undefined).length;
    for (const watcher of watchers) {
      sum.events += watcher.events;
      sum.reports += watcher.reports;
    }
  }
  t.diagnostic(`${seed - 1} seeds of ${steps} steps: ${JSON.stringify(sum)}`);
  const { crashes, partitions, diskFaults, answered, events, reports } = sum;
  assert.ok(
    crashes > seed && partitions > seed / 2 && diskFaults > seed && answered > 20 * seed && events > 20 * seed && reports > seed,
    'a simulation in which little happens shows little',
  );
});

test('a leader of an older term who is told late that it was elected needs nothing that a later one has committed', async () => {
  await simulateStore({ seed: 209_771 }, 10_000);
});

test('the same seed gives the same run, step by step', async () => {
  const [first, second] = [await simulateStore({ seed: 77, members: 3 }, steps), await simulateStore({ seed: 77, members: 3 }, steps)];
  assert.equal(second.group.runtime.hash, first.group.runtime.hash);
  assert.equal(second.group.runtime.steps, first.group.runtime.steps);
  assert.deepEqual(second.clients.operations, first.clients.operations);
});
