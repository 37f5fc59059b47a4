import type { WireHeaders } from '@coracle/apimachinery';
import { authenticatedGroup, type UserInfo } from '../authentication/user.ts';

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

/** `undefined`: no impersonation. `'incomplete'`: groups, uid or extra without a user. */
export function impersonationOf(headers: WireHeaders): Impersonation | 'incomplete' | undefined {
  const name = headers['impersonate-user'];
  const groups = splitValues(headers['impersonate-group']);
  const uid = headers['impersonate-uid'];
  const extra = Object.entries(headers).filter(([header]) => header.startsWith(extraPrefix));
  if (name === undefined || name === '') return groups.length > 0 || uid !== undefined || extra.length > 0 ? 'incomplete' : undefined;
  const account = serviceAccountOf(name);
  const implied = account === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
  const chosen = groups.length > 0 ? groups : implied;
  const isAnonymous = name === 'system:anonymous';
  const all = chosen.includes(authenticatedGroup) || isAnonymous ? chosen : [...chosen, authenticatedGroup];
  const values = extra.map(([header, value]) => [decodeKey(header.slice(extraPrefix.length)), splitValues(value)] as const);
  return {
    user: {
      name,
      ...(uid === undefined ? {} : { uid }),
      groups: isAnonymous && all.length === 0 ? ['system:unauthenticated'] : all,
      ...(values.length === 0 ? {} : { extra: Object.fromEntries(values) }),
    },
    needs: [
      account === undefined
        ? { apiGroup: '', resource: 'users', subresource: '', namespace: '', name }
        : { apiGroup: '', resource: 'serviceaccounts', subresource: '', namespace: account.namespace, name: account.name },
      ...groups.map((group) => ({ apiGroup: '', resource: 'groups', subresource: '', namespace: '', name: group })),
      ...(uid === undefined ? [] : [{ apiGroup: authentication, resource: 'uids', subresource: '', namespace: '', name: uid }]),
      ...values.flatMap(([key, list]) =>
        list.map((value) => ({ apiGroup: authentication, resource: 'userextras', subresource: key, namespace: '', name: value })),
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

/** A header that came several times has its values joined. */
function splitValues(header: string | undefined): readonly string[] {
  return header === undefined || header === '' ? [] : header.split(', ');
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
