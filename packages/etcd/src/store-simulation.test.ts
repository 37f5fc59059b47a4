import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RaftSafety } from './fixtures/raft-safety.ts';
import { SimulatedGroup } from './fixtures/simulated-group.ts';
import { Slowness } from './fixtures/store-faults.ts';
import { simulateStore } from './fixtures/store-simulation.ts';

// Errors are thrown by the thousand; where from is of use only when one seed is looked at again.
Error.stackTraceLimit = 0;

const steps = 4000;

test('a store keeps what it acknowledged on bad disks and a bad network, with one member and with three', async (t) => {
  const started = process.cpuUsage();
  const sum = { crashes: 0, partitions: 0, diskFaults: 0, answered: 0, events: 0, reports: 0 };
  let seed = 1;
  // As many seeds as fit into a second of this machine, but always some.
  for (; seed <= 6 || process.cpuUsage(started).user < 1e6; seed++) {
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
  const slowness = new Slowness();
  const group = new SimulatedGroup({ strategy: slowness.strategy() });
  slowness.clock(() => group.runtime.nowMs);
  await group.start();
  const first = await group.elect();
  const late = group.stores().find((store) => store !== first);
  assert.ok(late !== undefined);
  const { id, term } = late.view();
  const safety = new RaftSafety();
  for (const each of group.ids) safety.add(each, group.store(each));
  let asked = 0;
  group.sent = (envelope) => {
    safety.sent(envelope);
    const { from, body } = envelope;
    if (from !== id || body.kind !== 'raft' || body.message.type !== 'MsgVote' || ++asked < 2) return;
    // The votes that it gets wait for it.
    slowness.pausedUntilMs.set(group.machine(id).process?.name ?? '', group.runtime.nowMs + 20_000);
  };
  const moving = assert.rejects(first.cluster.moveLeader(BigInt(id)));
  let isLate = false;
  const untilTrue = async (holds: () => boolean): Promise<void> => {
    await group.runtime.until(() => {
      safety.inspect();
      isLate ||= late.internals.member.isLeader && (group.leader()?.view().term ?? 0) > late.view().term;
      return holds();
    });
  };
  await untilTrue(() => (group.leader()?.view().term ?? 0) > term + 1);
  await group.runtime.drive(moving);
  const next = group.leader();
  assert.ok(next !== undefined && next !== late);
  await group.runtime.drive(next.txn({ compares: [], success: [{ op: 'put', key: 'a', value: Buffer.from('a') }], failure: [] }));
  await untilTrue(() => late.revision === next.revision);
  assert.ok(isLate, 'it did not lead in its old term');
});

test('the same seed gives the same run, step by step', async () => {
  const [first, second] = [await simulateStore({ seed: 77, members: 3 }, steps), await simulateStore({ seed: 77, members: 3 }, steps)];
  assert.equal(second.group.runtime.hash, first.group.runtime.hash);
  assert.equal(second.group.runtime.steps, first.group.runtime.steps);
  assert.deepEqual(second.clients.operations, first.clients.operations);
});
