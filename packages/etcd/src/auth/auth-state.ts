import { unreachable } from '@coracle/kernel';
import { AuthError } from './auth-error.ts';

/** The user that must exist, and the role that may do everything. */
export const root = 'root';

export type PermissionType = 'read' | 'write' | 'readWrite';

/** On one key; with `end` on those from `key` up to it; with "\0" as `end` on all from `key` on. */
export interface Permission {
  readonly type: PermissionType;
  readonly key: string;
  readonly end: string | undefined;
}

export interface User {
  /** As `Passwords.hash` made it; undefined for a user who cannot authenticate by password. */
  readonly password: string | undefined;
  /** In order of their bytes. */
  readonly roles: readonly string[];
}

/** Users, roles and whether they count: part of what is replicated. A change makes a new one. */
export interface AuthState {
  readonly isEnabled: boolean;
  /** Grows by one with each change but `enable`: whoever was allowed something at another revision has to ask again. */
  readonly revision: number;
  readonly users: ReadonlyMap<string, User>;
  /** Permissions in order of their keys. */
  readonly roles: ReadonlyMap<string, readonly Permission[]>;
}

export const initialAuth: AuthState = { isEnabled: false, revision: 1, users: new Map(), roles: new Map() };

export type AuthChange =
  | { readonly change: 'enable' }
  | { readonly change: 'disable' }
  | { readonly change: 'addUser'; readonly user: string; readonly password: string | undefined }
  | { readonly change: 'deleteUser'; readonly user: string }
  | { readonly change: 'changePassword'; readonly user: string; readonly password: string }
  | { readonly change: 'grantRole'; readonly user: string; readonly role: string }
  | { readonly change: 'revokeRole'; readonly user: string; readonly role: string }
  | { readonly change: 'addRole'; readonly role: string }
  | { readonly change: 'deleteRole'; readonly role: string }
  | { readonly change: 'grantPermission'; readonly role: string; readonly permission: Permission }
  | { readonly change: 'revokePermission'; readonly role: string; readonly key: string; readonly end: string | undefined };

/** The state after `change`. Throws AuthError as etcd's auth store refuses (server/auth/store.go). */
export function changedAuth(state: AuthState, change: AuthChange): AuthState {
  switch (change.change) {
    case 'enable':
      return enabled(state);
    case 'disable':
      return state.isEnabled ? { ...state, isEnabled: false, revision: state.revision + 1 } : state;
    case 'addUser':
      if (change.user === '') throw new AuthError('user is empty');
      if (state.users.has(change.user)) throw new AuthError('user exists');
      return withUser(state, change.user, { password: change.password, roles: [] });
    case 'deleteUser': {
      if (state.isEnabled && change.user === root) throw new AuthError('invalid management');
      userOf(state, change.user);
      const users = new Map(state.users);
      users.delete(change.user);
      return { ...state, users, revision: state.revision + 1 };
    }
    case 'changePassword': {
      const user = userOf(state, change.user);
      return withUser(state, change.user, user.password === undefined ? user : { ...user, password: change.password });
    }
    case 'grantRole': {
      const user = userOf(state, change.user);
      if (change.role !== root) permissionsOf(state, change.role);
      if (user.roles.includes(change.role)) return state;
      return withUser(state, change.user, { ...user, roles: [...user.roles, change.role].sort(byBytes) });
    }
    case 'revokeRole': {
      if (state.isEnabled && change.user === root && change.role === root) throw new AuthError('invalid management');
      const user = userOf(state, change.user);
      if (!user.roles.includes(change.role)) throw new AuthError('role not granted');
      return withUser(state, change.user, without(user, change.role));
    }
    case 'addRole':
      if (change.role === '') throw new AuthError('role is empty');
      if (state.roles.has(change.role)) throw new AuthError('role exists');
      return withRole(state, change.role, []);
    case 'deleteRole':
      return withoutRole(state, change.role);
    case 'grantPermission':
      return withRole(state, change.role, granted(permissionsOf(state, change.role), change.permission));
    case 'revokePermission': {
      const permissions = permissionsOf(state, change.role);
      const left = permissions.filter(({ key, end }) => key !== change.key || end !== change.end);
      if (left.length === permissions.length) throw new AuthError('permission not granted');
      return withRole(state, change.role, left);
    }
    default:
      return unreachable(change, 'change of unknown kind');
  }
}

/** Names in the order in which etcd lists them. */
export function sortedNames(names: Iterable<string>): readonly string[] {
  return [...names].sort(byBytes);
}

/** Throws AuthError. */
export function userOf(state: AuthState, name: string): User {
  const user = state.users.get(name);
  if (user === undefined) throw new AuthError('user not found');
  return user;
}

/** Throws AuthError. */
export function permissionsOf(state: AuthState, role: string): readonly Permission[] {
  const permissions = state.roles.get(role);
  if (permissions === undefined) throw new AuthError('role not found');
  return permissions;
}

/** A range that is empty, or has no key, is no permission. Throws AuthError. */
export function checkPermission({ key, end }: Permission): void {
  if (key === '' || (end !== undefined && end !== '\0' && key >= end)) throw new AuthError('invalid management');
}

function enabled(state: AuthState): AuthState {
  if (state.isEnabled) return state;
  const user = state.users.get(root);
  if (user === undefined) throw new AuthError('no root user');
  if (!user.roles.includes(root)) throw new AuthError('no root role');
  return { ...state, isEnabled: true };
}

function withUser(state: AuthState, name: string, user: User): AuthState {
  return { ...state, users: new Map(state.users).set(name, user), revision: state.revision + 1 };
}

function withRole(state: AuthState, role: string, permissions: readonly Permission[]): AuthState {
  return { ...state, roles: new Map(state.roles).set(role, permissions), revision: state.revision + 1 };
}

function withoutRole(state: AuthState, role: string): AuthState {
  if (state.isEnabled && role === root) throw new AuthError('invalid management');
  permissionsOf(state, role);
  const roles = new Map(state.roles);
  roles.delete(role);
  const users = new Map([...state.users].map(([name, user]) => [name, without(user, role)]));
  return { ...state, users, roles, revision: state.revision + 1 };
}

function without(user: User, role: string): User {
  return user.roles.includes(role) ? { ...user, roles: user.roles.filter((one) => one !== role) } : user;
}

/** A range has one permission in a role: the last. */
function granted(permissions: readonly Permission[], permission: Permission): readonly Permission[] {
  const others = permissions.filter(({ key, end }) => key !== permission.key || end !== permission.end);
  return [...others, permission].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
