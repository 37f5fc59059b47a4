import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef } from '@coracle/api';
import {
  deepFreeze,
  type Frozen,
  goQuote,
  newBadRequest,
  newForbidden,
  newNotFound,
  newStatusError,
  semanticEqual,
} from '@coracle/apimachinery';
import { mastersGroup } from '../authentication/user.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { RbacAuthorizer } from '../authorization/rbac.ts';
import { describeGrants, goList, uncovered } from '../authorization/rule-cover.ts';
import type { ApiObject } from '../registry/definition.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

type Rules = readonly Frozen<PolicyRule>[];

interface RoleGuards {
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
}

const rbacGroup = 'rbac.authorization.k8s.io';

/** What a role holds that collects the rules of others: it may come to hold anything. */
const everything: Rules = deepFreeze([
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]);

/**
 * Nobody grants more than they hold (upstream pkg/registry/rbac, the policy-based storage of roles and bindings): who writes a
 * role needs its rules or the verb `escalate` on it, who writes a binding the rules of its role or the verb `bind` on that.
 * Stands last among the mutators, though it changes nothing: upstream asks after them and before validation.
 */
export function roleEscalation({ rbac, authorizer }: RoleGuards): AdmissionPlugin {
  return {
    name: 'RoleEscalation',
    admit(request) {
      const { definition, object, old, context } = request;
      if (definition.group !== rbacGroup || object === undefined || context.user.groups.includes(mastersGroup)) return undefined;
      if (old !== undefined && changesOnlyDependencies(object, old)) return undefined;
      return confirmGrant({ rbac, authorizer }, request, object);
    },
  };
}

async function confirmGrant({ rbac, authorizer }: RoleGuards, request: AdmissionRequest, object: ApiObject): Promise<undefined> {
  const { resource } = request.definition;
  if (resource === 'roles' || resource === 'clusterroles') {
    if (!(await mayEscalate(authorizer, request))) confirmRole(rbac, request, object);
  } else if (resource === 'rolebindings' || resource === 'clusterrolebindings') {
    const { roleRef } = object as unknown as Frozen<RoleBinding | ClusterRoleBinding>; // the definition says of which kind the object is
    if (!(await mayBind(authorizer, request, roleRef))) confirm(rbac, request, referencedRules(rbac, request, roleRef));
  }
  return undefined;
}

function confirmRole(rbac: RbacAuthorizer, request: AdmissionRequest, object: ApiObject): void {
  const { definition, old } = request;
  confirm(rbac, request, (object as unknown as Frozen<Role>).rules ?? []); // both kinds have rules
  // Who may not write such a role may not take the aggregation off one either.
  if (definition.resource !== 'clusterroles' || (!isAggregated(object) && !isAggregated(old))) return;
  if (uncovered(rbac.held(request.context.user, '').rules, everything).length > 0)
    throw newForbidden(definition, nameOf(request), 'must have cluster-admin privileges to use the aggregationRule');
}

function confirm(rbac: RbacAuthorizer, request: AdmissionRequest, wanted: Rules): void {
  const { definition, context } = request;
  const { user } = context;
  const { rules, missing } = rbac.held(user, definition.namespaced ? context.namespace : '');
  const grants = uncovered(rules, wanted);
  if (grants.length === 0) return;
  const who = `user ${goQuote(user.name)} (groups=${goList(user.groups)})`;
  const lines = describeGrants(grants).join('\n');
  // Upstream looks roles up as the resource of the request.
  const lost = [...new Set(missing.map((name) => `${definition.resource}.${definition.group} ${goQuote(name)} not found`))];
  const errors = lost.length === 0 ? '' : `; resolution errors: [${lost.length === 1 ? lost.join() : `[${lost.join(', ')}]`}]`;
  throw newForbidden(definition, nameOf(request), `${who} is attempting to grant RBAC permissions not currently held:\n${lines}${errors}`);
}

/** A rule that names roles says nothing about a role that is yet to be made. */
async function mayEscalate(authorizer: Authorizer, { definition, operation, name, context }: AdmissionRequest): Promise<boolean> {
  return isAllowed(authorizer, context, {
    verb: 'escalate',
    resource: definition.resource,
    name: operation === 'CREATE' ? '' : name,
  });
}

async function mayBind(authorizer: Authorizer, { context }: AdmissionRequest, { apiGroup, kind, name }: Frozen<RoleRef>): Promise<boolean> {
  const resource = kind === 'ClusterRole' ? 'clusterroles' : kind === 'Role' ? 'roles' : undefined;
  if (resource === undefined || apiGroup !== rbacGroup) return false;
  return isAllowed(authorizer, context, { verb: 'bind', resource, name });
}

async function isAllowed(
  authorizer: Authorizer,
  { user, namespace }: AdmissionRequest['context'],
  about: { readonly verb: string; readonly resource: string; readonly name: string },
): Promise<boolean> {
  const { decision } = await authorizer.authorize({
    ...about,
    user,
    namespace,
    resourceRequest: true,
    apiGroup: rbacGroup,
    apiVersion: '*',
    subresource: '',
  });
  return decision === 'allow';
}

function referencedRules(rbac: RbacAuthorizer, { definition, context }: AdmissionRequest, { kind, name }: Frozen<RoleRef>): Rules {
  if (kind !== 'Role' && kind !== 'ClusterRole') throw newStatusError(500, '', `unsupported role reference kind: ${goQuote(kind)}`);
  if (kind === 'Role' && !definition.namespaced) throw newBadRequest('Namespace parameter required.');
  const rules = rbac.rulesOf({ kind, name, namespace: context.namespace });
  if (rules === undefined) throw newNotFound(definition, name);
  return rules;
}

/** The garbage collector takes owners and finalizers off what it may not otherwise write. */
function changesOnlyDependencies(object: ApiObject, old: ApiObject): boolean {
  return semanticEqual(withoutDependencies(object), withoutDependencies(old));
}

function withoutDependencies(object: ApiObject): unknown {
  const { ownerReferences: _owners, finalizers: _finalizers, resourceVersion: _rv, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function isAggregated(object: ApiObject | undefined): boolean {
  const { aggregationRule } = (object ?? {}) as Partial<Frozen<ClusterRole>>; // asked of ClusterRoles only
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

function nameOf({ name, object }: AdmissionRequest): string {
  return object?.metadata.name ?? name;
}
