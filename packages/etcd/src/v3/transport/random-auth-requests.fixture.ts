import type { Random } from '@coracle/kernel';
import * as a from '../auth-messages.ts';
import type { Message } from '../message.ts';
import * as m from '../messages.ts';
import { ends, leases, names, pick, type Request, request } from './random-requests.fixture.ts';

export const users: readonly string[] = ['root', 'ann', 'bob', ''];
const roles = ['root', 'r1', 'r2', ''];
export const passwords: readonly string[] = ['p1', 'p2'];

function named<Q>(method: string, of: Message<Q>, value: Partial<Q>): Request {
  return request(`Auth/${method}`, of, value, m.headerOnly);
}

/** A change or a reading of users and roles. */
export function randomAuth(random: Random): Request {
  const [user, role] = [pick(random, users), pick(random, roles)];
  const range = { key: pick(random, ['', ...names]), rangeEnd: pick(random, ends) };
  switch (random.below(18)) {
    case 0:
      return named('AuthEnable', m.empty, {});
    case 1:
      return random.below(3) === 0 ? named('AuthDisable', m.empty, {}) : request('Auth/AuthStatus', m.empty, {}, a.authStatusResponse);
    case 2:
    case 3:
      return named('UserAdd', a.userAddRequest, {
        name: user,
        password: pick(random, passwords),
        options: { noPassword: random.below(8) === 0 },
      });
    case 4:
      return named(random.below(3) === 0 ? 'UserDelete' : 'RoleAdd', a.nameRequest, { name: random.below(2) === 0 ? user : role });
    case 5:
      return named('UserChangePassword', a.changePasswordRequest, { name: user, password: pick(random, ['', ...passwords]) });
    case 6:
    case 7:
    case 8:
      return named('UserGrantRole', a.userRoleRequest, { user, role });
    case 9:
      return named(random.below(3) === 0 ? 'UserRevokeRole' : 'UserGrantRole', a.userRoleRequest, { user, role });
    case 10:
      return request('Auth/UserGet', a.nameRequest, { name: user }, a.namesResponse);
    case 11:
      return request('Auth/RoleGet', a.nameRequest, { name: role }, a.roleGetResponse);
    case 12:
      return request(random.below(2) === 0 ? 'Auth/UserList' : 'Auth/RoleList', m.empty, {}, a.namesResponse);
    case 13:
      return named(random.below(4) === 0 ? 'RoleDelete' : 'RoleAdd', a.nameRequest, { name: role });
    case 14:
      return named('RoleRevokePermission', a.revokePermissionRequest, { role, ...range });
    default:
      return named('RoleGrantPermission', a.grantPermissionRequest, {
        name: role,
        ...(random.below(10) === 0 ? {} : { perm: { permType: random.below(3), ...range } }),
      });
  }
}

/** What is asked between, of members and maintenance. */
export function randomOther(random: Random): Request {
  switch (random.below(4)) {
    case 0:
      return request('Lease/LeaseKeepAlive', m.leaseId, { id: pick(random, [...leases, 99n]) }, m.leaseKeepAliveResponse);
    case 1:
      return request(
        'Lease/LeaseTimeToLive',
        m.leaseTimeToLiveRequest,
        { id: 99n, keys: random.below(2) === 0 },
        m.leaseTimeToLiveResponse,
      );
    case 2:
      return request('Maintenance/Alarm', m.alarmRequest, { action: random.below(3), alarm: random.below(2), memberId: 7n }, m.headerOnly);
    default:
      return request('Maintenance/Defragment', m.empty, {}, m.headerOnly);
  }
}
