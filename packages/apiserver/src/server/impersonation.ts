import { type ApiRequest, compareBytes, goQuote, headerValues, newBadRequest } from '@coracle/apimachinery';
import { anonymous, authenticatedGroup, unauthenticatedGroup, type UserInfo } from '../authentication/user.ts';

/** Somebody that a request wants to be taken for, and the permissions that this needs (apiserver pkg/endpoints/filters/impersonation). */
export interface Impersonation {
  readonly user: UserInfo;
  readonly needs: readonly {
    readonly apiGroup: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
  }[];
}

const authentication = 'authentication.k8s.io';
const extraPrefix = 'impersonate-extra-';

/** What the headers say, as they came: an empty group is one. */
interface Wanted {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

/** Undefined: no impersonation. Throws BadRequest for groups, a uid or extras without a user. */
export function impersonationOf(request: Pick<ApiRequest, 'headers' | 'repeatedHeaders'>): Impersonation | undefined {
  const wanted = wantedBy(request);
  const { name, uid, groups, extra } = wanted;
  if (name === '') {
    if (groups.length === 0 && uid === '' && extra.size === 0) return undefined;
    throw newBadRequest(`requested ${goUser(wanted)} without impersonating a user name`);
  }
  const account = serviceAccountOf(name);
  const implied = account === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
  return {
    user: {
      name,
      ...(uid === '' ? {} : { uid }),
      groups: withSystemGroup(name, groups.length > 0 ? groups : implied),
      ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }),
    },
    needs: [
      account === undefined
        ? { apiGroup: '', resource: 'users', subresource: '', namespace: '', name }
        : { apiGroup: '', resource: 'serviceaccounts', subresource: '', namespace: account.namespace, name: account.name },
      ...groups.map((group) => ({ apiGroup: '', resource: 'groups', subresource: '', namespace: '', name: group })),
      ...(uid === '' ? [] : [{ apiGroup: authentication, resource: 'uids', subresource: '', namespace: '', name: uid }]),
      ...[...extra].flatMap(([key, values]) =>
        values.map((value) => ({ apiGroup: authentication, resource: 'userextras', subresource: key, namespace: '', name: value })),
      ),
    ],
  };
}

/** `system:serviceaccount:NAMESPACE:NAME`. */
export function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [system, kind, namespace, name, ...rest] = user.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || namespace === undefined || name === undefined || rest.length > 0)
    return undefined;
  return namespace === '' || name === '' ? undefined : { namespace, name };
}

function wantedBy(request: Pick<ApiRequest, 'headers' | 'repeatedHeaders'>): Wanted {
  // Of what can only be one, the first counts.
  const [name = ''] = headerValues(request, 'impersonate-user');
  const [uid = ''] = headerValues(request, 'impersonate-uid');
  const extra = new Map<string, readonly string[]>();
  for (const header of Object.keys(request.headers)) {
    if (!header.startsWith(extraPrefix)) continue;
    const key = decodeKey(header.slice(extraPrefix.length));
    extra.set(key, [...(extra.get(key) ?? []), ...headerValues(request, header)]);
  }
  return { name, uid, groups: headerValues(request, 'impersonate-group'), extra };
}

/** Everybody is authenticated, except who is anonymous or says to be unauthenticated. */
function withSystemGroup(name: string, groups: readonly string[]): readonly string[] {
  if (groups.includes(unauthenticatedGroup)) return groups;
  if (name === anonymous.name) return [...groups, unauthenticatedGroup];
  return groups.includes(authenticatedGroup) ? groups : [...groups, authenticatedGroup];
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** As Go's `%#v` prints a user. */
function goUser({ name, uid, groups, extra }: Wanted): string {
  const list = (values: readonly string[]): string =>
    values.length === 0 ? '[]string(nil)' : `[]string{${values.map(goQuote).join(', ')}}`;
  const keys = [...extra.keys()].sort(compareBytes);
  const members = keys.map((key) => `${goQuote(key)}:${list(extra.get(key) ?? [])}`).join(', ');
  const map = extra.size === 0 ? 'map[string][]string(nil)' : `map[string][]string{${members}}`;
  return `&user.DefaultInfo{Name:${goQuote(name)}, UID:${goQuote(uid)}, Groups:${list(groups)}, Extra:${map}}`;
}
