import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter, Malformed } from '../wal/binary.ts';
import { readAuthChange, readAuthState, writeAuthChange, writeAuthState } from './auth-codec.ts';
import { AuthError } from './auth-error.ts';
import { type AuthChange, type AuthState, changedAuth, checkPermission, initialAuth, type Permission, sortedNames } from './auth-state.ts';
import { assertAdmin, assertMay, assertMayLease, assertMayReadKeys, assertMayTxn, nobody } from './permits.ts';

function after(...changes: readonly AuthChange[]): AuthState {
  return changes.reduce(changedAuth, initialAuth);
}

const refused = (refusal: string) => (error: unknown) => error instanceof AuthError && error.refusal === refusal;
const addUser = (user: string): AuthChange => ({ change: 'addUser', user, password: 'kept' });
const addRole = (role: string): AuthChange => ({ change: 'addRole', role });
const grantRole = (user: string, role: string): AuthChange => ({ change: 'grantRole', user, role });
const permit = (role: string, type: Permission['type'], key: string, end?: string): AuthChange => ({
  change: 'grantPermission',
  role,
  permission: { type, key, end },
});
const enabled: readonly AuthChange[] = [addUser('root'), grantRole('root', 'root'), { change: 'enable' }];

describe('changedAuth()', () => {
  test('every change but to switch on makes a revision; what changes nothing makes none', () => {
    const state = after(...enabled);
    assert.equal(state.revision, 3);
    assert.equal(changedAuth(state, { change: 'enable' }), state);
    assert.equal(changedAuth(state, grantRole('root', 'root')), state);
    const off = changedAuth(state, { change: 'disable' });
    assert.deepEqual([off.isEnabled, off.revision], [false, 4]);
    assert.equal(changedAuth(off, { change: 'disable' }), off);
  });

  test('is refused, with nothing changed, what cannot be', () => {
    const state = after(...enabled, addUser('ann'), addRole('reader'), grantRole('ann', 'reader'), permit('reader', 'read', 'a'));
    const refusals: readonly (readonly [AuthState, AuthChange, string])[] = [
      [initialAuth, { change: 'enable' }, 'no root user'],
      [after(addUser('root')), { change: 'enable' }, 'no root role'],
      [state, addUser(''), 'user is empty'],
      [state, addUser('ann'), 'user exists'],
      [state, { change: 'deleteUser', user: 'bob' }, 'user not found'],
      [state, { change: 'deleteUser', user: 'root' }, 'invalid management'],
      [state, { change: 'changePassword', user: 'bob', password: 'x' }, 'user not found'],
      [state, grantRole('bob', 'reader'), 'user not found'],
      [state, grantRole('ann', 'writer'), 'role not found'],
      [state, { change: 'revokeRole', user: 'root', role: 'root' }, 'invalid management'],
      [state, { change: 'revokeRole', user: 'ann', role: 'writer' }, 'role not granted'],
      [state, addRole(''), 'role is empty'],
      [state, addRole('reader'), 'role exists'],
      [state, { change: 'deleteRole', role: 'writer' }, 'role not found'],
      [state, { change: 'deleteRole', role: 'root' }, 'invalid management'],
      [state, permit('writer', 'read', 'a'), 'role not found'],
      [state, { change: 'revokePermission', role: 'reader', key: 'a', end: 'b' }, 'permission not granted'],
    ];
    for (const [from, change, refusal] of refusals)
      assert.throws(() => changedAuth(from, change), refused(refusal), JSON.stringify(change));
  });

  test('a role that goes is taken from its users; a range has one permission in a role', () => {
    const state = after(
      addUser('ann'),
      addRole('r'),
      grantRole('ann', 'r'),
      permit('r', 'read', 'b'),
      permit('r', 'write', 'a'),
      permit('r', 'write', 'b'),
    );
    assert.deepEqual(state.roles.get('r'), [
      { type: 'write', key: 'a', end: undefined },
      { type: 'write', key: 'b', end: undefined },
    ]);
    assert.deepEqual(changedAuth(state, { change: 'deleteRole', role: 'r' }).users.get('ann')?.roles, []);
  });

  test('who has no password is not given one', () => {
    const state = after({ change: 'addUser', user: 'ann', password: undefined }, { change: 'changePassword', user: 'ann', password: 'x' });
    assert.equal(state.users.get('ann')?.password, undefined);
    assert.equal(state.revision, 3);
  });

  test('names are listed in order of their bytes, and a range that is empty is no permission', () => {
    assert.deepEqual(sortedNames(['\u{1f600}', '\uff21', 'b', 'a']), ['a', 'b', '\uff21', '\u{1f600}']);
    for (const [key, end] of [
      ['', undefined],
      ['', '\0'],
      ['b', 'a'],
      ['b', 'b'],
    ] as const) {
      assert.throws(() => checkPermission({ type: 'read', key, end }), refused('invalid management'));
    }
    for (const [key, end] of [
      ['a', undefined],
      ['a', '\0'],
      ['a', 'b'],
    ] as const)
      checkPermission({ type: 'read', key, end });
  });
});

describe('What a caller may', () => {
  const may = (permissions: readonly AuthChange[], wanted: 'read' | 'write', key: string, end?: string): boolean => {
    const state = after(...enabled, addUser('ann'), addRole('r'), grantRole('ann', 'r'), ...permissions);
    try {
      assertMay(state, { user: 'ann', revision: state.revision }, wanted, { key, end });
      return true;
    } catch (error) {
      assert.ok(refused('permission denied')(error));
      return false;
    }
  };

  test('one key, a range, all from a key on; permissions that meet are one', () => {
    assert.equal(may([permit('r', 'read', 'a')], 'read', 'a'), true);
    assert.equal(may([permit('r', 'read', 'a')], 'write', 'a'), false);
    assert.equal(may([permit('r', 'readWrite', 'a')], 'write', 'a'), true);
    assert.equal(may([permit('r', 'read', 'a')], 'read', 'a\0'), false);
    assert.equal(may([permit('r', 'read', 'a')], 'read', 'a', 'a\0'), true);
    assert.equal(may([permit('r', 'read', 'a', 'c')], 'read', 'b', 'c'), true);
    assert.equal(may([permit('r', 'read', 'a', 'c')], 'read', 'b', 'd'), false);
    assert.equal(may([permit('r', 'read', 'a', 'c')], 'read', 'b', '\0'), false);
    assert.equal(may([permit('r', 'read', 'b', '\0')], 'read', 'c', '\0'), true);
    // The wrong way round.
    assert.equal(may([permit('r', 'read', 'c', 'e')], 'read', 'd', 'a'), false);
    assert.equal(may([permit('r', 'read', 'A', 'e')], 'read', 'd', 'a'), true);
    assert.equal(may([permit('r', 'read', 'a', 'b'), permit('r', 'readWrite', 'b', 'd')], 'read', 'a', 'd'), true);
    assert.equal(may([permit('r', 'read', 'a', 'b'), permit('r', 'read', 'b\0', 'd')], 'read', 'a', 'd'), false);
  });

  test('a range is allowed exactly when each of its keys is', () => {
    const letter = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const interval = fc.tuple(letter, fc.option(letter, { nil: undefined })).filter(([key, end]) => end === undefined || key < end);
    const keys = ['a', 'a\0', 'b', 'b\0', 'c', 'c\0', 'd', 'd\0', 'e', 'e\0'];
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 4 }), letter, letter, (intervals, key, end) => {
        fc.pre(key < end);
        const permissions = intervals.map(([from, to]) => permit('r', 'write', from, to));
        const each = keys.filter((one) => one >= key && one < end).every((one) => may(permissions, 'write', one));
        assert.equal(may(permissions, 'write', key, end), each);
      }),
      { numRuns: 200 },
    );
  });

  test('is asked of who he is, and whether users and roles are still what they were', () => {
    const state = after(...enabled, addUser('ann'));
    const root = { user: 'root', revision: state.revision };
    assertMay(state, root, 'write', { key: 'a', end: '\0' });
    assert.throws(() => assertMay(state, nobody, 'read', { key: 'a' }), refused('user is empty'));
    assert.throws(() => assertMay(state, { ...root, revision: state.revision - 1 }, 'read', { key: 'a' }), refused('old revision'));
    assert.throws(() => assertMay(state, { user: 'gone', revision: state.revision }, 'read', { key: 'a' }), refused('permission denied'));
    assert.throws(() => assertAdmin(state, nobody), refused('user is empty'));
    assert.throws(() => assertAdmin(state, { user: 'gone', revision: 1 }), refused('user not found'));
    assert.throws(() => assertAdmin(state, { user: 'ann', revision: 1 }), refused('permission denied'));
    const off = changedAuth(state, { change: 'disable' });
    assertAdmin(off, nobody);
    assertMay(off, nobody, 'write', { key: 'a' });
  });

  test('of a transaction all that it could do, at every depth, and the keys of a lease that it uses', () => {
    const state = after(
      ...enabled,
      addUser('ann'),
      addRole('r'),
      grantRole('ann', 'r'),
      permit('r', 'write', 'w'),
      permit('r', 'read', 'v'),
    );
    const ann = { user: 'ann', revision: state.revision };
    const context = { keysOf: (id: bigint) => (id === 7n ? ['other'] : ['w']), seesPrevious: true };
    const value = Buffer.from('1');
    const put = { op: 'put', key: 'w', value } as const;
    const denied = (txn: Parameters<typeof assertMayTxn>[2], more = {}): void =>
      assert.throws(() => assertMayTxn(state, ann, txn, { ...context, ...more }), refused('permission denied'));
    assertMayTxn(state, ann, { compares: [], success: [{ ...put, lease: 8n }], failure: [{ op: 'delete', key: 'w' }] }, context);
    assertMayTxn(state, ann, { compares: [], success: [{ ...put, prevKv: true }], failure: [] }, { ...context, seesPrevious: false });
    denied({ compares: [], success: [{ ...put, prevKv: true }], failure: [] });
    denied({ compares: [], success: [{ op: 'delete', key: 'w', prevKv: true }], failure: [] });
    denied({ compares: [], success: [{ ...put, lease: 7n }], failure: [] });
    denied({ compares: [], success: [], failure: [{ op: 'range', key: 'w' }] });
    denied({ compares: [{ key: 'w', target: 'mod', result: 'equal', operand: 0 }], success: [], failure: [] });
    denied({
      compares: [],
      success: [{ op: 'txn', txn: { compares: [], success: [], failure: [{ op: 'put', key: 'v', value }] } }],
      failure: [],
    });
    assert.throws(() => assertMayLease(state, ann, ['w', 'v']), refused('permission denied'));
    assert.throws(() => assertMayReadKeys(state, ann, ['w', 'v']), refused('permission denied'));
    assertMayLease(state, ann, ['w']);
    assertMayReadKeys(state, ann, ['v']);
  });
});

describe('On disk', () => {
  const user = fc.string({ unit: 'grapheme', maxLength: 8 });
  const key = fc.array(fc.nat(255), { minLength: 1, maxLength: 6 }).map((codes) => String.fromCharCode(...codes));
  const permission = fc.tuple(
    fc.constantFrom('read' as const, 'write' as const, 'readWrite' as const),
    key,
    fc.option(key, { nil: undefined }),
  );
  const change: fc.Arbitrary<AuthChange> = fc.oneof(
    fc.constantFrom<AuthChange>({ change: 'enable' }, { change: 'disable' }),
    fc.tuple(user, fc.option(user, { nil: undefined })).map(([name, password]) => ({ change: 'addUser' as const, user: name, password })),
    fc.tuple(user, user).map(([name, password]) => ({ change: 'changePassword' as const, user: name, password })),
    fc
      .tuple(fc.constantFrom('grantRole' as const, 'revokeRole' as const), user, user)
      .map(([of, name, role]) => ({ change: of, user: name, role })),
    fc.tuple(fc.constantFrom('addRole' as const, 'deleteRole' as const), user).map(([of, role]) => ({ change: of, role })),
    user.map((name) => ({ change: 'deleteUser' as const, user: name })),
    fc
      .tuple(user, permission)
      .map(([role, [type, from, end]]) => ({ change: 'grantPermission' as const, role, permission: { type, key: from, end } })),
    fc.tuple(user, permission).map(([role, [, from, end]]) => ({ change: 'revokePermission' as const, role, key: from, end })),
  );

  test('a change is read as it was written', () => {
    fc.assert(
      fc.property(change, (original) => {
        const to = new ByteWriter();
        writeAuthChange(to, original);
        assert.deepEqual(readAuthChange(new ByteReader(to.view())), original);
      }),
    );
    assert.throws(() => readAuthChange(new ByteReader(Buffer.from([99]))), Malformed);
    assert.throws(() => readAuthChange(new ByteReader(Buffer.from([9, 0, 7, 0, 0]))), Malformed);
  });

  test('users and roles are read as they were written; a store without any takes no byte', () => {
    const state = after(...enabled, addUser('ann'), addRole('r'), grantRole('ann', 'r'), permit('r', 'write', 'a', '\0'));
    const to = new ByteWriter();
    writeAuthState(to, state);
    assert.deepEqual(readAuthState(new ByteReader(to.view())), state);
    to.clear();
    writeAuthState(to, initialAuth);
    assert.equal(to.length, 0);
    assert.equal(readAuthState(new ByteReader(to.view())), initialAuth);
  });
});
