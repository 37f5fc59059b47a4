import { deepFreeze, type Frozen, newBadRequest, newInvalid } from '@coracle/apimachinery';
import type { UserInfo } from '../authentication/user.ts';
import type { Attributes, Authorizer } from '../authorization/authorizer.ts';
import type { RequestContext } from '../registry/definition.ts';
import type { ActionDefinition } from '../server/resources.ts';

interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
}

interface Spec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

const group = 'authorization.k8s.io';
const common = { group, version: 'v1' } as const;

/** Questions about permissions: `kubectl auth can-i` asks the first (upstream registry/authorization). */
export function accessReviews(authorizer: Authorizer): readonly ActionDefinition[] {
  const answer = async (kind: string, body: Readonly<Record<string, unknown>>, user: UserInfo): Promise<Frozen<unknown>> => {
    const spec = (body['spec'] ?? {}) as Spec;
    const { decision, reason } = await authorizer.authorize(attributesOf(kind, spec, user));
    const status = { allowed: decision === 'allow', ...(decision === 'deny' ? { denied: true } : {}), ...(reason === '' ? {} : { reason }) };
    return deepFreeze({ kind, apiVersion: `${group}/v1`, metadata: {}, spec, status });
  };
  return [
    {
      ...common,
      resource: 'selfsubjectaccessreviews',
      kind: 'SelfSubjectAccessReview',
      singular: 'selfsubjectaccessreview',
      namespaced: false,
      create: (body, { user }) => answer('SelfSubjectAccessReview', body, user),
    },
    {
      ...common,
      resource: 'subjectaccessreviews',
      kind: 'SubjectAccessReview',
      singular: 'subjectaccessreview',
      namespaced: false,
      create: (body) => answer('SubjectAccessReview', body, subjectOf('SubjectAccessReview', body)),
    },
    {
      ...common,
      resource: 'localsubjectaccessreviews',
      kind: 'LocalSubjectAccessReview',
      singular: 'localsubjectaccessreview',
      namespaced: true,
      async create(body, context) {
        requireNamespace(body, context);
        return answer('LocalSubjectAccessReview', body, subjectOf('LocalSubjectAccessReview', body));
      },
    },
  ];
}

function attributesOf(kind: string, { resourceAttributes, nonResourceAttributes }: Spec, user: UserInfo): Attributes {
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    const detail = resourceAttributes === undefined ? 'exactly one of nonResourceAttributes or resourceAttributes must be specified' : 'cannot be specified in combination with resourceAttributes';
    const field = resourceAttributes === undefined ? 'spec.resourceAttributes' : 'spec.nonResourceAttributes';
    throw newInvalid({ group, kind }, '', [{ type: 'Invalid', field, badValue: null, detail }]);
  }
  if (nonResourceAttributes !== undefined) return { user, verb: nonResourceAttributes.verb ?? '', resourceRequest: false, path: nonResourceAttributes.path ?? '' };
  const { namespace = '', verb = '', group: apiGroup = '', version = '', resource = '', subresource = '', name = '' } = resourceAttributes ?? {};
  return { user, verb, resourceRequest: true, apiGroup, apiVersion: version, resource, subresource, namespace, name };
}

function subjectOf(kind: string, body: Readonly<Record<string, unknown>>): UserInfo {
  const { user = '', uid, groups = [], extra } = (body['spec'] ?? {}) as Spec;
  if (user === '' && groups.length === 0) {
    throw newInvalid({ group, kind }, '', [{ type: 'Invalid', field: 'spec.user', badValue: '', detail: 'at least one of user or group must be specified' }]);
  }
  return { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
}

function requireNamespace(body: Readonly<Record<string, unknown>>, { namespace }: RequestContext): void {
  const metadata = (body['metadata'] ?? {}) as { readonly namespace?: string };
  if (metadata.namespace !== undefined && metadata.namespace !== namespace) throw newBadRequest('the namespace of the provided object does not match the namespace sent on the request');
  const wanted = ((body['spec'] ?? {}) as Spec).resourceAttributes?.namespace ?? '';
  if (wanted === namespace) return;
  throw newInvalid({ group, kind: '' }, '', [{ type: 'Invalid', field: 'spec.resourceAttributes.namespace', badValue: wanted, detail: 'must match metadata.namespace' }]);
}
