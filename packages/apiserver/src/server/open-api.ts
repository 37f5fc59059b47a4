import {
  discoveryPath,
  encodeSwagger,
  openApiDocument,
  type OpenApiDocument,
  openApiIndex,
  resourcePaths,
  type ResourceRow,
  schemaName,
  schemasFrom,
  type SwaggerDocument,
  swaggerDocument,
  type TypeTable,
} from '@coracle/api';
import { deepFreeze } from '@coracle/apimachinery';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { PathHandler } from './api-server.ts';
import type { Resources } from './resources.ts';

const swaggerProtobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** The name that kube-openapi gave it at first, with a character that media types may not have: what clients ask for. */
const swaggerProtobufNames = ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', swaggerProtobuf];

/**
 * /openapi/v3: one document for each version of a group, made when first asked for and kept until the resources change.
 * /openapi/v2: all of them as one document of Swagger 2.0, in JSON or protobuf.
 */
export function openApiPaths({ table, resources }: { readonly table: TypeTable; resources(): Resources }): PathHandler {
  let generation = -1;
  const documents = new Map<string, Uint8Array>();
  let swagger: SwaggerDocument | undefined;
  const swaggerBytes = (form: 'json' | 'protobuf', versions: readonly GroupVersion[]): Uint8Array => {
    const key = `swagger ${form}`;
    let bytes = documents.get(key);
    if (bytes === undefined) {
      swagger ??= swaggerDocument(versions.map(({ group, version }) => documentFor(resources(), table, group, version)));
      bytes = form === 'json' ? Buffer.from(JSON.stringify(swagger)) : encodeSwagger(swagger);
      documents.set(key, bytes);
    }
    return bytes;
  };
  const documentOf = (group: string, version: string): Uint8Array => {
    const key = `${group}/${version}`;
    let document = documents.get(key);
    if (document === undefined) {
      document = Buffer.from(JSON.stringify(documentFor(resources(), table, group, version)));
      documents.set(key, document);
    }
    return document;
  };
  return ({ path, headers }) => {
    if (generation !== resources().generation) {
      documents.clear();
      swagger = undefined;
      generation = resources().generation;
    }
    const versions = [
      ...new Map(resources().definitions.map(({ group, version }) => [`${group}/${version}`, { group, version }])).values(),
    ];
    const trimmed = path.replace(/\/+$/, '');
    if (trimmed === '/openapi/v3') {
      // Nobody keeps our answers (cache-control), so that the generation is hash enough and the index makes no document.
      const value = openApiIndex(versions.map(({ group, version }) => ({ group, version, hash: `${generation}` })));
      return { is: 'value', status: 200, value: deepFreeze(value) };
    }
    if (trimmed === '/openapi/v2') {
      const form = swaggerProtobufNames.some((name) => headers['accept']?.includes(name) === true) ? 'protobuf' : 'json';
      return {
        is: 'bytes',
        status: 200,
        contentType: form === 'json' ? 'application/json' : swaggerProtobuf,
        bytes: swaggerBytes(form, versions),
      };
    }
    const wanted = versions.find(
      ({ group, version }) => trimmed === (group === '' ? `/openapi/v3/api/${version}` : `/openapi/v3/apis/${group}/${version}`),
    );
    if (wanted === undefined) return undefined;
    return { is: 'bytes', status: 200, contentType: 'application/json', bytes: documentOf(wanted.group, wanted.version) };
  };
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

type Document = Pick<OpenApiDocument, 'openapi' | 'info' | 'paths'> & {
  readonly components: Pick<OpenApiDocument['components'], 'schemas'>;
};

function documentFor(resources: Resources, table: TypeTable, group: string, version: string): Document {
  const own = resources.definitions.filter((definition) => definition.group === group && definition.version === version);
  const custom = own.filter(({ openApi }) => openApi !== undefined);
  return custom.length === 0 ? openApiDocument(own.map(rowOf), table, group, version) : customDocument(custom, table, group, version);
}

/** Types that the schemas of custom resources and their operations refer to. */
const shared = [
  'meta.v1.APIResourceList',
  'meta.v1.DeleteOptions',
  'meta.v1.ListMeta',
  'meta.v1.ObjectMeta',
  'meta.v1.Status',
  'meta.v1.WatchEvent',
];

/** The document of custom resources: the schemas are those of their definitions. */
function customDocument(definitions: readonly ResourceDefinition[], table: TypeTable, group: string, version: string): Document {
  const used = new Set(shared);
  const schemas = {
    kind(kindGroup: string, kindVersion: string, kind: string): string {
      const type = table.kind(kindGroup, kindVersion, kind)?.type;
      if (type === undefined) return [...kindGroup.split('.').reverse(), kindVersion, kind].join('.');
      used.add(type);
      return schemaName(type);
    },
    options: () => [],
    returnsDeleted: () => false,
    strategicMerge: false,
  };
  const paths = definitions.flatMap((definition) => resourcePaths(rowOf(definition), schemas));
  const own = definitions.flatMap(({ openApi }) => Object.entries(openApi?.() ?? {}));
  const common = Object.entries(schemasFrom(table, used, { groupVersion: `${group}/${version}`, patches: true }));
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' },
    paths: Object.fromEntries([discoveryPath(group, version), ...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: Object.fromEntries([...own, ...common].sort(([a], [b]) => (a < b ? -1 : 1))) },
  };
}

function rowOf(definition: ResourceDefinition): ResourceRow {
  const { group, version, resource, kind, singular, namespaced, shortNames, categories, verbs, columns } = definition;
  const built = Object.values(definition.subresources).filter(({ isBuilt }) => isBuilt !== false);
  const subresources = built.map(({ name, response, verbs: offered }) => ({ name, ...response, verbs: offered }));
  return { group, version, resource, kind, singular, namespaced, shortNames, categories, verbs, columns, subresources };
}
