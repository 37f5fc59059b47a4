import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './fixtures/simulation.ts';

const steps = 4_000;

test('a group keeps the properties of Raft on bad disks and a bad network', (t) => {
  const started = process.cpuUsage();
  let seed = 1;
  let crashes = 0;
  let elections = 0;
  let reads = 0;
  // As many seeds as fit into a few seconds of this machine, but always the first hundred.
  for (; seed <= 100 || process.cpuUsage(started).user < 8e6; seed += 1) {
    const simulation = simulate({ seed }, steps);
    crashes += simulation.crashes;
    elections += simulation.elections;
    reads += simulation.readsAnswered;
  }
  t.diagnostic(`${seed - 1} seeds of ${steps} steps: ${elections} elections, ${crashes} crashes, ${reads} reads`);
  assert.ok(elections > seed && crashes > seed && reads > seed, 'a simulation in which little happens shows little');
});
