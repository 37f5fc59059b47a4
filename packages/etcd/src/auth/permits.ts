import { unreachable } from '@coracle/kernel';
import type { KeyRange, LeaseId, Operation, Txn } from '../mvcc/types.ts';
import { AuthError } from './auth-error.ts';
import { type AuthState, type Permission, root } from './auth-state.ts';

/** Who asks, and the revision of users and roles at which that was established. */
export interface Caller {
  /** Empty: nobody said who asks. */
  readonly user: string;
  readonly revision: number;
}

export const nobody: Caller = { user: '', revision: 0 };

/** Throws AuthError unless the caller has the role "root", or authentication is off. */
export function assertAdmin(state: AuthState, { user: name }: Caller): void {
  if (!state.isEnabled) return;
  if (name === '') throw new AuthError('user is empty');
  const user = state.users.get(name);
  if (user === undefined) throw new AuthError('user not found');
  if (!user.roles.includes(root)) throw new AuthError('permission denied');
}

/** Throws AuthError when authentication is on and nobody said who asks. */
export function assertKnown(state: AuthState, { user }: Caller): void {
  if (state.isEnabled && user === '') throw new AuthError('user is empty');
}

function isAdmin(state: AuthState, caller: Caller): boolean {
  return !state.isEnabled || state.users.get(caller.user)?.roles.includes(root) === true;
}

/** Throws AuthError unless the caller may read or write every key of the range (authStore.isOpPermitted). */
export function assertMay(state: AuthState, caller: Caller, wanted: 'read' | 'write', { key, end }: KeyRange): void {
  if (!state.isEnabled) return;
  if (caller.revision === 0) throw new AuthError('user is empty');
  if (caller.revision < state.revision) throw new AuthError('old revision');
  const user = state.users.get(caller.user);
  if (user === undefined) throw new AuthError('permission denied');
  if (user.roles.includes(root)) return;
  const permissions = user.roles.flatMap((role) => state.roles.get(role) ?? []);
  if (!covers(permissions, wanted, key, end)) throw new AuthError('permission denied');
}

/** What a check of a transaction looks at beside users and roles. */
export interface TxnContext {
  readonly keysOf: (lease: LeaseId) => readonly string[];
  /** Whether the caller sees what was there before; the log does not say so, hence it is looked at before proposing only. */
  readonly seesPrevious: boolean;
}

/** Throws AuthError unless the caller may do all that either branch could do, whichever it will be (apply/auth.go). */
export function assertMayTxn(state: AuthState, caller: Caller, txn: Txn, context: TxnContext): void {
  if (!state.isEnabled) return;
  for (const compare of txn.compares) assertMay(state, caller, 'read', compare);
  for (const list of [txn.success, txn.failure]) for (const operation of list) assertMayDo(state, caller, operation, context);
}

/** Throws AuthError unless the caller may read all the keys, of a lease. */
export function assertMayReadKeys(state: AuthState, caller: Caller, keys: readonly string[]): void {
  if (isAdmin(state, caller)) return;
  for (const key of keys) assertMay(state, caller, 'read', { key });
}

/** Throws AuthError unless the caller may write all the keys that are attached to a lease: it decides when they go. */
export function assertMayLease(state: AuthState, caller: Caller, keys: readonly string[]): void {
  if (isAdmin(state, caller)) return;
  for (const key of keys) assertMay(state, caller, 'write', { key });
}

function assertMayDo(state: AuthState, caller: Caller, operation: Operation, context: TxnContext): void {
  switch (operation.op) {
    case 'range':
      assertMay(state, caller, 'read', operation);
      return;
    case 'put': {
      const { key, lease = 0n } = operation;
      assertMay(state, caller, 'write', { key });
      if (lease !== 0n) assertMayLease(state, caller, context.keysOf(lease));
      if (context.seesPrevious && operation.prevKv === true) assertMay(state, caller, 'read', { key });
      return;
    }
    case 'delete':
      if (context.seesPrevious && operation.prevKv === true) assertMay(state, caller, 'read', operation);
      assertMay(state, caller, 'write', operation);
      return;
    case 'txn':
      assertMayTxn(state, caller, operation.txn, context);
      return;
    default:
      unreachable(operation, 'operation of unknown kind');
  }
}

/** Whether the permissions, taken together, cover the whole range without a gap. */
function covers(permissions: readonly Permission[], wanted: 'read' | 'write', key: string, end: string | undefined): boolean {
  const usable = permissions.filter(({ type }) => type === wanted || type === 'readWrite').sort((a, b) => (a.key < b.key ? -1 : 1));
  const until = end === undefined ? `${key}\0` : end;
  // Of a range that is the wrong way round etcd wants one permission over both its ends (pkg/adt).
  if (until !== '\0' && until <= key) return usable.some((one) => one.key < until && reaches(one, key));
  let from = key;
  for (const permission of usable) {
    if (permission.key > from) break;
    if (!reaches(permission, from)) continue;
    if (permission.end === '\0') return true;
    from = permission.end ?? `${permission.key}\0`;
    if (until !== '\0' && from >= until) return true;
  }
  return false;
}

/** Whether it goes on beyond `key`. */
function reaches({ key: start, end }: Permission, key: string): boolean {
  return end === '\0' || (end ?? `${start}\0`) > key;
}
