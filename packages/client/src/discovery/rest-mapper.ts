import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import type { ApiResource, Discovery, DiscoveryClient } from './discovery-client.ts';

/** No server resource goes by the name (apimachinery api/meta NoKindMatchError, NoResourceMatchError). */
export class NoMatchError extends Error {
  override readonly name = 'NoMatchError';
}

/**
 * From kinds, and from the names that users type, to resources (client-go restmapper, deferred). It asks the server when
 * first needed; on a miss it asks once more, so that a CRD made since is found.
 */
export class RestMapper {
  readonly #client: DiscoveryClient;
  #discovery: Discovery | undefined;

  constructor(client: DiscoveryClient) {
    this.#client = client;
  }

  /** Forgets what is known: the next question asks the server. */
  reset(): void {
    this.#discovery = undefined;
  }

  /** Without version: the group's preferred one. Throws NoMatchError. */
  async handleForKind(kind: { readonly group: string; readonly version?: string; readonly kind: string }): Promise<ResourceHandle> {
    const { group, version } = kind;
    const found = await this.#find((row) => row.group === group && row.kind === kind.kind && (version === undefined || version === row.version));
    if (found !== undefined) return found;
    const inVersion = version === undefined ? '' : ` in version "${group === '' ? version : `${group}/${version}`}"`;
    throw new NoMatchError(`no matches for kind "${kind.kind}"${inVersion}`);
  }

  /** `pods`, `pod`, `po`, `Pod`, `deployments.apps`, `deployments.v1.apps`. Throws NoMatchError. */
  async handleForName(name: string): Promise<ResourceHandle> {
    const [first = '', ...rest] = name.toLowerCase().split('.');
    const group = rest.join('.');
    const versionless = rest.slice(1).join('.');
    const found = await this.#find((row) => {
      if (!(row.resource === first || row.singular === first || row.kind.toLowerCase() === first || row.shortNames.includes(first))) return false;
      return rest.length === 0 || row.group === group || (row.version === rest[0] && row.group === versionless);
    });
    if (found === undefined) throw new NoMatchError(`the server doesn't have a resource type "${name}"`);
    return found;
  }

  async #find(matches: (row: ApiResource) => boolean): Promise<ResourceHandle | undefined> {
    const wasFresh = this.#discovery === undefined;
    this.#discovery ??= await this.#client.discover();
    const found = bestOf(this.#discovery, matches);
    if (found !== undefined || wasFresh) return found;
    this.#discovery = await this.#client.discover();
    return bestOf(this.#discovery, matches);
  }
}

/** The core group first, then groups in the server's order, and of one group the preferred version first. */
function bestOf(discovery: Discovery, matches: (row: ApiResource) => boolean): ResourceHandle | undefined {
  const candidates = discovery.resources.filter(matches);
  for (const group of discovery.groups) {
    for (const version of group.versions) {
      const row = candidates.find((candidate) => candidate.group === group.name && candidate.version === version);
      if (row !== undefined) {
        const { resource, kind, namespaced } = row;
        return { group: group.name, version, resource, kind, namespaced };
      }
    }
  }
  return undefined;
}
