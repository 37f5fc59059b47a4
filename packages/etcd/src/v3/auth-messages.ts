import { bool, enumeration, key, type Message, message, nested, ofMessage, ofStrings, repeated, string, uint64 } from './message.ts';
import { type ResponseHeader, responseHeader } from './messages.ts';

/* The messages of etcdserverpb.Auth (api/etcdserverpb/rpc.proto, api/authpb/auth.proto). Those without fields are `empty`. */

interface Headed {
  header: Partial<ResponseHeader> | undefined;
}
const headed = { header: nested(1, responseHeader) };

export interface AuthStatusResponse extends Headed {
  enabled: boolean;
  authRevision: bigint;
}
export const authStatusResponse: Message<AuthStatusResponse> = message<AuthStatusResponse>({
  ...headed,
  enabled: bool(2),
  authRevision: uint64(3),
});

export interface AuthenticateRequest {
  name: string;
  password: string;
}
export const authenticateRequest: Message<AuthenticateRequest> = message<AuthenticateRequest>({ name: string(1), password: string(2) });

export interface AuthenticateResponse extends Headed {
  token: string;
}
export const authenticateResponse: Message<AuthenticateResponse> = message<AuthenticateResponse>({ ...headed, token: string(2) });

export interface UserAddOptions {
  noPassword: boolean;
}
export const userAddOptions: Message<UserAddOptions> = message<UserAddOptions>({ noPassword: bool(1) });

export interface UserAddRequest {
  name: string;
  password: string;
  options: Partial<UserAddOptions> | undefined;
  hashedPassword: string;
}
export const userAddRequest: Message<UserAddRequest> = message<UserAddRequest>({
  name: string(1),
  password: string(2),
  options: nested(3, userAddOptions),
  hashedPassword: string(4),
});

export interface ChangePasswordRequest {
  name: string;
  password: string;
  hashedPassword: string;
}
export const changePasswordRequest: Message<ChangePasswordRequest> = message<ChangePasswordRequest>({
  name: string(1),
  password: string(2),
  hashedPassword: string(3),
});

/** UserGet, UserDelete, RoleAdd, RoleGet, RoleDelete: a name in the first field. */
export interface NameRequest {
  name: string;
}
export const nameRequest: Message<NameRequest> = message<NameRequest>({ name: string(1) });

/** UserGrantRole and UserRevokeRole. */
export interface UserRoleRequest {
  user: string;
  role: string;
}
export const userRoleRequest: Message<UserRoleRequest> = message<UserRoleRequest>({ user: string(1), role: string(2) });

/** UserGet, UserList and RoleList: names in the second field. */
export interface NamesResponse extends Headed {
  names: readonly string[];
}
export const namesResponse: Message<NamesResponse> = message<NamesResponse>({ ...headed, names: repeated(2, ofStrings) });

export interface WirePermission {
  /** 0 read, 1 write, 2 both. */
  permType: number;
  key: string;
  rangeEnd: string;
}
export const permission: Message<WirePermission> = message<WirePermission>({ permType: enumeration(1), key: key(2), rangeEnd: key(3) });

export interface GrantPermissionRequest {
  name: string;
  perm: Partial<WirePermission> | undefined;
}
export const grantPermissionRequest: Message<GrantPermissionRequest> = message<GrantPermissionRequest>({
  name: string(1),
  perm: nested(2, permission),
});

export interface RevokePermissionRequest {
  role: string;
  key: string;
  rangeEnd: string;
}
export const revokePermissionRequest: Message<RevokePermissionRequest> = message<RevokePermissionRequest>({
  role: string(1),
  key: key(2),
  rangeEnd: key(3),
});

export interface RoleGetResponse extends Headed {
  perm: readonly Partial<WirePermission>[];
}
export const roleGetResponse: Message<RoleGetResponse> = message<RoleGetResponse>({ ...headed, perm: repeated(2, ofMessage(permission)) });
