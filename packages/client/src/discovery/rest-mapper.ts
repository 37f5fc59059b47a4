import { groupVersion } from '@coracle/apimachinery';
import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import type { ApiResource, Discovery } from './discovery-client.ts';

/** No server resource goes by the name (apimachinery api/meta NoKindMatchError, NoResourceMatchError). */
export class NoMatchError extends Error {
  override readonly name = 'NoMatchError';
}

/** Several resources of one group and version go by the name, and nothing prefers one (apimachinery api/meta AmbiguousResourceError). */
export class AmbiguousResourceError extends Error {
  override readonly name = 'AmbiguousResourceError';
}

/** Where a mapper learns what is served; one that keeps it says whether it is what the server says now. */
export interface DiscoverySource {
  discover(): Promise<Discovery>;
  /** Absent: each answer is new. */
  readonly isFresh?: boolean;
  invalidate?(): void;
}

/** Whom a `RestMapper` tells. */
export interface RestMapperOptions {
  /** Told when a short name could mean another resource too. */
  readonly warn?: (text: string) => void;
}

/**
 * From kinds, and from the names that users type, to resources (client-go restmapper: the deferred mapper, the shortcut expander and the
 * category expander). It asks the server when first needed; on a miss it asks once more, so that a CRD made since is found.
 */
export class RestMapper {
  readonly #source: DiscoverySource;
  readonly #warn: (text: string) => void;
  #discovery: Discovery | undefined;

  constructor(source: DiscoverySource, { warn = () => undefined }: RestMapperOptions = {}) {
    this.#source = source;
    this.#warn = warn;
  }

  /** Forgets what is known: the next question asks the server. */
  reset(): void {
    this.#discovery = undefined;
    this.#source.invalidate?.();
  }

  /** Without version: the group's preferred one. Throws NoMatchError. */
  async handleForKind(kind: { readonly group: string; readonly version?: string; readonly kind: string }): Promise<ResourceHandle> {
    const { group, version } = kind;
    const found = await this.#find((discovery) =>
      byPriority(discovery, (row) => row.group === group && row.kind === kind.kind && (version === undefined || version === row.version)),
    );
    if (found !== undefined) return found;
    const where = version === undefined ? `group "${group}"` : `version "${groupVersion({ group, version })}"`;
    throw new NoMatchError(`no matches for kind "${kind.kind}" in ${where}`);
  }

  /**
   * `pods`, `pod`, `po`, `Pod`, `deployments.apps`, `deployments.v1.apps`, `sc.storage` (a group may be shortened). Plurals win over
   * singulars, those over kinds, those over short names. Throws NoMatchError and AmbiguousResourceError.
   */
  async handleForName(name: string): Promise<ResourceHandle> {
    const found = await this.#find((discovery) => this.#byName(discovery, name.toLowerCase()));
    if (found === undefined) throw new NoMatchError(`the server doesn't have a resource type "${name}"`);
    return found;
  }

  /** The resources of a category such as `all`, each in its preferred version; undefined when no resource is in it. */
  async handlesForCategory(category: string): Promise<readonly ResourceHandle[] | undefined> {
    const discovery = await this.#known();
    const rows = discovery.resources.filter((row) => row.categories.includes(category));
    const names = new Set(rows.map((row) => `${row.group}/${row.resource}`));
    const handles = [...names].flatMap(
      (name) => byPriority(discovery, (row) => `${row.group}/${row.resource}` === name && row.categories.includes(category)) ?? [],
    );
    return handles.length === 0 ? undefined : handles;
  }

  #byName(discovery: Discovery, name: string): ResourceHandle | undefined {
    const [first = '', ...rest] = name.split('.');
    const places: readonly ((row: ApiResource) => boolean)[] =
      rest.length === 0
        ? [() => true]
        : [
            (row) => row.group === rest.join('.'),
            (row) => row.version === rest[0] && row.group === rest.slice(1).join('.'),
            (row) => row.group.startsWith(rest.join('.')),
          ];
    for (const isThere of places) {
      for (const isCalled of [plural, singular, kind]) {
        const found = byPriority(discovery, (row) => isThere(row) && isCalled(row, first), name);
        if (found !== undefined) return found;
      }
      const short = this.#byShortName(discovery, first, isThere);
      if (short !== undefined) return short;
    }
    return undefined;
  }

  #byShortName(discovery: Discovery, name: string, isThere: (row: ApiResource) => boolean): ResourceHandle | undefined {
    const matches = (row: ApiResource): boolean => isThere(row) && row.shortNames.includes(name);
    const candidates = inOrder(discovery, matches);
    const [first] = candidates;
    if (first === undefined) return undefined;
    const others = candidates
      .filter((row) => row.group !== first.group || row.resource !== first.resource)
      .map((row) => (row.group === '' ? row.resource : `${row.resource}.${row.group}`));
    for (const other of new Set(others)) this.#warn(`short name "${name}" could also match lower priority resource ${other}`);
    return handleOf(first);
  }

  async #known(): Promise<Discovery> {
    this.#discovery ??= await this.#source.discover();
    return this.#discovery;
  }

  async #find(look: (discovery: Discovery) => ResourceHandle | undefined): Promise<ResourceHandle | undefined> {
    const wasFresh = this.#source.isFresh ?? this.#discovery === undefined;
    const found = look(await this.#known());
    if (found !== undefined || (wasFresh && this.#source.isFresh !== false)) return found;
    this.reset();
    return look(await this.#known());
  }
}

function plural(row: ApiResource, name: string): boolean {
  return row.resource === name;
}

function singular(row: ApiResource, name: string): boolean {
  return row.singular === name;
}

function kind(row: ApiResource, name: string): boolean {
  return row.kind.toLowerCase() === name;
}

/** The core group first, then groups in the server's order, and of one group the preferred version first. */
function inOrder(discovery: Discovery, matches: (row: ApiResource) => boolean): readonly ApiResource[] {
  const candidates = discovery.resources.filter(matches);
  if (candidates.length < 2) return candidates;
  return discovery.groups.flatMap((group) =>
    group.versions.flatMap((version) => candidates.filter((row) => row.group === group.name && row.version === version)),
  );
}

/** The first in order. With `name`, throws AmbiguousResourceError when another resource beside it matches as well. */
function byPriority(discovery: Discovery, matches: (row: ApiResource) => boolean, name?: string): ResourceHandle | undefined {
  const [first, ...others] = inOrder(discovery, matches);
  if (first === undefined) return undefined;
  const beside = others.filter((row) => row.group === first.group && row.version === first.version && row.resource !== first.resource);
  if (name !== undefined && beside.length > 0) {
    throw new AmbiguousResourceError(
      `"${name}" matches multiple resources ${[first, ...beside].map((row) => `${groupVersion(row)} ${row.resource}`).join(', ')}`,
    );
  }
  return handleOf(first);
}

function handleOf({ group, version, resource, kind: kindName, namespaced }: ApiResource): ResourceHandle {
  return { group, version, resource, kind: kindName, namespaced };
}
