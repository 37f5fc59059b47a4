import { isNotFound, parseGroupVersion, StatusError } from '@coracle/apimachinery';
import type { RestClient } from '../rest/rest-client.ts';

/** One resource as the server describes it. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
}

/** A group that is served (meta/v1 APIGroup). */
export interface ApiGroup {
  readonly name: string;
  /** Preferred first. */
  readonly versions: readonly string[];
}

/** All that is served, as far as it could be learnt. */
export interface Discovery {
  readonly groups: readonly ApiGroup[];
  readonly resources: readonly ApiResource[];
  /** Groups whose server did not answer, as `group/version`. */
  readonly failedGroups: readonly string[];
  /** The same, with why. */
  readonly failures: readonly { readonly groupVersion: string; readonly error: unknown }[];
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

interface AggregatedList {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly freshness?: string;
      readonly resources?: readonly AggregatedResource[];
    }[];
  }[];
}

interface AggregatedResource {
  readonly resource: string;
  readonly responseKind?: { readonly kind?: string };
  readonly scope: string;
  readonly singularResource?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly { readonly subresource: string }[];
}

interface LegacyResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface LegacyGroup {
  readonly name: string;
  readonly versions: readonly { readonly version: string }[];
  readonly preferredVersion?: { readonly version: string };
}

/** The server that aggregates could not reach the one of the group (client-go discovery StaleGroupVersionError). */
export class StaleGroupVersionError extends Error {
  override readonly name = 'StaleGroupVersionError';
  constructor(groupVersion: string) {
    super(`stale GroupVersion discovery: ${groupVersion}`);
  }
}

/** Each resource in the version that the server prefers, subresources aside (client-go discovery ServerPreferredResources). */
export function preferredResources({ groups, resources }: Discovery): readonly ApiResource[] {
  const seen = new Set<string>();
  const inOrder = groups.flatMap((group) =>
    group.versions.flatMap((version) => resources.filter((row) => row.group === group.name && row.version === version)),
  );
  return inOrder.filter((row) => {
    const name = `${row.group}/${row.resource}`;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

/** Throws Error unless the server serves `group/version` (client-go discovery ServerSupportsVersion). */
export function requireVersion({ groups }: Discovery, groupVersion: string): void {
  const { group, version } = parseGroupVersion(groupVersion);
  if (!groups.some((each) => each.name === group && each.versions.includes(version)))
    throw new Error(`server does not support API version "${groupVersion}"`);
}

/** What a server serves (client-go discovery). Nothing is kept: see RestMapper for that. */
export class DiscoveryClient {
  readonly #rest: RestClient;

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  /** Two requests where the server aggregates, one more for each group and version where not. */
  async discover(): Promise<Discovery> {
    const core = await this.#root('/api');
    const named = await this.#root('/apis');
    const parts = [core === undefined ? empty : await this.#read(core, true), named === undefined ? empty : await this.#read(named, false)];
    return {
      groups: parts.flatMap((part) => part.groups),
      resources: parts.flatMap((part) => part.resources),
      failedGroups: parts.flatMap((part) => part.failedGroups),
      failures: parts.flatMap((part) => part.failures),
    };
  }

  /** The resources of one `group/version`, or of `v1`. Throws StatusError: NotFound when it is not served. */
  async resourcesFor(groupVersion: string): Promise<readonly ApiResource[]> {
    const { group, version } = parseGroupVersion(groupVersion);
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = await this.#rest.get().absPath(path).do<{ resources?: LegacyResource[] }>();
    return readLegacyResources(group, version, list.resources ?? []);
  }

  /** The server's version: `{ gitVersion: 'v1.37.0', … }`. */
  serverVersion(): Promise<{ readonly major: string; readonly minor: string; readonly gitVersion: string }> {
    return this.#rest.get().absPath('/version').do();
  }

  /** A server without a core group (an aggregated one) answers 404 at /api. */
  async #root(path: '/api' | '/apis'): Promise<object | undefined> {
    try {
      return await this.#rest.get().absPath(path).header('accept', aggregated).do<object>();
    } catch (error) {
      if (path === '/api' && isNotFound(error)) return undefined;
      throw error;
    }
  }

  #read(root: object, isCore: boolean): Promise<Discovery> | Discovery {
    if ('kind' in root && root.kind === 'APIGroupDiscoveryList') return readAggregated(root as AggregatedList);
    const groups: readonly LegacyGroup[] = isCore
      ? [{ name: '', versions: ((root as { readonly versions?: readonly string[] }).versions ?? []).map((version) => ({ version })) }]
      : ((root as { readonly groups?: readonly LegacyGroup[] }).groups ?? []);
    return this.#readLegacy(groups);
  }

  async #readLegacy(groups: readonly LegacyGroup[]): Promise<Discovery> {
    const all = groups.flatMap((group) => group.versions.map(({ version }) => (group.name === '' ? version : `${group.name}/${version}`)));
    const asked = await Promise.allSettled(all.map((each) => this.resourcesFor(each)));
    const failures = asked.flatMap((result, index) =>
      result.status === 'rejected' ? [{ groupVersion: all[index] ?? '', error: result.reason as unknown }] : [],
    );
    // One group that is away is that group's; without a connection nothing is known.
    const fatal = failures.find(({ error }) => !(error instanceof StatusError));
    if (fatal !== undefined) throw fatal.error;
    const resources = asked.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    return { groups: groups.map(preferredFirst), resources, failures, failedGroups: failures.map(({ groupVersion }) => groupVersion) };
  }
}

const empty: Discovery = { groups: [], resources: [], failedGroups: [], failures: [] };

function readAggregated(list: AggregatedList): Discovery {
  const groups: ApiGroup[] = [];
  const resources: ApiResource[] = [];
  const failures: Discovery['failures'][number][] = [];
  for (const item of list.items ?? []) {
    const group = item.metadata?.name ?? '';
    const versions = item.versions ?? [];
    groups.push({ name: group, versions: versions.map(({ version }) => version) });
    for (const { version, freshness, resources: served = [] } of versions) {
      const groupVersion = group === '' ? version : `${group}/${version}`;
      if (freshness === 'Stale') failures.push({ groupVersion, error: new StaleGroupVersionError(groupVersion) });
      else for (const resource of served) resources.push(fromAggregated(group, version, resource));
    }
  }
  return { groups, resources, failures, failedGroups: failures.map(({ groupVersion }) => groupVersion) };
}

function fromAggregated(group: string, version: string, served: AggregatedResource): ApiResource {
  const kind = served.responseKind?.kind ?? '';
  return {
    group,
    version,
    resource: served.resource,
    singular: served.singularResource === undefined || served.singularResource === '' ? kind.toLowerCase() : served.singularResource,
    kind,
    namespaced: served.scope === 'Namespaced',
    verbs: served.verbs,
    shortNames: served.shortNames ?? [],
    categories: served.categories ?? [],
    subresources: (served.subresources ?? []).map(({ subresource }) => subresource),
  };
}

function readLegacyResources(group: string, version: string, served: readonly LegacyResource[]): readonly ApiResource[] {
  return served
    .filter(({ name }) => !name.includes('/'))
    .map((row) => ({
      group,
      version,
      resource: row.name,
      singular: row.singularName === undefined || row.singularName === '' ? row.kind.toLowerCase() : row.singularName,
      kind: row.kind,
      namespaced: row.namespaced,
      verbs: row.verbs,
      shortNames: row.shortNames ?? [],
      categories: row.categories ?? [],
      subresources: served.filter(({ name }) => name.startsWith(`${row.name}/`)).map(({ name }) => name.slice(row.name.length + 1)),
    }));
}

function preferredFirst({ name, versions, preferredVersion }: LegacyGroup): ApiGroup {
  const all = versions.map(({ version }) => version);
  const preferred = preferredVersion?.version;
  return { name, versions: preferred === undefined ? all : [preferred, ...all.filter((version) => version !== preferred)] };
}
