import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, portrait } from '../contract/disk-bench.ts';
import { ConsensusError } from '../cluster-view.ts';
import { DirectoryDamaged, DirectoryOfAnotherMember, StoreStopped } from '../directory/errors.ts';
import type { DurableStore } from '../durable-store.ts';
import { SimulatedGroup } from '../fixtures/simulated-group.ts';
import { Slowness } from '../fixtures/store-faults.ts';
import { CompactedError, LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { Change, Txn } from '../mvcc/types.ts';

const putOf = (key: string, value = key): Txn => ({ compares: [], success: [{ op: 'put', key, value: Buffer.from(value) }], failure: [] });

test('Three members elect a leader, and what one acknowledged all have', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  for (let i = 0; i < 20; i++) await group.runtime.drive(leader.txn(putOf(`k${i}`)));
  await group.runtime.advance(500);
  const [a, b, c] = group.stores().map(portrait);
  assert.equal(leader.revision, 21);
  assert.deepEqual([b, c], [a, a]);
});

/** Lets time go by until the members that run are equal. */
async function converge(group: SimulatedGroup, maxMs = 20_000): Promise<void> {
  for (let ms = 0; ms < maxMs; ms += 200) {
    await group.runtime.advance(200);
    const applied = new Set(group.stores().map((store) => store.view().applied));
    if (applied.size > 1) continue;
    const [first, ...others] = group.stores().map(digestOf);
    for (const other of others) assert.equal(other, first);
    return;
  }
  assert.fail(`members have applied ${group.stores().map((store) => store.view().applied)} after ${maxMs} ms`);
}

/** So that little is written in a second. */
const slow = { lostPerMille: 0, doubledPerMille: 0, maxDelayMs: 25 };
const followersOf = (group: SimulatedGroup, leader: DurableStore): readonly DurableStore[] =>
  group.stores().filter((store) => store !== leader);
const idOf = (store: DurableStore): number => store.view().id;

test('A write on a follower is passed to the leader, done once and answered there; a read there sees it', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const [follower] = followersOf(group, await group.elect());
  assert.ok(follower !== undefined);
  const { revision } = await group.runtime.drive(follower.txn(putOf('a')));
  assert.equal(revision, 2);
  for (const store of group.stores()) {
    await group.runtime.drive(store.linearized());
    assert.equal(store.range({ key: 'a' }).count, 1);
  }
});

test('A group of one reads nothing before it has applied again all that it acknowledged', async () => {
  const group = new SimulatedGroup({ members: 1 });
  await group.start();
  await group.elect();
  await group.runtime.drive(group.store(1).txn(putOf('a')));
  group.kill(1, 'fails');
  await group.start();
  assert.equal(group.store(1).range({ key: 'a' }).count, 0); // it is in the log, but nothing says yet that it is committed
  await group.runtime.drive(group.store(1).linearized());
  assert.equal(group.store(1).range({ key: 'a' }).count, 1);
  group.kill(1, 'fails');
  // Nor when it can write nothing more.
  await group.start();
  group.machine(1).disk.fault = ({ op }) => (op === 'write' ? 'EIO' : undefined);
  await group.runtime.advance(3_000);
  assert.ok(group.store(1).failure !== undefined);
  await assert.rejects(group.runtime.drive(group.store(1).linearized()), StoreStopped);
});

test('A member that can write no more answers those who wait for it to read or to keep a lease', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const [follower] = followersOf(group, await group.elect());
  assert.ok(follower !== undefined);
  const { id } = await group.runtime.drive(follower.grantLease({ ttlSeconds: 60 }));
  group.network.partition(
    [idOf(follower)],
    group.ids.filter((each) => each !== idOf(follower)),
  );
  const waiting = [follower.linearized(), follower.keepLeaseAlive(id)].map((each) => assert.rejects(each, StoreStopped));
  group.machine(idOf(follower)).disk.fault = ({ op }) => (op === 'write' ? 'EIO' : undefined);
  const answered = Promise.all(waiting);
  group.network.heal();
  await group.runtime.drive((await group.elect()).txn(putOf('a')));
  await group.runtime.drive(answered);
  assert.ok(follower.failure !== undefined);
  await assert.rejects(group.runtime.drive(follower.linearized()), StoreStopped);
});

test('A request that is proposed again because it may be lost is applied once', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const group = new SimulatedGroup({ seed });
    await group.start();
    await group.elect();
    group.network.faults = { lostPerMille: 200, doubledPerMille: 200, maxDelayMs: 300 };
    const writes = Array.from({ length: 30 }, (_, i) => {
      const store = group.store(1 + (i % 3));
      const txn: Txn = { compares: [], success: [{ op: 'put', key: `k${i}`, value: Buffer.from(`${i}`) }], failure: [] };
      return store.txn(txn).catch((error: unknown) => assert.ok(error instanceof ConsensusError));
    });
    await group.runtime.drive(Promise.all(writes));
    group.network.faults = { lostPerMille: 0, doubledPerMille: 0, maxDelayMs: 1 };
    await group.elect();
    await converge(group);
    // The version of a key counts how often it was put.
    for (const { key, version } of group.store(1).range({ key: 'k', end: 'l' }).kvs) assert.equal(version, 1, `seed ${seed}: ${key}`);
  }
});

test('A cut-off leader steps down and answers nobody; the others go on, and it follows once it hears them', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const old = await group.elect();
  await group.runtime.drive(old.txn(putOf('before')));
  const others = followersOf(group, old);
  group.network.partition([idOf(old)], others.map(idOf));
  const lost = old.txn(putOf('lost'));
  const refused = assert.rejects(lost, (error) => error instanceof ConsensusError && error.refusal === 'leader failed');
  const unread = assert.rejects(old.linearized(), { message: 'etcdserver: request timed out' });
  await group.runtime.advance(3_000);
  const next = await group.elect();
  assert.notEqual(idOf(next), idOf(old));
  await group.runtime.drive(next.txn(putOf('after')));
  await group.runtime.drive(Promise.all([refused, unread]));
  assert.notEqual(old.view().role, 'leader');
  assert.equal(old.view().leader, 0);
  group.network.heal();
  await converge(group);
  assert.deepEqual(
    old.range({ key: '\0', end: '\0' }).kvs.map(({ key }) => key),
    ['after', 'before'],
  );
});

test('Whoever was away too long gets a snapshot, and its watchers miss nothing', async () => {
  const group = new SimulatedGroup({ sizes: { window: { entries: 10, bytes: 4096 } } });
  await group.start();
  const leader = await group.elect();
  const [away] = followersOf(group, leader);
  assert.ok(away !== undefined);
  const seen: number[] = [];
  away.watch({ key: '\0', end: '\0' }, 0, (batch) => seen.push(...batch.map(({ revision }) => revision)));
  group.network.partition(
    [idOf(away)],
    group.ids.filter((id) => id !== idOf(away)),
  );
  // More than the window of the log keeps.
  for (let i = 0; i < 40; i++) await group.runtime.drive(leader.txn(putOf(`k${i}`)));
  assert.ok(leader.view().firstIndex > away.view().lastIndex + 1);
  group.network.heal();
  await converge(group, 60_000);
  assert.ok(away.view().messages.some(({ text }) => text.includes('MsgSnap')));
  assert.deepEqual(
    seen,
    Array.from({ length: 40 }, (_, i) => i + 2),
  );
  group.kill(idOf(away), 'fails');
  await group.start(idOf(away));
  await converge(group);
});

test('A watch on a member that was away is over when what it missed was compacted: nothing is passed over in silence', async () => {
  const group = new SimulatedGroup({ sizes: { window: { entries: 10, bytes: 4096 } } });
  await group.start();
  const leader = await group.elect();
  const [away] = followersOf(group, leader);
  assert.ok(away !== undefined);
  const seen: number[] = [];
  let lost = 0;
  for (const [key, end] of [
    ['\0', '\0'],
    ['k', 'l'],
  ] as const) {
    const sink = (batch: readonly Change[]): void => void seen.push(...batch.map(({ revision }) => revision));
    away.watch({ key, end }, 0, sink, () => lost++);
  }
  const ended = away.watch({ key: 'k' }, 0, () => assert.fail(), assert.fail);
  ended[Symbol.dispose]();
  group.network.partition(
    [idOf(away)],
    group.ids.filter((id) => id !== idOf(away)),
  );
  for (let i = 0; i < 40; i++) await group.runtime.drive(leader.txn(putOf(`k${i}`)));
  await group.runtime.drive(leader.compact(30));
  group.network.heal();
  await converge(group, 60_000);
  await group.runtime.drive(leader.txn(putOf('k')));
  await converge(group);
  assert.deepEqual([seen, lost], [[], 2]);
  assert.throws(() => away.watch({ key: 'k' }, 2, () => assert.fail()), CompactedError);
});

test('A member that lost its directory is not listened to until it is added again under a new id', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  await group.runtime.drive(leader.txn(putOf('a')));
  const lost = group.ids.find((id) => id !== idOf(leader)) ?? 0;
  group.wipe(lost);
  await group.start(lost);
  await group.runtime.advance(10_000);
  const { term, vote, applied, refusedBy } = group.store(lost).view();
  assert.deepEqual({ term, vote, applied }, { term: 1, vote: 0, applied: 1 });
  assert.notEqual(refusedBy, 0);
  // With the third one down there is no majority: the wiped one does not make up for it.
  const third = group.ids.find((id) => id !== idOf(leader) && id !== lost) ?? 0;
  group.kill(third);
  await assert.rejects(group.runtime.drive(leader.txn(putOf('b'))), ConsensusError);
  await group.start(third);
  await group.elect();
  group.kill(lost);
  const current = group.leader();
  assert.ok(current !== undefined);
  await group.runtime.drive(current.cluster.removeMember(BigInt(lost)));
  const { added } = await group.runtime.drive(current.cluster.addMember({ peerUrls: ['http://new:2380'], isLearner: false }));
  group.prepare(Number(added.id));
  await group.start(Number(added.id));
  await converge(group);
  assert.equal(group.store(Number(added.id)).range({ key: 'a' }).count, 1);
});

test('A member that was added and lost its directory is not listened to either, and does not fall over what it hears', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  const { added } = await group.runtime.drive(leader.cluster.addMember({ peerUrls: ['http://new:2380'], isLearner: false }));
  const id = Number(added.id);
  group.prepare(id);
  await group.start(id);
  await converge(group);
  for (let i = 0; i < 5; i++) await group.runtime.drive(leader.txn(putOf(`k${i}`)));
  await converge(group);
  group.wipe(id);
  await group.start(id);
  await group.runtime.advance(5_000);
  const { applied, refusedBy } = group.store(id).view();
  assert.deepEqual([applied, refusedBy !== 0, group.store(id).failure], [0, true, undefined]);
});

test('A learner is added, catches up, is promoted, and the leader is removed, while writes go on', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  group.network.faults = slow;
  let isDone = false;
  let acknowledged = 0;
  let leaving: DurableStore | undefined;
  const load = (async (): Promise<void> => {
    for (let i = 0; !isDone; i++) {
      // A member that is killed never answers.
      const lasting = group.stores().filter((each) => each !== leaving);
      const store = lasting[i % lasting.length];
      if (store === undefined) return;
      await store.txn(putOf(`load${i}`)).then(
        () => acknowledged++,
        (error: unknown) => assert.ok(error instanceof ConsensusError || error instanceof StoreStopped, String(error)),
      );
    }
  })();
  const { cluster } = leader;
  const { added } = await group.runtime.drive(cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner: true }));
  const id = Number(added.id);
  assert.deepEqual([added.isLearner, added.name], [true, '']);
  await assert.rejects(group.runtime.drive(cluster.addMember({ peerUrls: ['http://m9:2380'], isLearner: false })), {
    message: 'etcdserver: Peer URLs already exists',
  });
  await assert.rejects(group.runtime.drive(cluster.addMember({ peerUrls: ['http://m8:2380'], isLearner: true })), {
    message: 'etcdserver: too many learner members in cluster',
  });
  await assert.rejects(group.runtime.drive(cluster.promoteMember(added.id)), {
    message: 'etcdserver: can only promote a learner member which is in sync with leader',
  });
  await assert.rejects(group.runtime.drive(cluster.promoteMember(77n)), { message: 'etcdserver: member not found' });
  await assert.rejects(group.runtime.drive(cluster.promoteMember(cluster.memberId)), {
    message: 'etcdserver: can only promote a learner member',
  });
  leaving = leader;
  group.prepare(id);
  await group.start(id);
  await group.runtime.advance(3_000);
  assert.equal(group.store(id).view().role, 'learner');
  await group.runtime.drive(cluster.promoteMember(added.id));
  await group.runtime.drive(cluster.removeMember(cluster.memberId));
  await group.runtime.advance(500);
  group.kill(idOf(leader));
  const next = await group.elect();
  isDone = true;
  await group.runtime.drive(load);
  await converge(group);
  assert.deepEqual(
    next.view().members.map((member) => member.id),
    [...group.ids.filter((each) => each !== Number(cluster.memberId))].sort((a, b) => a - b),
  );
  assert.ok(acknowledged > 30, `${acknowledged} writes`);
  assert.ok(group.store(id).range({ key: 'load', end: 'loae' }).count >= acknowledged);
});

test('Leadership moves to who is named, and only to a voter', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  const [target, other] = followersOf(group, leader);
  assert.ok(target !== undefined && other !== undefined);
  await assert.rejects(group.runtime.drive(leader.cluster.moveLeader(99n)), { message: 'etcdserver: bad leader transferee' });
  await assert.rejects(group.runtime.drive(other.cluster.moveLeader(target.cluster.memberId)), { message: 'etcdserver: not leader' });
  await group.runtime.drive(leader.cluster.moveLeader(target.cluster.memberId));
  assert.equal(target.view().role, 'leader');
});

test('A lease does not end early over a change of the leader, ends under the next one, and is kept alive through a follower', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const old = await group.elect();
  await group.runtime.drive(old.grantLease({ id: 7n, ttlSeconds: 10 }));
  await group.runtime.drive(
    old.txn({ compares: [], success: [{ op: 'put', key: 'leased', value: Buffer.from('x'), lease: 7n }], failure: [] }),
  );
  await group.runtime.advance(6_000);
  const [follower] = followersOf(group, old);
  assert.ok(follower !== undefined);
  assert.deepEqual(await group.runtime.drive(follower.keepLeaseAlive(7n)), { id: 7n, ttlSeconds: 10 });
  await assert.rejects(group.runtime.drive(follower.keepLeaseAlive(8n)), { message: 'etcdserver: requested lease not found' });
  await group.runtime.advance(8_000);
  assert.equal(old.range({ key: 'leased' }).count, 1);
  group.kill(idOf(old));
  const next = await group.elect();
  await group.runtime.advance(9_000);
  assert.equal(next.range({ key: 'leased' }).count, 1);
  await group.runtime.advance(4_000);
  assert.deepEqual(
    group.stores().map((store) => store.range({ key: 'leased' }).count),
    [0, 0],
  );
});

test('A lease whose end is on its way is not kept alive: its holder is not told that it has it', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  const { id } = await group.runtime.drive(leader.grantLease({ ttlSeconds: 2 }));
  await group.runtime.advance(1_900);
  for (const follower of followersOf(group, leader)) group.network.cut(idOf(leader), idOf(follower));
  await group.runtime.advance(150); // its time is over, and nobody else knows
  const refused = assert.rejects(leader.keepLeaseAlive(id), LeaseNotFoundError);
  group.network.heal();
  await group.runtime.drive(refused);
});

test('The end of a lease that a leader asked for before it lost its place does not come under the next one', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const old = await group.elect();
  const { id } = await group.runtime.drive(old.grantLease({ ttlSeconds: 2 }));
  await group.runtime.advance(1_950);
  const others = followersOf(group, old).map(idOf);
  group.network.partition([idOf(old)], others);
  await group.runtime.advance(200); // what it asks for reaches nobody yet
  let next: DurableStore | undefined;
  for (let ms = 0; ms < 10_000 && (next === undefined || next === old); ms += 20) {
    await group.runtime.advance(20);
    next = group.leader();
  }
  assert.ok(next !== undefined && next !== old);
  const leader = next;
  await group.runtime.drive(leader.txn(putOf('a')));
  await group.runtime.drive(leader.keepLeaseAlive(id));
  group.network.heal();
  for (let second = 0; second < 5; second++) {
    await group.runtime.advance(1_000);
    await group.runtime.drive(leader.keepLeaseAlive(id));
  }
  assert.ok(leader.lease(id) !== undefined);
  // It still ends by itself.
  await group.runtime.advance(4_000);
  assert.deepEqual(
    group.stores().map((store) => store.lease(id)),
    [undefined, undefined, undefined],
  );
});

test('A leader that wakes from a pause asks whether it still leads before it keeps a lease alive', async () => {
  const slowness = new Slowness();
  const group = new SimulatedGroup({ strategy: slowness.strategy() });
  slowness.clock(() => group.runtime.nowMs);
  await group.start();
  const old = await group.elect();
  const { id } = await group.runtime.drive(old.grantLease({ ttlSeconds: 4 }));
  await group.runtime.drive(old.keepLeaseAlive(id));
  const { process } = group.machine(idOf(old));
  assert.ok(process !== undefined);
  slowness.pausedUntilMs.set(process.name, group.runtime.nowMs + 15_000);
  await group.runtime.advance(14_990); // the next leader has let it end
  assert.equal(group.leader()?.lease(id), undefined);
  assert.ok(old.lease(id) !== undefined);
  // What a client had asked for meanwhile is the first that it does.
  await assert.rejects(group.runtime.drive(old.keepLeaseAlive(id)), LeaseNotFoundError);
});

test('A group of one keeps no lease alive before it has applied again that it ended', async () => {
  const group = new SimulatedGroup({ members: 1 });
  await group.start();
  const store = await group.elect();
  const { id } = await group.runtime.drive(store.grantLease({ ttlSeconds: 60 }));
  await group.runtime.drive(store.revokeLease(id));
  group.kill(1, 'fails');
  await group.start();
  assert.ok(group.store(1).lease(id) !== undefined); // nothing says yet that its end is committed
  await assert.rejects(group.runtime.drive(group.store(1).keepLeaseAlive(id)), ConsensusError);
  await group.elect();
  await assert.rejects(group.runtime.drive(group.store(1).keepLeaseAlive(id)), LeaseNotFoundError);
});

test('Acknowledged writes outlive the loss of one disk', async () => {
  const group = new SimulatedGroup();
  await group.start();
  await group.elect();
  for (let i = 0; i < 10; i++) await group.runtime.drive(group.store(1 + (i % 3)).txn(putOf(`k${i}`)));
  await group.runtime.advance(500);
  group.wipe(1);
  const leader = await group.elect();
  assert.equal(leader.range({ key: 'k', end: 'l' }).count, 10);
});

test('Acknowledged writes outlive a power failure of all, of whom one has a disk whose syncs do nothing', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const group = new SimulatedGroup({ seed });
    await group.start();
    await group.elect();
    group.machine(2).disk.liesOnSync = true;
    for (let i = 0; i < 10; i++) await group.runtime.drive(group.store(1 + (i % 3)).txn(putOf(`k${i}`)));
    await group.runtime.advance(500);
    for (const id of group.ids) group.kill(id, 'fails');
    group.machine(2).disk.liesOnSync = false;
    await group.start(1, 3);
    const leader = await group.elect();
    assert.equal(leader.range({ key: 'k', end: 'l' }).count, 10);
    // What is left of the liar's log may be damaged, and is refused then; else it gets what it lacks.
    try {
      await group.start(2);
    } catch (error) {
      assert.ok(error instanceof DirectoryDamaged, String(error));
      continue;
    }
    await converge(group);
  }
});

test('Members restart one after the other under load, and nobody who was told "done" was told wrong', async () => {
  const group = new SimulatedGroup({ seed: 3 });
  await group.start();
  await group.elect();
  group.network.faults = slow;
  const acknowledged: string[] = [];
  let isDone = false;
  const load = (async (): Promise<void> => {
    for (let i = 0; !isDone; i++) {
      const stores = group.stores();
      const key = `k${i}`;
      await stores[i % stores.length]?.txn(putOf(key)).then(
        () => acknowledged.push(key),
        () => undefined, // nobody was told that it is done
      );
      await Promise.resolve();
    }
  })();
  for (const id of group.ids) {
    await group.runtime.advance(1_000);
    const store = group.store(id);
    group.machine(id).store = undefined;
    await group.runtime.drive(store.close());
    await group.runtime.advance(500);
    await group.start(id);
    await group.elect();
  }
  isDone = true;
  await group.runtime.drive(load);
  await converge(group);
  const found = new Set(
    group
      .store(1)
      .range({ key: 'k', end: 'l' })
      .kvs.map(({ key }) => key),
  );
  assert.ok(acknowledged.length > 50);
  assert.deepEqual(
    acknowledged.filter((key) => !found.has(key)),
    [],
  );
});

test('Members compare what they made of the log at every 1,000th entry; a difference raises the alarm', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  const [follower] = followersOf(group, leader);
  assert.ok(follower !== undefined);
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await group.runtime.drive(leader.txn(putOf(`k${i % 10}`)));
    await group.runtime.advance(1_000);
  };
  await write(1_050);
  assert.deepEqual(leader.alarms, []);
  // A value that the follower holds changes in its memory, and what is made of it goes on from there.
  const flipped = follower.range({ key: 'k3' }).kvs[0]?.value;
  assert.ok(flipped !== undefined);
  const copy: Txn = {
    compares: [{ key: 'k3', target: 'value', result: 'equal', operand: Buffer.from('k3') }],
    success: [{ op: 'put', key: 'copied', value: Buffer.from('yes') }],
    failure: [{ op: 'put', key: 'copied', value: Buffer.from('no') }],
  };
  flipped[0] = 0;
  await group.runtime.drive(leader.txn(copy));
  await assert.rejects(write(1_000), { message: 'etcdserver: corrupt cluster' });
  assert.deepEqual(leader.alarms, [{ memberId: follower.cluster.memberId, type: 'corrupt' }]);
  await assert.rejects(group.runtime.drive(leader.txn(putOf('a'))), { message: 'etcdserver: corrupt cluster' });
});

test('A directory is not opened for another member or another cluster', async () => {
  const group = new SimulatedGroup();
  await group.start();
  await group.runtime.drive(group.store(1).close());
  group.kill(1);
  group.machine(2).process?.kill();
  group.machine(1).disk.restart();
  const disk = group.machine(1).disk;
  group.machine(2).disk = disk;
  await assert.rejects(
    group.runtime.drive(group.begin(2)),
    (error) =>
      error instanceof DirectoryOfAnotherMember &&
      /it belongs to member 0000000000000001 of cluster 00c0ffee00c0ffee, not to member 0000000000000002/.test(error.message),
  );
});
