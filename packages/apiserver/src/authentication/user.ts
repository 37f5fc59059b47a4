/** Who makes a request (k8s.io/apiserver pkg/authentication/user). */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const unauthenticatedGroup = 'system:unauthenticated';
export const anonymous: UserInfo = { name: 'system:anonymous', groups: [unauthenticatedGroup] };

/** Group whose members pass every check. */
export const mastersGroup = 'system:masters';
/** The server itself, when it writes of its own accord. */
export const serverUser: UserInfo = { name: 'system:apiserver', groups: [mastersGroup] };
export const authenticatedGroup = 'system:authenticated';

/** `user` as authorization sees it: a member of `system:authenticated`. */
export function authenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(authenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, authenticatedGroup] };
}
