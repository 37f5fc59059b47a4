import { unreachable } from '@coracle/kernel';
import { type ByteReader, type ByteWriter, Malformed } from '../wal/binary.ts';
import { type AuthChange, type AuthState, initialAuth, type Permission, type PermissionType, type User } from './auth-state.ts';

/*
 * Users and roles in the form of the log and of snapshots. The numbers below are the format on disk: they never change their
 * meaning.
 */
const changes = [
  'enable',
  'disable',
  'addUser',
  'deleteUser',
  'changePassword',
  'grantRole',
  'revokeRole',
  'addRole',
  'deleteRole',
  'grantPermission',
  'revokePermission',
] as const;
const permissionTypes: readonly PermissionType[] = ['read', 'write', 'readWrite'];

export function writeAuthChange(to: ByteWriter, change: AuthChange): void {
  to.u8(changes.indexOf(change.change));
  switch (change.change) {
    case 'enable':
    case 'disable':
      return;
    case 'addUser':
      writeText(to, change.user);
      writeOptional(to, change.password);
      return;
    case 'deleteUser':
      writeText(to, change.user);
      return;
    case 'changePassword':
      writeText(to, change.user);
      writeText(to, change.password);
      return;
    case 'grantRole':
    case 'revokeRole':
      writeText(to, change.user);
      writeText(to, change.role);
      return;
    case 'addRole':
    case 'deleteRole':
      writeText(to, change.role);
      return;
    case 'grantPermission':
      writeText(to, change.role);
      writePermission(to, change.permission);
      return;
    case 'revokePermission':
      writeText(to, change.role);
      to.key(change.key);
      to.key(change.end ?? '');
      return;
    default:
      unreachable(change, 'change of unknown kind');
  }
}

/** Throws Malformed. */
export function readAuthChange(from: ByteReader): AuthChange {
  const change = changes[from.u8()];
  switch (change) {
    case 'enable':
    case 'disable':
      return { change };
    case 'addUser':
      return { change, user: readText(from), password: readOptional(from) };
    case 'deleteUser':
      return { change, user: readText(from) };
    case 'changePassword':
      return { change, user: readText(from), password: readText(from) };
    case 'grantRole':
    case 'revokeRole':
      return { change, user: readText(from), role: readText(from) };
    case 'addRole':
    case 'deleteRole':
      return { change, role: readText(from) };
    case 'grantPermission':
      return { change, role: readText(from), permission: readPermission(from) };
    case 'revokePermission':
      return { change, role: readText(from), key: from.key(), end: orAbsent(from.key()) };
    case undefined:
      throw new Malformed('change of users and roles of unknown kind');
    default:
      return unreachable(change, 'change of unknown kind');
  }
}

/** Nothing for what every store begins with, so that a store without users is read by programs that know of none. */
export function writeAuthState(to: ByteWriter, state: AuthState): void {
  if (state === initialAuth) return;
  to.u8(state.isEnabled ? 1 : 0);
  to.varint(state.revision);
  to.varint(state.users.size);
  for (const [name, { password, roles }] of state.users) {
    writeText(to, name);
    writeOptional(to, password);
    to.varint(roles.length);
    for (const role of roles) writeText(to, role);
  }
  to.varint(state.roles.size);
  for (const [name, permissions] of state.roles) {
    writeText(to, name);
    to.varint(permissions.length);
    for (const permission of permissions) writePermission(to, permission);
  }
}

/** Throws Malformed. */
export function readAuthState(from: ByteReader): AuthState {
  if (from.isAtEnd) return initialAuth;
  const isEnabled = from.u8() === 1;
  const revision = from.varint();
  const users = new Map<string, User>();
  for (let left = from.varint(); left > 0; left--) {
    const name = readText(from);
    const password = readOptional(from);
    const roles: string[] = [];
    for (let more = from.varint(); more > 0; more--) roles.push(readText(from));
    users.set(name, { password, roles });
  }
  const roles = new Map<string, readonly Permission[]>();
  for (let left = from.varint(); left > 0; left--) {
    const name = readText(from);
    const permissions: Permission[] = [];
    for (let more = from.varint(); more > 0; more--) permissions.push(readPermission(from));
    roles.set(name, permissions);
  }
  return { isEnabled, revision, users, roles };
}

function writePermission(to: ByteWriter, { type, key, end }: Permission): void {
  to.u8(permissionTypes.indexOf(type));
  to.key(key);
  to.key(end ?? '');
}

function readPermission(from: ByteReader): Permission {
  const type = permissionTypes[from.u8()];
  if (type === undefined) throw new Malformed('permission of unknown type');
  return { type, key: from.key(), end: orAbsent(from.key()) };
}

function orAbsent(end: string): string | undefined {
  return end === '' ? undefined : end;
}

export function writeText(to: ByteWriter, text: string): void {
  to.bytes(Buffer.from(text));
}

export function readText(from: ByteReader): string {
  return Buffer.from(from.bytes()).toString();
}

function writeOptional(to: ByteWriter, text: string | undefined): void {
  to.u8(text === undefined ? 0 : 1);
  if (text !== undefined) writeText(to, text);
}

function readOptional(from: ByteReader): string | undefined {
  return from.u8() === 0 ? undefined : readText(from);
}
