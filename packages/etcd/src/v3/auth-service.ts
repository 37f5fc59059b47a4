import { AuthError } from '../auth/auth-error.ts';
import { type AuthChange, checkPermission, type Permission, permissionsOf, root, sortedNames, userOf } from '../auth/auth-state.ts';
import { assertAdmin } from '../auth/permits.ts';
import * as m from './auth-messages.ts';
import type { Call, Method } from './grpc/server.ts';
import { GrpcError, grpcCode } from './grpc/status.ts';
import type { V3Context } from './v3-context.ts';

const permissionTypes = ['read', 'write', 'readWrite'] as const;
/** Kept of a password that was taken away: nothing matches it. */
const noPassword = 'none';

/** etcdserverpb.Auth (server/etcdserver/api/v3rpc/auth.go). */
export function authMethods(context: V3Context): Readonly<Record<string, Method>> {
  const { authentication, store } = context;
  const unary = (run: (request: Buffer, call: Call) => Promise<Buffer>): Method => ({ kind: 'unary', run });
  const changing = (changeOf: (request: Buffer) => AuthChange | Promise<AuthChange>): Method =>
    unary(async (request, call) => {
      const caller = authentication.caller(call);
      // Before a password costs time; when it is applied, that is asked again.
      assertAdmin(store.auth.state, caller);
      await store.auth.change(await changeOf(request), caller);
      return context.headerOnly();
    });
  return {
    '/etcdserverpb.Auth/AuthEnable': changing(() => ({ change: 'enable' })),
    '/etcdserverpb.Auth/AuthDisable': changing(() => ({ change: 'disable' })),
    '/etcdserverpb.Auth/AuthStatus': unary(async (_, call) => {
      await store.linearized();
      authentication.caller(call); // nobody may ask, but not somebody else
      const { isEnabled, revision } = store.auth.state;
      return context.headed(m.authStatusResponse, { enabled: isEnabled, authRevision: BigInt(revision) });
    }),
    '/etcdserverpb.Auth/Authenticate': unary(async (bytes) => {
      const { name, password } = m.authenticateRequest.decode(bytes);
      return context.headed(m.authenticateResponse, { token: await authentication.authenticate(name, password) });
    }),
    '/etcdserverpb.Auth/UserAdd': changing(async (bytes) => {
      const { name, password, options, hashedPassword } = m.userAddRequest.decode(bytes);
      if (options?.noPassword === true) return { change: 'addUser', user: name, password: undefined };
      return { change: 'addUser', user: name, password: await keptOf(context, password, hashedPassword) };
    }),
    '/etcdserverpb.Auth/UserGet': unary((request, call) => userGet(context, request, call)),
    '/etcdserverpb.Auth/UserList': unary((_, call) => names(context, call, () => store.auth.state.users.keys())),
    '/etcdserverpb.Auth/UserDelete': changing((bytes) => ({ change: 'deleteUser', user: m.nameRequest.decode(bytes).name })),
    '/etcdserverpb.Auth/UserChangePassword': changing(async (bytes) => {
      const { name, password, hashedPassword } = m.changePasswordRequest.decode(bytes);
      const kept = password === '' && hashedPassword === '' ? noPassword : await keptOf(context, password, hashedPassword);
      return { change: 'changePassword', user: name, password: kept };
    }),
    '/etcdserverpb.Auth/UserGrantRole': changing((bytes) => ({ change: 'grantRole', ...m.userRoleRequest.decode(bytes) })),
    '/etcdserverpb.Auth/UserRevokeRole': changing((bytes) => ({ change: 'revokeRole', ...m.userRoleRequest.decode(bytes) })),
    '/etcdserverpb.Auth/RoleAdd': changing((bytes) => ({ change: 'addRole', role: m.nameRequest.decode(bytes).name })),
    '/etcdserverpb.Auth/RoleGet': unary((request, call) => roleGet(context, request, call)),
    '/etcdserverpb.Auth/RoleList': unary((_, call) => names(context, call, () => store.auth.state.roles.keys())),
    '/etcdserverpb.Auth/RoleDelete': changing((bytes) => ({ change: 'deleteRole', role: m.nameRequest.decode(bytes).name })),
    '/etcdserverpb.Auth/RoleGrantPermission': changing(grantedPermission),
    '/etcdserverpb.Auth/RoleRevokePermission': changing((bytes) => {
      const { role, key, rangeEnd } = m.revokePermissionRequest.decode(bytes);
      return { change: 'revokePermission', role, key, end: rangeEnd === '' ? undefined : rangeEnd };
    }),
  };
}

/** What is kept of a password. A hash that a client made is one of bcrypt, which this store does not read. */
function keptOf(context: V3Context, password: string, hashed: string): Promise<string> {
  if (password === '' && hashed !== '') throw new GrpcError(grpcCode.unimplemented, 'hashes of passwords are not taken, passwords are');
  return context.authentication.passwords.hash(password);
}

function grantedPermission(bytes: Buffer): AuthChange {
  const { name, perm } = m.grantPermissionRequest.decode(bytes);
  if (perm === undefined) throw new AuthError('permission not given');
  const { permType = 0, key = '', rangeEnd = '' } = perm;
  const type = permissionTypes[permType];
  if (type === undefined) throw new GrpcError(grpcCode.invalidArgument, `permission type ${permType} is unknown`);
  const permission: Permission = { type, key, end: rangeEnd === '' ? undefined : rangeEnd };
  checkPermission(permission);
  return { change: 'grantPermission', role: name, permission };
}

/** Everybody may know his own roles. */
async function userGet(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const { name } = m.nameRequest.decode(bytes);
  const { store, authentication } = context;
  await store.linearized();
  const caller = authentication.caller(call);
  const { state } = store.auth;
  if (!state.isEnabled || name !== caller.user) assertAdmin(state, caller);
  return context.headed(m.namesResponse, { names: userOf(state, name).roles });
}

/** Everybody may know what the roles are that he has. */
async function roleGet(context: V3Context, bytes: Buffer, call: Call): Promise<Buffer> {
  const { name } = m.nameRequest.decode(bytes);
  const { store, authentication } = context;
  await store.linearized();
  const caller = authentication.caller(call);
  const { state } = store.auth;
  if (state.users.get(caller.user)?.roles.includes(name) !== true) assertAdmin(state, caller);
  const permissions = permissionsOf(state, name);
  if (name === root) return context.headed(m.roleGetResponse, { perm: [everything] });
  const perm = permissions.map(({ type, key, end }) => ({ permType: permissionTypes.indexOf(type), key, rangeEnd: end ?? '' }));
  return context.headed(m.roleGetResponse, { perm });
}

/** What the role "root" has, as etcd shows it. */
const everything = { permType: permissionTypes.indexOf('readWrite'), key: '', rangeEnd: '\0' };

async function names(context: V3Context, call: Call, of: () => Iterable<string>): Promise<Buffer> {
  const { store, authentication } = context;
  await store.linearized();
  assertAdmin(store.auth.state, authentication.caller(call));
  return context.headed(m.namesResponse, { names: sortedNames(of()) });
}
