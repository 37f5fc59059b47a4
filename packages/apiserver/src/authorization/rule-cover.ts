import type { PolicyRule } from '@coracle/api';
import { type Frozen, goQuote } from '@coracle/apimachinery';

type Rule = Frozen<PolicyRule>;

/** One verb on one resource, or on one path: what a rule that names several comes apart into. */
type Grant =
  | { readonly verb: string; readonly group: string; readonly resource: string; readonly name: string | undefined }
  | { readonly verb: string; readonly path: string };

/**
 * What `wanted` grants and `held` does not (upstream component-helpers auth/rbac/validation). Each grant is covered by one rule
 * or by none: two rules that together cover a pattern do not cover it.
 */
export function uncovered(held: readonly Rule[], wanted: readonly Rule[]): readonly Grant[] {
  return wanted.flatMap(grantsOf).filter((grant) => !held.some((rule) => covers(rule, grant)));
}

/** Grants as refusals list them: one line for all verbs on a resource, one for each on a path, in the order of their bytes. */
export function describeGrants(grants: readonly Grant[]): readonly string[] {
  const lines = new Set<string>();
  const verbsOn = new Map<string, string[]>();
  for (const grant of grants) {
    if ('path' in grant) lines.add(`{NonResourceURLs:${goList([grant.path])}, Verbs:${goList([grant.verb])}}`);
    else {
      const resource = resourceOf(grant);
      const verbs = verbsOn.get(resource) ?? [];
      verbsOn.set(resource, verbs);
      verbs.push(grant.verb);
    }
  }
  for (const [resource, verbs] of verbsOn) lines.add(`{${resource}, Verbs:${goList(verbs)}}`);
  return [...lines].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** A list of texts as Go's %q shows it. */
export function goList(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(' ')}]`;
}

function resourceOf({ group, resource, name }: Extract<Grant, { readonly resource: string }>): string {
  const names = name === undefined ? '' : `, ResourceNames:${goList([name])}`;
  return `APIGroups:${goList([group])}, Resources:${goList([resource])}${names}`;
}

function grantsOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: Rule): readonly Grant[] {
  const names = (resourceNames ?? []).length === 0 ? [undefined] : (resourceNames ?? []);
  const ofResources = (apiGroups ?? []).flatMap((group) =>
    (resources ?? []).flatMap((resource) => (verbs ?? []).flatMap((verb) => names.map((name): Grant => ({ verb, group, resource, name })))),
  );
  const ofPaths = (nonResourceURLs ?? []).flatMap((path) => (verbs ?? []).map((verb): Grant => ({ verb, path })));
  return [...ofResources, ...ofPaths];
}

function covers({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: Rule, grant: Grant): boolean {
  if (!hasOrAll(verbs, grant.verb)) return false;
  if ('path' in grant) return (nonResourceURLs ?? []).some((own) => pathCovers(own, grant.path));
  const { group, resource, name } = grant;
  if (!hasOrAll(apiGroups, group)) return false;
  const slash = resource.indexOf('/');
  const isResource = hasOrAll(resources, resource) || (slash >= 0 && resources?.includes(`*${resource.slice(slash)}`) === true);
  const names = resourceNames ?? [];
  return isResource && (names.length === 0 || (name !== undefined && names.includes(name)));
}

function hasOrAll(own: readonly string[] | null | undefined, value: string): boolean {
  return own?.includes('*') === true || own?.includes(value) === true;
}

function pathCovers(own: string, path: string): boolean {
  return own === path || (own.endsWith('*') && path.startsWith(own.replace(/\*+$/, '')));
}
