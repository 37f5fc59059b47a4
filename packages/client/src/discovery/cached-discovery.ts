import { isTooManyRequests, StatusError, TransportError } from '@coracle/apimachinery';
import type { Clock } from '@coracle/kernel';
import type { Host } from '../rest/host.ts';
import type { ApiResource, Discovery, DiscoveryClient } from './discovery-client.ts';

/** What is served, kept in memory until it is invalidated (client-go discovery/cached/memory). */
export class MemoryCachedDiscovery {
  readonly #client: Pick<DiscoveryClient, 'discover' | 'resourcesFor'>;
  #known: Discovery | undefined;
  #asking: Promise<Discovery> | undefined;

  constructor(client: Pick<DiscoveryClient, 'discover' | 'resourcesFor'>) {
    this.#client = client;
  }

  /** False until the server was asked since the last `invalidate`. */
  get isFresh(): boolean {
    return this.#known !== undefined;
  }

  invalidate(): void {
    this.#known = undefined;
    this.#asking = undefined;
  }

  /**
   * Callers at the same time share one question. What failed for a passing reason (the server busy or away) is asked for again, group by
   * group; a failure of the whole is not kept.
   */
  async discover(): Promise<Discovery> {
    const known = this.#known;
    if (known !== undefined && !known.failures.some(({ error }) => isTransient(error))) return known;
    this.#asking ??= this.#ask(known);
    const asking = this.#asking;
    try {
      const found = await asking;
      if (this.#asking === asking) this.#known = found;
      return found;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  async #ask(known: Discovery | undefined): Promise<Discovery> {
    if (known === undefined) return this.#client.discover();
    const resources: ApiResource[] = [...known.resources];
    const failures: Discovery['failures'][number][] = [];
    for (const failure of known.failures) {
      if (!isTransient(failure.error)) failures.push(failure);
      else {
        try {
          resources.push(...(await this.#client.resourcesFor(failure.groupVersion)));
        } catch (error) {
          failures.push({ groupVersion: failure.groupVersion, error });
        }
      }
    }
    return { groups: known.groups, resources, failures, failedGroups: failures.map(({ groupVersion }) => groupVersion) };
  }
}

function isTransient(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  return (error instanceof StatusError && error.code >= 500) || isTooManyRequests(error);
}

/** What is kept in the file; other versions are not read. */
interface Stored {
  readonly format: 1;
  readonly server: string;
  readonly atMs: number;
  readonly groups: Discovery['groups'];
  readonly resources: Discovery['resources'];
}

/** What a `DiskCachedDiscovery` is made with. */
export interface DiskCacheOptions {
  readonly client: Pick<DiscoveryClient, 'discover'>;
  readonly host: Host;
  readonly clock: Clock;
  /** One file for each server. */
  readonly file: string;
  readonly server: string;
  /** What is older is asked for anew. kubectl has 6 h. */
  readonly ttlMs: number;
}

/**
 * What is served, kept in a file between runs of a command (client-go discovery/cached/disk). A file that cannot be read or written is
 * as good as none. An answer with failed groups is not kept. What this one has asked for itself it keeps in memory besides, for as long.
 */
export class DiskCachedDiscovery {
  readonly #options: DiskCacheOptions;
  /** Since the last `invalidate`, if there was one. */
  #own: { readonly atMs: number; readonly found: Discovery } | undefined;
  #asking: Promise<Discovery> | undefined;
  #isInvalid = false;
  #isFresh = true;

  constructor(options: DiskCacheOptions) {
    this.#options = options;
  }

  /** False after an answer that came from an earlier run. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  /** The next answer is the server's. */
  invalidate(): void {
    this.#isInvalid = true;
    this.#isFresh = true;
    this.#own = undefined;
    this.#asking = undefined;
  }

  /** Callers at the same time share one question. */
  async discover(): Promise<Discovery> {
    const own = this.#own;
    if (own !== undefined && this.#options.clock.now() - own.atMs <= this.#options.ttlMs) return own.found;
    const stored = this.#isInvalid ? undefined : this.#stored();
    if (stored !== undefined) {
      this.#isFresh = false;
      return { groups: stored.groups, resources: stored.resources, failures: [], failedGroups: [] };
    }
    this.#asking ??= this.#options.client.discover();
    const asking = this.#asking;
    try {
      const found = await asking;
      if (this.#asking === asking && found.failures.length === 0) this.#keep(found);
      return found;
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  #stored(): Stored | undefined {
    const { host, file, clock, server, ttlMs } = this.#options;
    let stored: Partial<Stored> | null;
    try {
      stored = JSON.parse(host.readFile(file)) as Partial<Stored> | null;
    } catch {
      return undefined; // missing or torn: the server knows
    }
    const { format, server: of, atMs = 0, groups, resources } = stored ?? {};
    if (format !== 1 || of !== server || clock.now() - atMs > ttlMs || !Array.isArray(groups) || !Array.isArray(resources))
      return undefined;
    return stored as Stored; // written by us: its members were checked
  }

  #keep(found: Discovery): void {
    const { host, file, clock, server } = this.#options;
    const atMs = clock.now();
    this.#own = { atMs, found };
    this.#isFresh = true;
    const { groups, resources } = found;
    const stored: Stored = { format: 1, server, atMs, groups, resources };
    try {
      host.makeDirectory(file.replace(/[^/\\]+$/, ''));
      host.writeFile(file, JSON.stringify(stored), { mode: 0o600 });
    } catch {
      // a read-only home costs the next run a question
    }
  }
}
