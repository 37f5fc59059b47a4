import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as a from './auth-messages.ts';
import type { Message } from './message.ts';
import * as m from './messages.ts';
import { V3Bench } from './v3-bench.fixture.ts';

type Headers = Readonly<Record<string, string>>;

/** A store with the users root and ann; ann may read and write "foo". */
async function secured(): Promise<{ readonly bench: V3Bench; readonly root: Headers; readonly ann: Headers }> {
  const bench = new V3Bench();
  for (const name of ['root', 'ann']) await ask(bench, 'UserAdd', a.userAddRequest, { name, password: `${name}-pass` });
  await ask(bench, 'RoleAdd', a.nameRequest, { name: 'foos' });
  await ask(bench, 'RoleGrantPermission', a.grantPermissionRequest, { name: 'foos', perm: { permType: 2, key: 'foo' } });
  await ask(bench, 'UserGrantRole', a.userRoleRequest, { user: 'root', role: 'root' });
  await ask(bench, 'UserGrantRole', a.userRoleRequest, { user: 'ann', role: 'foos' });
  await ask(bench, 'AuthEnable', m.empty, {});
  return { bench, root: await login(bench, 'root'), ann: await login(bench, 'ann') };
}

function ask<Q>(bench: V3Bench, method: string, of: Message<Q>, value: Partial<Q>, headers: Headers = {}): Promise<unknown> {
  return bench.call(`etcdserverpb.Auth/${method}`, of, value, m.headerOnly, headers);
}

async function login(bench: V3Bench, name: string, password = `${name}-pass`): Promise<Headers> {
  const { token } = await bench.call('etcdserverpb.Auth/Authenticate', a.authenticateRequest, { name, password }, a.authenticateResponse);
  return { token };
}

const denied = { code: 7, message: 'etcdserver: permission denied' };
const unnamed = { code: 3, message: 'etcdserver: user name is empty' };
const failed = { code: 3, message: 'etcdserver: authentication failed, invalid user ID or password' };
const badToken = { code: 16, message: 'etcdserver: invalid auth token' };

describe('Auth', () => {
  test('is off at first: status says so, nobody can authenticate, and it cannot be switched on without root', async () => {
    const bench = new V3Bench();
    const status = await bench.call('etcdserverpb.Auth/AuthStatus', m.empty, {}, a.authStatusResponse);
    assert.deepEqual([status.enabled, status.authRevision, status.header?.revision], [false, 1n, 1]);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/Authenticate', a.authenticateRequest, { name: 'root' }), {
      code: 9,
      message: 'etcdserver: authentication is not enabled',
    });
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/AuthEnable', m.empty, {}), {
      code: 9,
      message: 'etcdserver: root user does not exist',
    });
  });

  test('keys are for those who were granted them; root may everything', async () => {
    const { bench, root, ann } = await secured();
    const put = (key: string, headers?: Headers): Promise<unknown> => bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key }, headers);
    assert.deepEqual(await put('foo'), unnamed);
    assert.deepEqual(await put('bar', ann), denied);
    assert.deepEqual(await put('bar', { token: 'forged' }), badToken);
    assert.deepEqual(await put('', { token: 'forged' }), { code: 3, message: 'etcdserver: key is not provided' });
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/AuthStatus', m.empty, {}, { token: 'forged' }), badToken);
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'foo' }, m.putResponse, ann);
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'bar' }, m.putResponse, { authorization: `Bearer ${root['token']}` });
    const range = async (request: Partial<m.WireRangeRequest>, headers: Headers): Promise<unknown> =>
      (await bench.call('etcdserverpb.KV/Range', m.rangeRequest, request, m.rangeResponse, headers)).count;
    assert.equal(await range({ key: 'foo' }, ann), 1);
    assert.equal(await range({ key: '\0', rangeEnd: '\0' }, root), 2);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Range', m.rangeRequest, { key: 'foo', rangeEnd: 'fop' }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/RangeStream', m.rangeRequest, { key: 'bar' }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/DeleteRange', m.deleteRangeRequest, { key: 'bar' }, ann), denied);
    const reads = { success: [{ requestRange: { key: 'bar' } }] };
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Txn', m.txnRequest, reads, ann), denied);
    const writes = { success: [{ requestPut: { key: 'foo' } }], failure: [{ requestPut: { key: 'bar' } }] };
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Txn', m.txnRequest, writes, ann), denied);
  });

  test('a permission that is taken back counts at once, and what was allowed before it is asked again', async () => {
    const { bench, root, ann } = await secured();
    const before = bench.store.auth.as({ user: 'ann', revision: bench.store.auth.state.revision });
    await ask(bench, 'RoleRevokePermission', a.revokePermissionRequest, { role: 'foos', key: 'foo' }, root);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'foo' }, ann), denied);
    await assert.rejects(
      bench.runtime.drive(before.txn({ compares: [], success: [{ op: 'put', key: 'foo', value: Buffer.from('') }], failure: [] })),
      /revision of auth store is old/,
    );
    assert.equal(bench.store.revision, 1);
  });

  test('passwords: a wrong one, an unknown user and one without a password are refused; a new one ends the tokens', async () => {
    const { bench, root, ann } = await secured();
    const authenticate = (name: string, password: string): Promise<unknown> =>
      bench.refusal('etcdserverpb.Auth/Authenticate', a.authenticateRequest, { name, password });
    assert.deepEqual(await authenticate('ann', 'wrong'), failed);
    assert.deepEqual(await authenticate('bob', 'wrong'), failed);
    await ask(bench, 'UserAdd', a.userAddRequest, { name: 'cert', options: { noPassword: true } }, root);
    assert.deepEqual(await authenticate('cert', ''), {
      code: 2,
      message: 'auth: authentication failed, password was given for no password user',
    });
    await ask(bench, 'UserChangePassword', a.changePasswordRequest, { name: 'ann', password: 'new' }, root);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Range', m.rangeRequest, { key: 'foo' }, ann), badToken);
    assert.deepEqual(await authenticate('ann', 'ann-pass'), failed);
    await login(bench, 'ann', 'new');
    await ask(bench, 'UserChangePassword', a.changePasswordRequest, { name: 'ann' }, root);
    assert.deepEqual(await authenticate('ann', ''), failed);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/UserAdd', a.userAddRequest, { name: 'x', hashedPassword: 'JDJh' }, root), {
      code: 12,
      message: 'hashes of passwords are not taken, passwords are',
    });
  });

  test('users and roles are shown to root, and to their own', async () => {
    const { bench, root, ann } = await secured();
    const list = async (method: string, headers: Headers): Promise<readonly string[]> =>
      (await bench.call(`etcdserverpb.Auth/${method}`, m.empty, {}, a.namesResponse, headers)).names;
    assert.deepEqual(await list('UserList', root), ['ann', 'root']);
    assert.deepEqual(await list('RoleList', root), ['foos']);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/UserList', m.empty, {}, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/RoleList', m.empty, {}), unnamed);
    const userGet = (name: string, headers: Headers): Promise<a.NamesResponse> =>
      bench.call('etcdserverpb.Auth/UserGet', a.nameRequest, { name }, a.namesResponse, headers);
    assert.deepEqual((await userGet('ann', ann)).names, ['foos']);
    assert.deepEqual((await userGet('root', root)).names, ['root']);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/UserGet', a.nameRequest, { name: 'root' }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/UserGet', a.nameRequest, { name: 'bob' }, root), {
      code: 9,
      message: 'etcdserver: user name not found',
    });
    const roleGet = (name: string, headers: Headers): Promise<a.RoleGetResponse> =>
      bench.call('etcdserverpb.Auth/RoleGet', a.nameRequest, { name }, a.roleGetResponse, headers);
    assert.deepEqual((await roleGet('foos', ann)).perm, [{ permType: 2, key: 'foo', rangeEnd: '' }]);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/RoleGet', a.nameRequest, { name: 'root' }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Auth/RoleGet', a.nameRequest, { name: 'x' }, root), {
      code: 9,
      message: 'etcdserver: role name not found',
    });
    await ask(bench, 'RoleAdd', a.nameRequest, { name: 'root' }, root);
    assert.deepEqual((await roleGet('root', root)).perm, [{ permType: 2, key: '', rangeEnd: '\0' }]);
  });

  test('what only root may: changes of users and roles, compaction, members, maintenance', async () => {
    const { bench, root, ann } = await secured();
    const calls: readonly (readonly [string, Message<never>, object])[] = [
      ['Auth/UserAdd', a.userAddRequest as Message<never>, { name: 'x' }],
      ['Auth/AuthDisable', m.empty as Message<never>, {}],
      ['KV/Compact', m.compactionRequest as Message<never>, { revision: 1 }],
      ['Cluster/MemberAdd', m.memberAddRequest as Message<never>, { peerUrls: ['http://a:1'] }],
      ['Cluster/MemberRemove', m.memberId as Message<never>, { id: 1n }],
      ['Maintenance/Defragment', m.empty as Message<never>, {}],
      ['Maintenance/HashKV', m.hashKvRequest as Message<never>, {}],
      ['Maintenance/Hash', m.empty as Message<never>, {}],
      ['Maintenance/Snapshot', m.empty as Message<never>, {}],
      ['Maintenance/MoveLeader', m.memberId as Message<never>, { id: 1n }],
      ['Maintenance/Alarm', m.alarmRequest as Message<never>, { action: 2, alarm: 1 }],
    ];
    for (const [path, of, value] of calls) {
      assert.deepEqual(await bench.refusal(`etcdserverpb.${path}`, of, value as never, ann), denied, path);
      assert.deepEqual(await bench.refusal(`etcdserverpb.${path}`, of, value as never), unnamed, path);
    }
    for (const [path, of] of [
      ['Maintenance/Status', m.empty],
      ['Maintenance/Alarm', m.alarmRequest],
      ['Cluster/MemberList', m.memberListRequest],
    ] as const) {
      assert.deepEqual(await bench.refusal(`etcdserverpb.${path}`, of as Message<object>, {}), unnamed, path);
      await bench.call(`etcdserverpb.${path}`, of as Message<object>, {}, m.headerOnly, ann);
    }
    await bench.call('etcdserverpb.KV/Compact', m.compactionRequest, { revision: 1 }, m.headerOnly, root);
    await ask(bench, 'AuthDisable', m.empty, {}, root);
    await bench.put('anything', '1');
  });

  test('an alarm comes before what the caller may', async () => {
    const { bench, root, ann } = await secured();
    const noSpace = { code: 8, message: 'etcdserver: mvcc: database space exceeded' };
    await bench.call('etcdserverpb.Maintenance/Alarm', m.alarmRequest, { action: 1, alarm: 1 }, m.headerOnly, root);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'bar' }, ann), noSpace);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, { ttl: 9_000_000_001 }, ann), noSpace);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/DeleteRange', m.deleteRangeRequest, { key: 'bar' }, ann), denied);
  });

  test('leases: anybody who is somebody grants them; who may not write their keys neither renews nor revokes them', async () => {
    const { bench, root, ann } = await secured();
    const grant = { ttl: 60, id: 7n };
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, grant), unnamed);
    await bench.call('etcdserverpb.Lease/LeaseGrant', m.leaseGrantRequest, grant, m.leaseGrantResponse, ann);
    const timeToLive = { id: 7n, keys: true };
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'bar', lease: 7n }, m.putResponse, root);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, timeToLive, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, { id: 7n }), unnamed);
    await bench.call('etcdserverpb.Lease/LeaseTimeToLive', m.leaseTimeToLiveRequest, { id: 7n }, m.leaseTimeToLiveResponse, ann);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseLeases', m.empty, {}, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseRevoke', m.leaseId, { id: 7n }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.Lease/LeaseKeepAlive', m.leaseId, { id: 7n }, ann), denied);
    assert.deepEqual(await bench.refusal('etcdserverpb.KV/Put', m.putRequest, { key: 'foo', lease: 7n }, ann), denied);
    await bench.call('etcdserverpb.Lease/LeaseRevoke', m.leaseId, { id: 7n }, m.headerOnly, root);
    assert.equal((await bench.call('etcdserverpb.Lease/LeaseLeases', m.empty, {}, m.leaseLeasesResponse, ann)).leases.length, 0);
  });

  test('a watch is refused where the keys may not be read, with the reason as Go writes it', async () => {
    const { bench, ann } = await secured();
    const story = async (headers: Headers, request: Partial<m.WatchCreateRequest>): Promise<readonly string[]> => {
      const stream = bench.open('etcdserverpb.Watch/Watch', headers);
      stream.request(m.watchRequest.encode({ createRequest: request }));
      await bench.runtime.settle();
      return stream.messages
        .map((each) => m.watchResponse.decode(each))
        .map(({ canceled, watchId, cancelReason }) => (canceled ? `${watchId} ${cancelReason}` : 'created'));
    };
    assert.deepEqual(await story(ann, { key: 'foo' }), ['created']);
    assert.deepEqual(await story(ann, { key: 'bar' }), ['-1 rpc error: code = PermissionDenied desc = etcdserver: permission denied']);
    assert.deepEqual(await story({}, { key: 'foo' }), ['-1 rpc error: code = InvalidArgument desc = etcdserver: user name is empty']);
    assert.deepEqual(await story({ token: 'x' }, { key: 'foo' }), [
      '-1 rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
    ]);
  });

  test('a token that another member gave is waited for, on a call that streams too', async () => {
    const { bench } = await secured();
    const token = 'abcdefghijklmnopqrstuvwxyzABCDEF';
    // The member hears of it while it makes sure that it has all that was acknowledged.
    let asked = 0;
    Object.defineProperty(bench.store, 'linearized', {
      value: async () => {
        asked++;
        bench.store.auth.tokens.assign(token, 'ann');
      },
    });
    const watching = bench.open('etcdserverpb.Watch/Watch', { token });
    watching.request(m.watchRequest.encode({ createRequest: { key: 'foo' } }));
    await bench.runtime.settle();
    assert.deepEqual(
      watching.messages.map((each) => m.watchResponse.decode(each).canceled),
      [false],
    );
    await bench.call('etcdserverpb.KV/Put', m.putRequest, { key: 'foo' }, m.putResponse, { token });
    assert.equal(asked, 1);
  });
});
