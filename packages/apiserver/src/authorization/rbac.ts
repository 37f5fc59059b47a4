import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { UserInfo } from '../authentication/user.ts';
import { storagePrefix } from '../registry/storage-prefix.ts';
import { followPrefix } from '../storage/follow-prefix.ts';
import type { Storage, Stored } from '../storage/storage.ts';
import type { Attributes, Authorizer, Decision, UserRules } from './authorizer.ts';

type Rules = readonly Frozen<PolicyRule>[];

interface Binding {
  /** '' for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly name: string;
  readonly roleKind: string;
  readonly roleName: string;
  readonly subjects: readonly Frozen<Subject>[];
}

const group = 'rbac.authorization.k8s.io';

/**
 * Role-based access control (upstream plugin/pkg/auth/authorizer/rbac). Roles and bindings are followed within the commits
 * that change them, so that a decision is a lookup and a role counts from the answer to its write on.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #storage: Storage;
  readonly #process: Process;
  /** By kind and `namespace/name`; decoded when a decision first asks, since most roles are never asked for. */
  readonly #roles = new Map<string, Stored>();
  readonly #bindings = new Map<string, Binding>();
  /** Bindings by namespace ('' for the cluster's) and subject. */
  readonly #bySubject = new Map<string, Map<string, Set<Binding>>>();
  readonly #watches: Disposable[] = [];

  constructor(options: { readonly storage: Storage; readonly process: Process }) {
    this.#storage = options.storage;
    this.#process = options.process;
  }

  /** Reads what there is and follows it. Before, nothing is allowed. */
  async start(): Promise<void> {
    await this.#follow('clusterroles', 'ClusterRole');
    await this.#follow('roles', 'Role');
    await this.#followBindings('clusterrolebindings', '');
    await this.#followBindings('rolebindings', undefined);
  }

  stop(): void {
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
  }

  authorize(attributes: Attributes): Decision {
    const missing: string[] = [];
    for (const [binding, subject] of this.#bindingsOf(attributes.user, attributes.resourceRequest ? attributes.namespace : '')) {
      const rules = this.#rulesOf(binding);
      if (rules === undefined)
        missing.push(`${binding.roleKind === 'Role' ? 'role' : 'clusterrole'}.${group} "${binding.roleName}" not found`);
      else if (rules.some((rule) => allows(rule, attributes))) return { decision: 'allow', reason: reasonOf(binding, subject) };
    }
    return { decision: 'noOpinion', reason: missing.length === 0 ? '' : `rbac: RBAC: ${[...new Set(missing)].join(', ')}` };
  }

  /**
   * What a user may pass on in a namespace: all rules of the roles bound there, those about paths too although only a
   * ClusterRoleBinding makes them count; and the names of roles that are bound and do not exist.
   */
  held(user: UserInfo, namespace: string): { readonly rules: Rules; readonly missing: readonly string[] } {
    const rules: Frozen<PolicyRule>[] = [];
    const missing: string[] = [];
    for (const [binding] of this.#bindingsOf(user, namespace)) {
      const found = this.#rulesOf(binding);
      if (found === undefined) missing.push(binding.roleName);
      else rules.push(...found);
    }
    return { rules, missing };
  }

  /** Of a role as a binding in `namespace` names it; undefined when there is none. */
  rulesOf({ kind, name, namespace }: { readonly kind: string; readonly name: string; readonly namespace: string }): Rules | undefined {
    return this.#rulesOf({ roleKind: kind, roleName: name, namespace });
  }

  /** Rules of a RoleBinding say nothing about paths. */
  readonly rulesFor = (user: UserInfo, namespace: string): UserRules => {
    const rules: Frozen<PolicyRule>[] = [];
    for (const [binding] of this.#bindingsOf(user, namespace)) {
      for (const rule of this.#rulesOf(binding) ?? [])
        if (binding.namespace === '' || (rule.nonResourceURLs ?? []).length === 0) rules.push(rule);
    }
    return { rules, gap: '' };
  };

  /** The bindings of the cluster and of a namespace ('': none) that name a user, with the subject by which they do. */
  *#bindingsOf(user: UserInfo, namespace: string): Generator<readonly [Binding, string], void, undefined> {
    for (const scope of namespace === '' ? [''] : ['', namespace]) {
      const bindings = this.#bySubject.get(scope);
      if (bindings === undefined) continue;
      for (const subject of subjectsOf(user)) for (const binding of bindings.get(subject) ?? []) yield [binding, subject];
    }
  }

  #rulesOf({ roleKind, roleName, namespace }: Pick<Binding, 'roleKind' | 'roleName' | 'namespace'>): Rules | undefined {
    return this.#rulesAt(`${roleKind} ${roleKind === 'Role' ? `${namespace}/` : ''}${roleName}`);
  }

  /** Whether the rules of a ClusterRole cover a request, whoever is bound to it. */
  roleAllows(clusterRole: string, attributes: Attributes): boolean {
    return this.#rulesAt(`ClusterRole ${clusterRole}`)?.some((rule) => allows(rule, attributes)) === true;
  }

  #rulesAt(key: string): Rules | undefined {
    const stored = this.#roles.get(key);
    if (stored === undefined) return undefined;
    return (stored.object as unknown as Frozen<ClusterRole | Role>).rules ?? []; // what is stored under the prefixes is of these kinds
  }

  async #follow(resource: string, kind: string): Promise<void> {
    const prefix = storagePrefix(group, resource);
    const keyOf = (key: string): string => `${kind} ${key.slice(prefix.length)}`;
    await this.#watch(
      prefix,
      (stored) => this.#roles.set(keyOf(stored.key), stored),
      (key) => this.#roles.delete(keyOf(key)),
    );
  }

  async #followBindings(resource: string, scope: '' | undefined): Promise<void> {
    const prefix = storagePrefix(group, resource);
    const drop = (key: string): void => {
      const old = this.#bindings.get(key);
      if (old === undefined) return;
      this.#bindings.delete(key);
      for (const subject of old.subjects) this.#bySubject.get(old.namespace)?.get(subjectKey(subject, old.namespace))?.delete(old);
    };
    const put = (stored: Stored): void => {
      drop(stored.key);
      const { metadata, roleRef, subjects } = stored.object as unknown as Frozen<ClusterRoleBinding | RoleBinding>; // what is stored under the prefix is of this kind
      const namespace = scope ?? metadata.namespace ?? '';
      const binding: Binding = {
        namespace,
        name: metadata.name ?? '',
        roleKind: roleRef.kind,
        roleName: roleRef.name,
        subjects: subjects ?? [],
      };
      this.#bindings.set(stored.key, binding);
      const bySubject = this.#bySubject.get(namespace) ?? new Map<string, Set<Binding>>();
      this.#bySubject.set(namespace, bySubject);
      for (const subject of binding.subjects) {
        const key = subjectKey(subject, namespace);
        const set = bySubject.get(key) ?? new Set<Binding>();
        bySubject.set(key, set.add(binding));
      }
    };
    await this.#watch(prefix, put, drop);
  }

  async #watch(prefix: string, put: (stored: Stored) => void, drop: (key: string) => void): Promise<void> {
    const changed = (key: string, current: Stored | undefined): void => (current === undefined ? drop(key) : put(current));
    this.#watches.push(await followPrefix({ storage: this.#storage, process: this.#process, prefix, changed }));
  }
}

/** As `subjectKey` names them. */
function subjectsOf(user: UserInfo): readonly string[] {
  const keys = [`User ${user.name}`, ...user.groups.map((name) => `Group ${name}`)];
  return user.name.startsWith('system:serviceaccount:')
    ? [...keys, `ServiceAccount ${user.name.slice('system:serviceaccount:'.length)}`]
    : keys;
}

function subjectKey({ kind, name, namespace }: Frozen<Subject>, bindingNamespace: string): string {
  return kind === 'ServiceAccount' ? `ServiceAccount ${namespace ?? bindingNamespace}:${name}` : `${kind} ${name}`;
}

function reasonOf({ namespace, name, roleKind, roleName }: Binding, subject: string): string {
  const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
  const full = namespace === '' ? name : `${name}/${namespace}`;
  const space = subject.indexOf(' ');
  const subjectKind = subject.slice(0, space);
  const subjectName = subject.slice(space + 1);
  const shown = subjectKind === 'ServiceAccount' ? `${subjectName.split(':')[1] ?? ''}/${subjectName.split(':')[0] ?? ''}` : subjectName;
  return `RBAC: allowed by ${kind} "${full}" of ${roleKind} "${roleName}" to ${subjectKind} "${shown}"`;
}

/** Whether one rule covers a request (upstream pkg/apis/rbac/v1/evaluation_helpers.go). */
export function allows(rule: Frozen<PolicyRule>, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false;
  if (!attributes.resourceRequest) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, attributes.path));
  const { apiGroup, resource, subresource, name } = attributes;
  const names = rule.resourceNames ?? [];
  return (
    includes(rule.apiGroups, apiGroup) &&
    resourceMatches(rule.resources, resource, subresource) &&
    (names.length === 0 || names.includes(name))
  );
}

function includes(allowed: readonly string[] | null | undefined, value: string): boolean {
  return allowed?.includes('*') === true || allowed?.includes(value) === true;
}

function resourceMatches(allowed: readonly string[] | null | undefined, resource: string, subresource: string): boolean {
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  return includes(allowed, full) || (subresource !== '' && allowed?.includes(`*/${subresource}`) === true);
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern === '*' || pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));
}
