import { deepFreeze, formatTime, newBadRequest } from '@coracle/apimachinery';
import type { Authenticator } from '../authentication/authenticator.ts';
import { authenticated, type UserInfo } from '../authentication/user.ts';
import type { ActionDefinition } from '../server/resources.ts';

const group = 'authentication.k8s.io';
const common = { group, version: 'v1', namespaced: false } as const;

/** Who am I, and whose token is this (upstream registry/authentication). `audiences` are those of this server. */
export function authenticationReviews(authenticator: () => Authenticator, audiences: readonly string[]): readonly ActionDefinition[] {
  return [
    {
      ...common,
      resource: 'selfsubjectreviews',
      kind: 'SelfSubjectReview',
      singular: 'selfsubjectreview',
      async create(_body, { user, clock }) {
        const metadata = { creationTimestamp: formatTime(clock.now()) };
        return deepFreeze({ kind: 'SelfSubjectReview', apiVersion: `${group}/v1`, metadata, status: { userInfo: userInfo(user) } });
      },
    },
    {
      ...common,
      resource: 'tokenreviews',
      kind: 'TokenReview',
      singular: 'tokenreview',
      async create(body) {
        const spec = (body['spec'] ?? {}) as { readonly token?: string; readonly audiences?: readonly string[] };
        if ((spec.token ?? '') === '') throw newBadRequest('token is required for TokenReview in authentication');
        const answer = { kind: 'TokenReview', apiVersion: `${group}/v1`, metadata: {}, spec };
        const wanted = spec.audiences ?? audiences;
        const shared = wanted.filter((audience) => audiences.includes(audience));
        const user =
          shared.length === 0
            ? 'refused'
            : await authenticator().authenticate({ headers: { authorization: `Bearer ${spec.token ?? ''}` } });
        if (user === undefined || user === 'refused') return deepFreeze({ ...answer, status: { user: {}, error: 'invalid bearer token' } });
        return deepFreeze({ ...answer, status: { authenticated: true, user: userInfo(authenticated(user)), audiences: shared } });
      },
    },
  ];
}

function userInfo({ name, uid, groups, extra }: UserInfo): object {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined ? {} : { extra }),
  };
}
