import { createHash } from 'node:crypto';
import { deepFreeze, type Frozen } from '@coracle/apimachinery';
import type { ResourceDefinition, Subresource } from '../registry/definition.ts';
import type { ActionDefinition, Resources } from './resources.ts';

/** One resource of a version as discovery shows it. */
type Row = { readonly is: 'stored'; readonly row: ResourceDefinition } | { readonly is: 'action'; readonly row: ActionDefinition };

interface Version {
  readonly version: string;
  readonly rows: readonly Row[];
}

interface Group {
  readonly group: string;
  readonly versions: readonly Version[];
}

const emptyGroup = '';

/**
 * The discovery documents (apiserver pkg/endpoints/discovery): aggregated, as clients since 1.26 ask for them, and the legacy
 * ones. Only what this server serves is in them. Made when asked for, and kept until the resources change.
 */
export class Discovery {
  readonly #resources: Resources;
  #generation = -1;
  readonly #documents = new Map<string, object | undefined>();

  constructor(resources: Resources) {
    this.#resources = resources;
  }

  /** /api and /apis in the aggregated form (apidiscovery.k8s.io/v2). */
  aggregated(path: '/api' | '/apis'): { readonly value: Frozen<unknown>; readonly hash: string } {
    return this.#kept(`aggregated ${path}`, () => {
      const groups = this.#groups().filter(({ group }) => (group === emptyGroup) === (path === '/api'));
      const value = {
        kind: 'APIGroupDiscoveryList',
        apiVersion: 'apidiscovery.k8s.io/v2',
        metadata: {},
        items: groups.map(aggregatedGroup),
      };
      return { value, hash: createHash('sha512').update(JSON.stringify(value)).digest('hex').toUpperCase() };
    });
  }

  /** /api, /apis, /apis/GROUP, /api/VERSION and /apis/GROUP/VERSION; undefined when there is no such document. */
  legacy(path: string, serverAddress: string): object | undefined {
    return this.#kept(`legacy ${path} ${serverAddress}`, () => this.#legacy(path, serverAddress));
  }

  #legacy(path: string, serverAddress: string): object | undefined {
    const [root, ...rest] = path.split('/').filter((part) => part !== '');
    if (root === 'api') {
      const core = this.#groups().find(({ group }) => group === emptyGroup);
      if (rest.length === 0) {
        return {
          kind: 'APIVersions',
          versions: core?.versions.map(({ version }) => version) ?? [],
          serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
        };
      }
      return rest.length === 1 ? resourceList(core, rest[0] ?? '') : undefined;
    }
    if (root !== 'apis') return undefined;
    const groups = this.#groups().filter(({ group }) => group !== emptyGroup);
    if (rest.length === 0) return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(legacyGroup) };
    const group = groups.find((one) => one.group === rest[0]);
    if (group === undefined) return undefined;
    if (rest.length === 1) return { kind: 'APIGroup', apiVersion: 'v1', ...legacyGroup(group) };
    return rest.length === 2 ? resourceList(group, rest[1] ?? '') : undefined;
  }

  #kept<T extends object | undefined>(key: string, make: () => object | undefined): T {
    if (this.#generation !== this.#resources.generation) {
      this.#documents.clear();
      this.#generation = this.#resources.generation;
    }
    if (!this.#documents.has(key)) {
      const made = make();
      this.#documents.set(key, made === undefined ? undefined : deepFreeze(made));
    }
    return this.#documents.get(key) as T; // what `make` made
  }

  /** In the order in which they were added; of a group the preferred version first. */
  #groups(): readonly Group[] {
    const groups = new Map<string, Map<string, Row[]>>();
    const add = (row: Row): void => {
      const { group, version } = row.row;
      const versions = groups.get(group) ?? new Map<string, Row[]>();
      groups.set(group, versions);
      versions.set(version, [...(versions.get(version) ?? []), row]);
    };
    for (const row of this.#resources.definitions) add({ is: 'stored', row });
    for (const row of this.#resources.actions) add({ is: 'action', row });
    return [...groups].map(([group, versions]) => ({
      group,
      versions: [...versions]
        .map(([version, rows]) => ({ version, rows: rows.toSorted((a, b) => (a.row.resource < b.row.resource ? -1 : 1)) }))
        .sort((a, b) => compareVersions(b.version, a.version)),
    }));
  }
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1 (apimachinery pkg/version CompareKubeAwareVersionStrings). */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [parseVersion(a), parseVersion(b)];
  if (x === undefined || y === undefined) return x === y ? (a < b ? 1 : -1) : x === undefined ? -1 : 1;
  return x.stage - y.stage || x.major - y.major || x.minor - y.minor;
}

function parseVersion(text: string): { readonly stage: number; readonly major: number; readonly minor: number } | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return { stage, major: Number(match[1]), minor: Number(match[3] ?? 0) };
}

function aggregatedGroup({ group, versions }: Group): object {
  return {
    metadata: group === emptyGroup ? {} : { name: group },
    versions: versions.map(({ version, rows }) => ({ version, resources: rows.map(aggregatedResource), freshness: 'Current' })),
  };
}

function aggregatedResource(one: Row): object {
  const { row } = one;
  const base = {
    resource: row.resource,
    responseKind: responseKind(one, row),
    scope: row.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: row.singular,
  };
  if (one.is === 'action') return { ...base, verbs: ['create'] };
  const { shortNames, categories, verbs } = one.row;
  const subresources = subresourcesOf(one.row).map(({ name, response, verbs: offered }) => ({
    subresource: name,
    responseKind: responseKind(one, response),
    verbs: offered,
  }));
  return {
    ...base,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

/** Of a built-in resource's own version only the kind is named. */
function responseKind(
  { is, row }: Row,
  { group, version, kind }: { readonly group: string; readonly version: string; readonly kind: string },
): object {
  const isOwn = group === row.group && version === row.version && (is === 'action' || !row.typedItems);
  return isOwn ? { group: '', version: '', kind } : { group, version, kind };
}

function subresourcesOf(row: ResourceDefinition): readonly Subresource[] {
  const built = Object.values(row.subresources).filter(({ isBuilt }) => isBuilt !== false);
  // Those of custom resources come as they are defined.
  return row.typedItems ? built : built.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function legacyGroup({ group, versions }: Group): object {
  const rows = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: rows, preferredVersion: rows[0] };
}

function resourceList(group: Group | undefined, wanted: string): object | undefined {
  const version = group?.versions.find((one) => one.version === wanted);
  if (group === undefined || version === undefined) return undefined;
  const resources = version.rows.flatMap((one): readonly object[] => {
    const { resource, singular, namespaced, kind } = one.row;
    const base = { name: resource, singularName: singular, namespaced, kind };
    if (one.is === 'action') return [{ ...base, verbs: ['create'] }];
    const { shortNames, categories, verbs, storage } = one.row;
    return [
      {
        ...base,
        verbs,
        ...(shortNames.length === 0 ? {} : { shortNames }),
        ...(categories.length === 0 ? {} : { categories }),
        ...(storage.hash === '' ? {} : { storageVersionHash: storage.hash }),
      },
      ...subresourcesOf(one.row).map((sub) => {
        const own = sub.response.group === one.row.group && sub.response.version === one.row.version;
        return {
          name: `${resource}/${sub.name}`,
          singularName: '',
          namespaced,
          ...(own ? {} : { group: sub.response.group, version: sub.response.version }),
          kind: sub.response.kind,
          verbs: sub.verbs,
        };
      }),
    ];
  });
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group.group === emptyGroup ? wanted : `${group.group}/${wanted}`,
    resources,
  };
}
