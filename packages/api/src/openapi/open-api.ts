import { getOwn } from '@coracle/apimachinery';
import { assert } from '@coracle/kernel';
import type { ResourceRow } from '../resource-row.ts';
import type { TypeShape, TypeTable } from '../type-facts.ts';
import { discoveryPath, type Parameter, parameter, type PathItem, resourcePaths, rootOf } from './resource-paths.ts';
import { type OpenApiSchema, schemaName, schemasFrom } from './schema.ts';

/** A document of `/openapi/v3` for one version of a group. */
export interface OpenApiDocument {
  readonly openapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, OpenApiSchema>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

/** The answer of `/openapi/v3`: where the document of each version of a group is. */
export interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

/** A version of a group and the hash of its document's bytes; whoever asks with the same hash may keep the answer for ever. */
export interface HashedGroupVersion {
  readonly group: string;
  readonly version: string;
  readonly hash: string;
}

/** What `/openapi/v3` answers (kube-openapi pkg/handler3). */
export function openApiIndex(groupVersions: readonly HashedGroupVersion[]): OpenApiIndex {
  const entries = groupVersions.map(({ group, version, hash }) => {
    const path = rootOf(group, version).slice(1);
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${encodeURIComponent(hash)}` }] as const;
  });
  return { paths: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/**
 * The document of one version of a group from the rows and facts of its kinds, without descriptions. `rows` may hold other
 * groups' too.
 */
export function openApiDocument(rows: readonly ResourceRow[], table: TypeTable, group: string, version: string): OpenApiDocument {
  const own = rows.filter((row) => row.group === group && row.version === version);
  const used = new Set(['meta.v1.APIResourceList']);
  const typeOf = (kindGroup: string, kindVersion: string, kind: string): string => {
    const type = table.kind(kindGroup, kindVersion, kind)?.type;
    assert(type !== undefined, `no type of ${kindGroup}/${kindVersion} ${kind}`);
    return type;
  };
  const schemas = {
    kind: (kindGroup: string, kindVersion: string, kind: string): string => {
      const type = typeOf(kindGroup, kindVersion, kind);
      used.add(type);
      return schemaName(type);
    },
    options: (kind: string) => optionParameters(table, typeOf(group, version, kind)),
    returnsDeleted: ({ resource }: ResourceRow) => getOwn(deletedObjects, group)?.includes(resource) === true,
  };
  for (const { verbs } of own) {
    if (verbs.includes('delete')) used.add('meta.v1.Status').add('meta.v1.DeleteOptions');
    if (verbs.includes('watch')) used.add('meta.v1.WatchEvent');
  }
  const paths = own.flatMap((row) => resourcePaths(row, schemas));
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: '1.37' },
    paths: Object.fromEntries([discoveryPath(group, version), ...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: schemasFrom(table, used, {
        groupVersion: group === '' ? version : `${group}/${version}`,
        patches: own.some(({ verbs }) => verbs.includes('patch')),
      }),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  };
}

/** Resources whose DELETE is said to answer with the deleted object (upstream's `ReturnDeletedObject`). */
const deletedObjects: Readonly<Record<string, readonly string[]>> = {
  '': ['persistentvolumeclaims', 'persistentvolumes', 'pods', 'podtemplates', 'resourcequotas', 'serviceaccounts', 'services'],
  'resource.k8s.io': ['deviceclasses', 'resourceclaims', 'resourceclaimtemplates', 'resourceslices'],
  'storage.k8s.io': ['csidrivers', 'csinodes', 'storageclasses', 'volumeattachments', 'volumeattributesclasses'],
};

/** Options of a connection are query parameters; those that are no scalars have no place there. */
function optionParameters(table: TypeTable, type: string): readonly Parameter[] {
  return table.struct(type).fields.flatMap(({ json, shape }) => {
    const scalar = json === 'kind' || json === 'apiVersion' ? undefined : scalarOf(shape);
    return scalar === undefined ? [] : [parameter(json, scalar)];
  });
}

function scalarOf(shape: TypeShape): 'string' | 'integer' | 'boolean' | undefined {
  switch (shape.is) {
    case 'pointer':
    case 'list':
      return scalarOf(shape.of);
    case 'string':
      return 'string';
    case 'bool':
      return 'boolean';
    case 'int32':
    case 'int64':
      return 'integer';
    default:
      return undefined;
  }
}
