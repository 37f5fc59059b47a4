import { deepFreeze, FieldError, type Frozen, newBadRequest, newInvalid } from '@coracle/apimachinery';
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
  readonly fieldSelector?: SelectorAttributes;
  readonly labelSelector?: SelectorAttributes;
}

interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] }[];
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
    const spec = specOf(body);
    requireValid(spec, kind !== 'SelfSubjectAccessReview');
    const { decision, reason } = await authorizer.authorize(attributesOf(spec, user));
    const status = {
      allowed: decision === 'allow',
      ...(decision === 'deny' ? { denied: true } : {}),
      ...(reason === '' ? {} : { reason }),
    };
    return deepFreeze({ kind, apiVersion: `${group}/v1`, metadata: body['metadata'] ?? {}, spec, status });
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
      create: (body) => answer('SubjectAccessReview', body, subjectOf(body)),
    },
    {
      ...common,
      resource: 'localsubjectaccessreviews',
      kind: 'LocalSubjectAccessReview',
      singular: 'localsubjectaccessreview',
      namespaced: true,
      async create(body, context) {
        requireNamespace(body, context);
        return answer('LocalSubjectAccessReview', body, subjectOf(body));
      },
    },
    {
      ...common,
      resource: 'selfsubjectrulesreviews',
      kind: 'SelfSubjectRulesReview',
      singular: 'selfsubjectrulesreview',
      namespaced: false,
      async create(body, { user }) {
        const { namespace = '' } = (body['spec'] ?? {}) as { readonly namespace?: string };
        if (namespace === '') throw newBadRequest('no namespace on request');
        return deepFreeze({
          kind: 'SelfSubjectRulesReview',
          apiVersion: `${group}/v1`,
          metadata: {},
          spec: {},
          status: rulesStatus(authorizer, user, namespace),
        });
      },
    },
  ];
}

/** What a user may do in a namespace; incomplete where an authorizer cannot list what it would allow. */
function rulesStatus({ rulesFor }: Authorizer, user: UserInfo, namespace: string): object {
  const { rules, gap } = rulesFor(user, namespace);
  const resourceRules = rules.filter(({ nonResourceURLs = [] }) => nonResourceURLs.length === 0);
  const nonResourceRules = rules.filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0);
  return {
    resourceRules,
    nonResourceRules: nonResourceRules.map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: gap !== '',
    ...(gap === '' ? {} : { evaluationError: gap }),
  };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: Spec, user: UserInfo): Attributes {
  if (nonResourceAttributes !== undefined)
    return { user, verb: nonResourceAttributes.verb ?? '', resourceRequest: false, path: nonResourceAttributes.path ?? '' };
  const {
    namespace = '',
    verb = '',
    group: apiGroup = '',
    version = '',
    resource = '',
    subresource = '',
    name = '',
    fieldSelector,
  } = resourceAttributes ?? {};
  const raw = selectorText(fieldSelector);
  return {
    user,
    verb,
    resourceRequest: true,
    apiGroup,
    apiVersion: version,
    resource,
    subresource,
    namespace,
    name,
    ...(raw === '' ? {} : { fieldSelector: raw }),
  };
}

/** Faults are shown in the spelling of Go (upstream apis/authorization/validation). */
function requireValid({ resourceAttributes, nonResourceAttributes, user = '', groups = [] }: Spec, hasSubject: boolean): void {
  const faults: FieldError[] = [];
  const path = nonResourceAttributes && { Path: nonResourceAttributes.path ?? '', Verb: nonResourceAttributes.verb ?? '' };
  if ((resourceAttributes === undefined) === (nonResourceAttributes === undefined)) {
    faults.push(FieldError.invalid('spec', path ?? null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'));
  }
  if (hasSubject && user === '' && groups.length === 0)
    faults.push(FieldError.invalid('spec.user', '', 'at least one of user or group must be specified'));
  for (const field of ['fieldSelector', 'labelSelector'] as const) {
    const { rawSelector = '', requirements = [] } = resourceAttributes?.[field] ?? {};
    if (rawSelector === '' || requirements.length === 0) continue;
    faults.push(
      FieldError.invalid(`spec.resourceAttributes.${field}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'),
    );
  }
  if (faults.length > 0) throw newInvalid({ group, kind: '' }, '', faults);
}

/** As a query has it. What a query cannot say makes no selection narrower, and is left out (authorization/v1 helpers.go). */
function selectorText({ rawSelector = '', requirements = [] }: SelectorAttributes = {}): string {
  if (rawSelector !== '') return rawSelector;
  const terms = requirements.flatMap(({ key = '', operator, values: [value, ...others] = [] }) => {
    if (value === undefined || others.length > 0 || (operator !== 'In' && operator !== 'NotIn')) return [];
    return [`${key}${operator === 'In' ? '=' : '!='}${value.replace(/[\\,=]/g, '\\$&')}`];
  });
  return terms.join(',');
}

function subjectOf(body: Readonly<Record<string, unknown>>): UserInfo {
  const { user = '', uid, groups = [], extra } = specOf(body);
  return { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
}

function specOf(body: Readonly<Record<string, unknown>>): Spec {
  return (body['spec'] ?? {}) as Spec; // decoded as the kind
}

function requireNamespace(body: Readonly<Record<string, unknown>>, { namespace }: RequestContext): void {
  const metadata = (body['metadata'] ?? {}) as { readonly namespace?: string };
  if (metadata.namespace !== undefined && metadata.namespace !== namespace)
    throw newBadRequest('the namespace of the provided object does not match the namespace sent on the request');
  const { resourceAttributes, nonResourceAttributes } = specOf(body);
  if (nonResourceAttributes !== undefined) {
    const { path = '', verb = '' } = nonResourceAttributes;
    throw newInvalid({ group, kind: '' }, '', [
      FieldError.invalid('spec.nonResourceAttributes', { Path: path, Verb: verb }, 'disallowed on this kind of request'),
    ]);
  }
  const wanted = resourceAttributes?.namespace ?? '';
  if (wanted === namespace) return;
  throw newInvalid({ group, kind: '' }, '', [
    { type: 'Invalid', field: 'spec.resourceAttributes.namespace', badValue: wanted, detail: 'must match metadata.namespace' },
  ]);
}
