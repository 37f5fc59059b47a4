import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterMember } from './cluster-member.ts';
import { UsageError } from './flags.ts';
import { controlPlaneArgs, etcdFlags, localMembers } from './raft/layout.ts';

test("clusterMember() makes of etcd's flags a control plane whose store is one member of several", () => {
  assert.deepEqual(clusterMember({}), {});
  const { member } = clusterMember({
    member: 'm1',
    'listen-peer-urls': 'http://127.0.0.1:2380',
    'initial-cluster': 'm1=http://127.0.0.1:2380,m2=http://127.0.0.1:2382',
  });
  assert.equal(member?.name, 'm1');
  assert.deepEqual(member.peers.listen, { host: '127.0.0.1', port: 2380 });
  assert.deepEqual([...member.peers.initial.members.keys()], ['m1', 'm2']);
});

for (const { values, says } of [
  { values: { 'initial-cluster': 'm1=http://h:1' }, says: 'option "--initial-cluster" needs --member' },
  { values: { member: '' }, says: 'option "--member" needs a value' },
  { values: { member: 'm1' }, says: '--member needs --initial-cluster and --listen-peer-urls' },
  { values: { member: 'm1', 'etcd-servers': 'http://h:1' }, says: '--member and --etcd-servers exclude each other' },
  {
    values: { member: 'm3', 'listen-peer-urls': 'http://h:1', 'initial-cluster': 'm1=http://h:1' },
    says: `couldn't find local name "m3" in the initial cluster configuration`,
  },
]) {
  test(`clusterMember() refuses ${JSON.stringify(values)}`, () =>
    assert.throws(
      () => clusterMember(values),
      (error) => error instanceof UsageError && error.message === says,
    ));
}

test('localMembers() gives each member a directory and two ports, and all of them the same list', () => {
  const members = localMembers('/d', 2, 7000);
  const [first] = members;
  assert.ok(first !== undefined);
  const list = 'm1=http://127.0.0.1:7001,m2=http://127.0.0.1:7003';
  const peers = [
    '--listen-peer-urls',
    'http://127.0.0.1:7001',
    '--initial-advertise-peer-urls',
    'http://127.0.0.1:7001',
    '--initial-cluster',
    list,
  ];
  assert.deepEqual(etcdFlags(first, members), [
    '--name',
    'm1',
    '--data-dir',
    '/d/m1',
    '--listen-client-urls',
    'http://127.0.0.1:7000',
    ...peers,
  ]);
  assert.deepEqual(controlPlaneArgs(first, members), ['up', '--member', 'm1', '--directory', '/d/m1', '--port', '7000', ...peers]);
});
