const texts = {
  'not enabled': 'etcdserver: authentication is not enabled',
  'no root user': 'etcdserver: root user does not exist',
  'no root role': 'etcdserver: root user does not have root role',
  'user exists': 'etcdserver: user name already exists',
  'user is empty': 'etcdserver: user name is empty',
  'user not found': 'etcdserver: user name not found',
  'role exists': 'etcdserver: role name already exists',
  'role is empty': 'etcdserver: role name is empty',
  'role not found': 'etcdserver: role name not found',
  'role not granted': 'etcdserver: role is not granted to the user',
  'permission not given': 'etcdserver: permission not given',
  'permission not granted': 'etcdserver: permission is not granted to the role',
  'permission denied': 'etcdserver: permission denied',
  'wrong password': 'etcdserver: authentication failed, invalid user ID or password',
  'no password': 'auth: authentication failed, password was given for no password user',
  'invalid management': 'etcdserver: invalid auth management',
  'invalid token': 'etcdserver: invalid auth token',
  'old revision': 'etcdserver: revision of auth store is old',
  'only verifies': 'auth: token signing attempted with verify-only key',
} as const;

export type AuthRefusal = keyof typeof texts;

/** Who asks may not, or what is asked of users and roles cannot be. The texts are etcd's (server/auth/store.go, rpctypes). */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly refusal: AuthRefusal;
  constructor(refusal: AuthRefusal, options?: ErrorOptions) {
    super(texts[refusal], options);
    this.refusal = refusal;
  }
}
