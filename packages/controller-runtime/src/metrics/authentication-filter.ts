import type { SubjectAccessReview, TokenReview, UserInfo } from '@coracle/api';
import { getOwn } from '@coracle/apimachinery';
import type { Clientset } from '@coracle/client';
import type { HttpAnswer, HttpRequest } from '../transport/http-server.ts';
import type { MetricsFilter } from './metrics-endpoint.ts';
import { ReviewCache } from './review-cache.ts';

type Review = TokenReview | SubjectAccessReview;

const minuteMs = 60_000;
const authenticatedGroup = 'system:authenticated';
const unauthenticatedGroup = 'system:unauthenticated';

/**
 * Lets those through whose bearer token the API server knows (TokenReview) and whom it allows the method on the path
 * (SubjectAccessReview of a non-resource URL), as upstream's function of this name (pkg/metrics/filters). The manager's user has to be
 * allowed to create `tokenreviews` and `subjectaccessreviews`, a scraper to `get` the non-resource URL `/metrics`.
 *
 * 401 without a token; 403 for who may not; 500 for a token that is not known and where the API server does not answer within ten
 * seconds. Users count for a minute, permissions for five, refusals for 30 seconds. Tokens in a WebSocket's protocol are not looked at.
 */
export function withAuthenticationAndAuthorization(clientset: Clientset): MetricsFilter {
  const { process } = clientset;
  const users = new ReviewCache<UserInfo | 'unknown'>({ process, name: 'token review', ttlMs: () => minuteMs });
  const decisions = new ReviewCache<'allowed' | 'refused'>({
    process,
    name: 'subject access review',
    ttlMs: (decision) => (decision === 'allowed' ? 5 * minuteMs : minuteMs / 2),
  });
  return async (request, next) => {
    const { url, signal } = request;
    const failed = (text: string, error: unknown): HttpAnswer => {
      process.log.error(text, { path: url.pathname, error: String(error) });
      return refusal(500, text);
    };
    const token = bearerTokenOf(getOwn(request.headers, 'authorization') ?? '');
    if (token === undefined) return refusal(401, 'Unauthorized');
    let user: UserInfo;
    try {
      const known = await users.answer(token, (ended) => userOf(clientset, token, ended), signal);
      if (known === 'unknown') throw new Error('invalid bearer token');
      user = known;
    } catch (error) {
      return failed('Authentication failed', error);
    }
    const spec = accessOf(user, request);
    try {
      const decision = await decisions.answer(JSON.stringify(spec), (ended) => decisionOn(clientset, spec, ended), signal);
      if (decision === 'refused') return refusal(403, `Authorization denied for user ${user.username ?? ''}`);
    } catch (error) {
      return failed(`Authorization for user ${user.username ?? ''} failed`, error);
    }
    return next(request);
  };
}

/** Undefined where there is none (apiserver pkg/authentication/request/bearertoken). */
function bearerTokenOf(header: string): string | undefined {
  const [scheme = '', token = ''] = header.trim().split(' ');
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

/** Throws Error with what the server says about the token; that is not remembered, as it may be its own trouble. */
async function userOf(clientset: Clientset, token: string, signal: AbortSignal): Promise<UserInfo | 'unknown'> {
  const { status } = await created<TokenReview>(clientset, 'authentication', 'TokenReview', { token }, signal);
  if (status?.authenticated !== true) {
    if (status?.error) throw new Error(status.error);
    return 'unknown';
  }
  const { user = {} } = status;
  const { username, groups = [] } = user;
  const isMarked = groups.includes(authenticatedGroup) || groups.includes(unauthenticatedGroup);
  return username === 'system:anonymous' || isMarked ? user : { ...user, groups: [...groups, authenticatedGroup] };
}

function accessOf({ username, uid, groups, extra }: UserInfo, { method, url }: HttpRequest): SubjectAccessReview['spec'] {
  return {
    ...(username !== undefined && { user: username }),
    ...(uid !== undefined && { uid }),
    ...(groups !== undefined && { groups }),
    ...(extra !== undefined && { extra }),
    nonResourceAttributes: { path: url.pathname, verb: method.toLowerCase() },
  };
}

/** Throws Error for a server that both allows and denies. */
async function decisionOn(clientset: Clientset, spec: SubjectAccessReview['spec'], signal: AbortSignal): Promise<'allowed' | 'refused'> {
  const { status } = await created<SubjectAccessReview>(clientset, 'authorization', 'SubjectAccessReview', spec, signal);
  const { allowed = false, denied = false } = status ?? {};
  if (allowed && denied) throw new Error('webhook subject access review returned both allow and deny response');
  return allowed ? 'allowed' : 'refused';
}

async function created<R extends Review>(
  { rest }: Clientset,
  group: 'authentication' | 'authorization',
  kind: NonNullable<R['kind']>,
  spec: R['spec'],
  signal: AbortSignal,
): Promise<Pick<R, 'status'>> {
  const apiVersion = `${group}.k8s.io/v1`;
  const body = { kind, apiVersion, metadata: {}, spec };
  return rest.post().groupVersion(`${group}.k8s.io`, 'v1').resource(`${kind.toLowerCase()}s`).body(body).do<R>(signal);
}

/** As net/http Error writes it. */
function refusal(status: number, text: string): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: `${text}\n`,
  };
}
