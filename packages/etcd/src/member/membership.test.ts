import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConsensusError } from '../cluster-view.ts';
import { DirectoryOfAnotherMember } from '../directory/errors.ts';
import type { DurableStore } from '../durable-store.ts';
import { SimulatedGroup } from '../fixtures/simulated-group.ts';
import { openDurableStore } from '../open.ts';

const idOf = (store: DurableStore): number => store.view().id;

async function started(): Promise<{ readonly group: SimulatedGroup; readonly leader: DurableStore; readonly follower: DurableStore }> {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  const follower = group.stores().find((store) => store !== leader);
  assert.ok(follower !== undefined);
  return { group, leader, follower };
}

test('A learner is promoted through a follower, and refused there in the words of the leader', async () => {
  const { group, follower } = await started();
  const { cluster } = follower;
  const { added } = await group.runtime.drive(cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner: true }));
  await assert.rejects(group.runtime.drive(cluster.promoteMember(added.id)), {
    name: 'MembershipError',
    message: 'etcdserver: can only promote a learner member which is in sync with leader',
  });
  const id = Number(added.id);
  group.prepare(id);
  await group.start(id);
  await group.runtime.advance(3_000);
  const members = await group.runtime.drive(cluster.promoteMember(added.id));
  assert.equal(members.find((member) => member.id === added.id)?.isLearner, false);
  await group.runtime.advance(500);
  assert.equal(group.store(id).view().role, 'follower');
});

test('A read that waits on a member which is far behind is answered once the snapshot is there, though nobody writes', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const group = new SimulatedGroup({ seed, sizes: { window: { entries: 10, bytes: 4096 } } });
    await group.start();
    const leader = await group.elect();
    const away = group.stores().find((store) => store !== leader);
    assert.ok(away !== undefined);
    const others = group.ids.filter((id) => id !== idOf(away));
    group.network.partition([idOf(away)], others);
    for (let i = 0; i < 40; i++) {
      await group.runtime.drive(leader.txn({ compares: [], success: [{ op: 'put', key: `k${i}`, value: Buffer.from('x') }], failure: [] }));
    }
    group.network.heal();
    let isRead = false;
    const read = away.linearized().then(() => (isRead = true));
    await group.runtime.advance(3_000);
    assert.ok(isRead, `seed ${seed}`);
    await read;
    assert.equal(away.range({ key: 'k39' }).count, 1);
  }
});

test('Members that change the membership at the same time do not wait for each other longer than it takes', async () => {
  const { group } = await started();
  const changes = group.stores().map((store) => store.cluster.publish({ name: `new ${idOf(store)}`, clientUrls: ['http://x:1'] }));
  let isDone = false;
  const all = Promise.all(changes).then(() => (isDone = true));
  await group.runtime.advance(500);
  assert.ok(isDone);
  await all;
});

test('A promotion through a follower ends when there is no leader to ask', async () => {
  const { group, leader, follower } = await started();
  const { cluster } = follower;
  const { added } = await group.runtime.drive(cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner: true }));
  const promotion = cluster.promoteMember(added.id);
  const refused = assert.rejects(promotion, { name: 'ConsensusError' });
  for (const id of group.ids) if (id !== idOf(follower)) group.kill(id);
  await group.runtime.drive(refused);
  assert.notEqual(follower.view().leader, idOf(leader));
});

test('The membership changes only where enough members have been connected for five seconds, unless nobody wants that', async () => {
  const { group, leader, follower } = await started();
  const { cluster } = leader;
  const other = group.ids.find((id) => id !== idOf(leader) && id !== idOf(follower)) ?? 0;
  const nowMs = (): number => group.machine(idOf(leader)).process?.clock.monotonic() ?? 0;
  const since = new Map<number, number | undefined>([
    [idOf(follower), nowMs()],
    [other, nowMs()],
  ]);
  group.network.connectedSinceMs = (_, to) => since.get(to);
  const add = (isLearner = false): Promise<unknown> => group.runtime.drive(cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner }));
  const unhealthy = /^etcdserver: unhealthy cluster$/;
  const refuses = (work: Promise<unknown>): Promise<void> =>
    assert.rejects(work, (error) => error instanceof ConsensusError && unhealthy.test(error.message));
  await refuses(add());
  await refuses(add(true));
  await refuses(group.runtime.drive(cluster.removeMember(follower.cluster.memberId)));
  await group.runtime.advance(5_100);
  // Of four, one of whom does not run yet, three must: both others.
  since.set(other, undefined);
  await refuses(add());
  await refuses(group.runtime.drive(cluster.removeMember(follower.cluster.memberId)));
  // Whoever does not run is no part of a majority.
  await group.runtime.drive(cluster.removeMember(BigInt(other)));
  assert.equal((await group.runtime.drive(cluster.members({ linearizable: true }))).length, 2);
});

test('With --strict-reconfig-check=false the membership changes whoever is connected', async () => {
  const group = new SimulatedGroup({ strictReconfigCheck: false });
  group.network.connectedSinceMs = () => undefined;
  await group.start();
  const leader = await group.elect();
  await group.runtime.drive(leader.cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner: false }));
  assert.equal((await group.runtime.drive(leader.cluster.members({ linearizable: true }))).length, 4);
});

test('A member that was removed while it was cut off learns so when it is back', async () => {
  const { group, leader, follower } = await started();
  const others = group.ids.filter((id) => id !== idOf(follower));
  group.network.partition([idOf(follower)], others);
  let isTold = false;
  const telling = follower.removed().then(() => (isTold = true));
  await group.runtime.drive(leader.cluster.removeMember(follower.cluster.memberId));
  await group.runtime.advance(3_000);
  assert.equal(isTold, false);
  group.network.heal();
  await group.runtime.advance(3_000);
  assert.equal(isTold, true);
  await telling;
});

test('A leader that is removed learns so by its own log; those who stay are not told', async () => {
  const { group, leader } = await started();
  const told: number[] = [];
  const telling = group.stores().map(async (store) => {
    await store.removed();
    told.push(idOf(store));
  });
  await group.runtime.drive(leader.cluster.removeMember(leader.cluster.memberId));
  await group.runtime.advance(5_000);
  await Promise.race(telling);
  assert.deepEqual(told, [idOf(leader)]);
});

test('The directory of one member of several is not opened without the others', async () => {
  const { group } = await started();
  await group.runtime.drive(group.store(1).close());
  group.kill(1);
  const process = group.runtime.process('alone');
  const disk = group.machine(1).disk.attach(process);
  await assert.rejects(
    group.runtime.drive(openDurableStore({ process, disk })),
    (error) => error instanceof DirectoryOfAnotherMember && /it belongs to a member of a cluster with m2, m3/.test(error.message),
  );
});

test('What is left of a lease is asked of the leader, who keeps the time', async () => {
  const { group, leader, follower } = await started();
  await group.runtime.drive(leader.grantLease({ id: 7n, ttlSeconds: 10 }));
  await group.runtime.advance(6_000);
  await group.runtime.drive(leader.keepLeaseAlive(7n));
  for (const store of [leader, follower]) {
    const left = await group.runtime.drive(store.leaseTimeToLive(7n));
    assert.equal(Math.round(left?.remainingSeconds ?? 0), 10);
    assert.equal(await group.runtime.drive(store.leaseTimeToLive(8n)), undefined);
  }
  // One that the follower has not applied yet is known all the same.
  group.network.slow(idOf(leader), idOf(follower), 300);
  await group.runtime.drive(leader.grantLease({ id: 9n, ttlSeconds: 20 }));
  assert.equal((await group.runtime.drive(follower.leaseTimeToLive(9n)))?.ttlSeconds, 20);
  group.network.heal();
  group.network.partition(
    [idOf(follower)],
    group.ids.filter((id) => id !== idOf(follower)),
  );
  await assert.rejects(group.runtime.drive(follower.leaseTimeToLive(7n)), { name: 'ConsensusError' });
});

test('A lease with a checkpoint goes on under the next leader where it was; one that was kept alive since has its full time', async () => {
  const group = new SimulatedGroup({ sizes: { checkpointLeasesMs: 10_000 } });
  await group.start();
  const leader = await group.elect();
  for (const id of [7n, 8n]) await group.runtime.drive(leader.grantLease({ id, ttlSeconds: 100 }));
  await group.runtime.drive(leader.grantLease({ id: 9n, ttlSeconds: 9 })); // shorter than what is between checkpoints
  await group.runtime.advance(8_000);
  await group.runtime.drive(leader.keepLeaseAlive(9n));
  await group.runtime.advance(45_000);
  const follower = group.stores().find((store) => store !== leader);
  assert.equal((await group.runtime.drive(follower?.keepLeaseAlive(8n) ?? leader.keepLeaseAlive(8n))).ttlSeconds, 100);
  assert.equal(leader.lease(9n), undefined);
  group.kill(idOf(leader));
  const next = await group.elect();
  const left = async (id: bigint): Promise<number> => (await group.runtime.drive(next.leaseTimeToLive(id)))?.remainingSeconds ?? 0;
  assert.ok((await left(7n)) > 40 && (await left(7n)) < 60, `${await left(7n)} s of 100`);
  assert.ok((await left(8n)) > 90, `${await left(8n)} s of 100`);
});
