import type { OpenApiDocument, OpenApiIndex } from '@coracle/api';
import { deepFreeze, type Frozen, groupVersion, parseGroupVersion, readJson } from '@coracle/apimachinery';
import type { RestClient } from '../rest/rest-client.ts';

/** The server has no document of the version (client-go openapi3 GroupVersionNotFoundError). */
export class GroupVersionNotFoundError extends Error {
  override readonly name = 'GroupVersionNotFoundError';
  constructor(asked: string) {
    super(`GroupVersion (${asked}) not found as OpenAPI V3 path`);
  }
}

/**
 * The schemas of what a server serves, version 3 of OpenAPI (client-go openapi, openapi/cached, openapi3). They are large, and read one
 * version of a group at a time. What was read is kept until `invalidate`, and a document for as long as the server names the same hash.
 */
export class OpenApiClient {
  readonly #rest: RestClient;
  #index: Promise<Frozen<OpenApiIndex>> | undefined;
  /** By their URLs, which hold a hash of what is there. */
  #documents = new Map<string, Promise<Frozen<OpenApiDocument>>>();

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  /** The next answer is the server's; documents whose hash it still names are not read again. */
  invalidate(): void {
    this.#index = undefined;
  }

  /** What has a document, as `apps/v1` and `v1`. Throws StatusError: NotFound of a server without OpenAPI v3. */
  async groupVersions(): Promise<readonly string[]> {
    const { paths } = await this.#paths();
    return Object.keys(paths).flatMap((path) => {
      const [, group = '', version] = /^(?:api|apis\/([^/]+))\/(v[^/]+)$/.exec(path) ?? [];
      return version === undefined ? [] : [groupVersion({ group, version })];
    });
  }

  /** The document of `apps/v1`, or of `v1`. Callers at the same time share one question. Throws GroupVersionNotFoundError. */
  async document(of: string): Promise<Frozen<OpenApiDocument>> {
    const { group, version } = parseGroupVersion(of);
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    const { paths } = await this.#paths();
    const url = Object.hasOwn(paths, path) ? paths[path]?.serverRelativeURL : undefined;
    if (url === undefined) throw new GroupVersionNotFoundError(of);
    const known = this.#documents.get(url) ?? this.#get<OpenApiDocument>(url);
    this.#documents.set(url, known);
    try {
      return await known;
    } catch (error) {
      if (this.#documents.get(url) === known) this.#documents.delete(url);
      throw error;
    }
  }

  async #paths(): Promise<Frozen<OpenApiIndex>> {
    this.#index ??= this.#get<OpenApiIndex>('/openapi/v3');
    const asked = this.#index;
    try {
      const index = await asked;
      const current = new Set(Object.values(index.paths).map(({ serverRelativeURL }) => serverRelativeURL));
      for (const url of this.#documents.keys()) if (!current.has(url)) this.#documents.delete(url);
      return index;
    } catch (error) {
      if (this.#index === asked) this.#index = undefined;
      throw error;
    }
  }

  async #get<T>(relative: string): Promise<Frozen<T>> {
    const { pathname, searchParams } = new URL(relative, 'http://server');
    const request = this.#rest.get().absPath(pathname);
    for (const [name, value] of searchParams) request.param(name, value);
    // The real server calls its index text/plain.
    const { value } = readJson(await request.doRaw());
    if (typeof value !== 'object' || value === null || !('openapi' in value || 'paths' in value))
      throw new TypeError(`what "${pathname}" answers is no OpenAPI`);
    return deepFreeze(value as T);
  }
}
