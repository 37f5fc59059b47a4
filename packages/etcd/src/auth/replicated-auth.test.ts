import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../contract/disk-bench.ts';
import type { DurableStore } from '../durable-store.ts';
import { SimulatedGroup } from '../fixtures/simulated-group.ts';
import type { AuthChange } from './auth-state.ts';
import { nobody } from './permits.ts';

const setUp: readonly AuthChange[] = [
  { change: 'addUser', user: 'root', password: 'kept' },
  { change: 'grantRole', user: 'root', role: 'root' },
  { change: 'addUser', user: 'ann', password: 'kept' },
  { change: 'addRole', role: 'r' },
  { change: 'grantPermission', role: 'r', permission: { type: 'readWrite', key: 'a', end: 'b' } },
  { change: 'grantRole', user: 'ann', role: 'r' },
  { change: 'enable' },
];

test('Users and roles are those of the whole group: on followers, after a restart, and from a snapshot; tokens are not kept', async () => {
  const group = new SimulatedGroup();
  await group.start();
  const leader = await group.elect();
  for (const change of setUp) await group.runtime.drive(leader.auth.change(change, nobody));
  await group.runtime.drive(leader.auth.assign('token', 'ann'));
  await group.runtime.advance(500);
  const [follower] = group.stores().filter((store) => store !== leader);
  assert.ok(follower !== undefined);
  assert.equal(follower.auth.tokens.use('token'), 'ann');
  const put = (store: DurableStore, key: string): Promise<unknown> => {
    const ann = store.auth.as({ user: 'ann', revision: store.auth.state.revision });
    return group.runtime.drive(ann.txn({ compares: [], success: [{ op: 'put', key, value: Buffer.from('1') }], failure: [] }));
  };
  await put(follower, 'a');
  await assert.rejects(put(follower, 'b'), /permission denied/);
  await assert.rejects(group.runtime.drive(follower.auth.change({ change: 'addRole', role: 'x' }, nobody)), /user name is empty/);
  const { state } = leader.auth;
  await group.runtime.drive(leader.snapshotNow());
  const { id } = leader.view();
  group.kill(id);
  await group.start(id);
  await group.runtime.advance(5_000);
  assert.deepEqual(group.store(id).auth.state, state);
  assert.equal(group.store(id).auth.tokens.use('token'), undefined);
  for (const store of group.stores()) assert.equal(digestOf(store), digestOf(follower));
});

test('What was allowed when it was asked is refused when users and roles changed before it is applied', async () => {
  const group = new SimulatedGroup({ members: 1 });
  await group.start();
  const store = await group.elect();
  for (const change of setUp) await group.runtime.drive(store.auth.change(change, nobody));
  const root = { user: 'root', revision: store.auth.state.revision };
  const ann = store.auth.as({ user: 'ann', revision: root.revision });
  const revoked = store.auth.change({ change: 'revokeRole', user: 'ann', role: 'r' }, root);
  const put = ann.txn({ compares: [], success: [{ op: 'put', key: 'a', value: Buffer.from('1') }], failure: [] });
  const [, outcome] = await group.runtime.drive(Promise.allSettled([revoked, put]));
  assert.equal(
    outcome.status === 'rejected' && outcome.reason instanceof Error && outcome.reason.message,
    'etcdserver: revision of auth store is old',
  );
  assert.equal(store.revision, 1);
});
