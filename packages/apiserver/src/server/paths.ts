import { openApiDocument, openApiIndex, type ResourceRow, type TypeTable } from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { PathHandler } from './api-server.ts';
import { type HealthCheck, healthPaths, type VersionInfo } from './health.ts';
import type { Resources } from './resources.ts';

export interface ServerPathOptions {
  readonly version: VersionInfo;
  readonly ready: readonly HealthCheck[];
  readonly table: TypeTable;
  /** Asked when a document is made: the server has them by then. */
  resources(): Resources;
}

/** Everything outside /api and /apis. */
export function serverPaths(options: ServerPathOptions): Readonly<Record<string, PathHandler>> {
  return { ...healthPaths(options), openapi: openApiPaths(options) };
}

/** /openapi/v3: one document for each version of a group, made when first asked for and kept until the resources change. */
function openApiPaths({ table, resources }: ServerPathOptions): PathHandler {
  let generation = -1;
  const documents = new Map<string, Uint8Array>();
  const documentOf = (group: string, version: string): Uint8Array => {
    const key = `${group}/${version}`;
    let document = documents.get(key);
    if (document === undefined) {
      document = Buffer.from(JSON.stringify(openApiDocument(rowsOf(resources(), table), table, group, version)));
      documents.set(key, document);
    }
    return document;
  };
  return ({ path }) => {
    if (generation !== resources().generation) {
      documents.clear();
      generation = resources().generation;
    }
    const versions = [...new Map(rowsOf(resources(), table).map(({ group, version }) => [`${group}/${version}`, { group, version }])).values()];
    const trimmed = path.replace(/\/+$/, '');
    if (trimmed === '/openapi/v3') {
      // Nobody keeps our answers (cache-control), so that the generation is hash enough and the index makes no document.
      const value = openApiIndex(versions.map(({ group, version }) => ({ group, version, hash: `${generation}` })));
      return { is: 'value', status: 200, value: deepFreeze(value) };
    }
    const wanted = versions.find(({ group, version }) => trimmed === (group === '' ? `/openapi/v3/api/${version}` : `/openapi/v3/apis/${group}/${version}`));
    if (wanted === undefined) return undefined;
    return { is: 'bytes', status: 200, contentType: 'application/json', bytes: documentOf(wanted.group, wanted.version) };
  };
}

/** Rows of what is served and has facts: the built-in kinds. */
function rowsOf(resources: Resources, table: TypeTable): readonly ResourceRow[] {
  return resources.definitions.filter(({ group, version, kind }) => table.kind(group, version, kind) !== undefined).map(rowOf);
}

function rowOf(definition: ResourceDefinition): ResourceRow {
  const { group, version, resource, kind, singular, namespaced, shortNames, categories, verbs, columns } = definition;
  const subresources = Object.values(definition.subresources).map(({ name, response, verbs: offered }) => ({ name, ...response, verbs: offered }));
  return { group, version, resource, kind, singular, namespaced, shortNames, categories, verbs, columns, subresources };
}
