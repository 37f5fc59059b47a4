import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthError } from '../auth/auth-error.ts';
import { ConsensusError, MembershipError } from '../cluster-view.ts';
import { DiskFull, StoreStopped } from '../directory/errors.ts';
import { LeaseTtlTooLargeError } from '../lease/lessor.ts';
import { TooManyRequestsError } from '../member/proposals.ts';
import { checkTxn, tooManyOperations } from '../mvcc/check-txn.ts';
import {
  CompactedError,
  CorruptError,
  FutureRevisionError,
  KeyNotFoundError,
  LeaseExistsError,
  LeaseNotFoundError,
  SpaceExceededError,
} from '../mvcc/refusals.ts';
import { revision } from '../mvcc/revision.ts';
import type { Operation } from '../mvcc/types.ts';
import { statusOf } from './error-status.ts';
import { GrpcError } from './grpc/status.ts';

/** What is thrown for a transaction of these operations. */
function refusalOf(...success: readonly Operation[]): unknown {
  try {
    checkTxn({ compares: [], success, failure: [] });
    return undefined;
  } catch (error) {
    return error;
  }
}

const value = new Uint8Array([1]);
const put = { op: 'put', key: 'a', value } as const;
/** By api/v3rpc/rpctypes/error.go: clients turn a text into an error of theirs, so both count. */
const rows: readonly (readonly [unknown, number, string])[] = [
  [new CompactedError(revision(3)), 11, 'etcdserver: mvcc: required revision has been compacted'],
  [new FutureRevisionError(revision(3)), 11, 'etcdserver: mvcc: required revision is a future revision'],
  [refusalOf(put, put), 3, 'etcdserver: duplicate key given in txn request'],
  [tooManyOperations(), 3, 'etcdserver: too many operations in txn request'],
  [refusalOf({ ...put, key: '' }), 3, 'etcdserver: key is not provided'],
  [new KeyNotFoundError(), 3, 'etcdserver: key not found'],
  [refusalOf({ ...put, ignoreValue: true }), 3, 'etcdserver: value is provided'],
  [refusalOf({ ...put, ignoreLease: true, lease: 7n }), 3, 'etcdserver: lease is provided'],
  [refusalOf({ op: 'range', key: 'a', sort: { target: 'key', descending: false, isInvalid: true } }), 3, 'etcdserver: invalid sort option'],
  [refusalOf({ ...put, value: new Uint8Array(2 ** 21) }), 3, 'etcdserver: request is too large'],
  [new LeaseNotFoundError(), 5, 'etcdserver: requested lease not found'],
  [new LeaseExistsError(), 9, 'etcdserver: lease already exists'],
  [new LeaseTtlTooLargeError(), 11, 'etcdserver: too large lease TTL'],
  [new SpaceExceededError(), 8, 'etcdserver: mvcc: database space exceeded'],
  [new DiskFull('/a/directory'), 8, 'etcdserver: mvcc: database space exceeded'],
  [new TooManyRequestsError(), 8, 'etcdserver: too many requests'],
  [new CorruptError(), 15, 'etcdserver: corrupt cluster'],
  [new StoreStopped(), 14, 'etcdserver: server stopped'],
  [new ConsensusError('no leader'), 14, 'etcdserver: no leader'],
  [new ConsensusError('leader changed'), 14, 'etcdserver: leader changed'],
  [new ConsensusError('timed out'), 14, 'etcdserver: request timed out'],
  [new ConsensusError('leader failed'), 14, 'etcdserver: request timed out, possibly due to previous leader failure'],
  [new ConsensusError('connection lost'), 14, 'etcdserver: request timed out, possibly due to connection lost'],
  [new ConsensusError('unhealthy'), 14, 'etcdserver: unhealthy cluster'],
  [new ConsensusError('not leader'), 9, 'etcdserver: not leader'],
  [new ConsensusError('bad transferee'), 9, 'etcdserver: bad leader transferee'],
  [new MembershipError('exists'), 9, 'etcdserver: member ID already exist'],
  [new MembershipError('peer URL exists'), 9, 'etcdserver: Peer URLs already exists'],
  [new MembershipError('bad URLs'), 3, 'etcdserver: given member URLs are invalid'],
  [new MembershipError('not found'), 5, 'etcdserver: member not found'],
  [new MembershipError('too many learners'), 9, 'etcdserver: too many learner members in cluster'],
  [new AuthError('not enabled'), 9, 'etcdserver: authentication is not enabled'],
  [new AuthError('no root user'), 9, 'etcdserver: root user does not exist'],
  [new AuthError('no root role'), 9, 'etcdserver: root user does not have root role'],
  [new AuthError('user exists'), 9, 'etcdserver: user name already exists'],
  [new AuthError('user is empty'), 3, 'etcdserver: user name is empty'],
  [new AuthError('user not found'), 9, 'etcdserver: user name not found'],
  [new AuthError('role exists'), 9, 'etcdserver: role name already exists'],
  [new AuthError('role is empty'), 3, 'etcdserver: role name is empty'],
  [new AuthError('role not found'), 9, 'etcdserver: role name not found'],
  [new AuthError('role not granted'), 9, 'etcdserver: role is not granted to the user'],
  [new AuthError('permission not given'), 3, 'etcdserver: permission not given'],
  [new AuthError('permission not granted'), 9, 'etcdserver: permission is not granted to the role'],
  [new AuthError('permission denied'), 7, 'etcdserver: permission denied'],
  [new AuthError('wrong password'), 3, 'etcdserver: authentication failed, invalid user ID or password'],
  [new AuthError('invalid management'), 3, 'etcdserver: invalid auth management'],
  [new AuthError('invalid token'), 16, 'etcdserver: invalid auth token'],
  [new AuthError('old revision'), 3, 'etcdserver: revision of auth store is old'],
  [new GrpcError(12, 'unknown service x'), 12, 'unknown service x'],
  [new RangeError('Not a lease: 1'), 3, 'Not a lease: 1'],
  [new Error('anything'), 2, 'anything'],
  ['a string', 2, 'a string'],
];

test("statusOf() gives every error the code and the text that etcd's clients compare", () => {
  for (const [error, code, message] of rows) {
    const status = statusOf(error);
    assert.deepEqual([status.code, status.message], [code, message], message);
  }
});
