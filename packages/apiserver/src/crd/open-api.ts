import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { itemsSchema, type JsonSchema } from './json-schema.ts';

/** A schema of the OpenAPI v3 document of a group and version. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

const objectMeta: OpenApiSchema = { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] };
const listMeta: OpenApiSchema = { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta' }] };
const text: OpenApiSchema = { type: 'string' };

/**
 * The schemas of a custom resource and of its list in one version, by their names in `components.schemas`
 * (apiextensions-apiserver pkg/controller/openapi/builder): what `kubectl explain` and client-side validation read. What the
 * definition says of its fields is published as it is; type and metadata, which it may leave out, are added.
 */
export function openApiSchemas(
  crd: Frozen<CustomResourceDefinition>,
  version: Frozen<CustomResourceDefinitionVersion>,
): Readonly<Record<string, OpenApiSchema>> {
  const { group, names } = crd.spec;
  const listKind = names.listKind ?? `${names.kind}List`;
  const name = schemaName(group, version.name, names.kind);
  const gvk = (kind: string): readonly unknown[] => [{ group, version: version.name, kind }];
  const selectable = (version.selectableFields ?? []).map(({ jsonPath }) => ({ fieldPath: jsonPath.replace(/^\./, '') }));
  const extensions = selectable.length === 0 ? {} : { 'x-kubernetes-selectable-fields': selectable };
  const schema = version.schema?.openAPIV3Schema;
  const own = schema === undefined ? { type: 'object' } : withResourceFields(published(schema), []);
  return {
    [name]: { ...own, 'x-kubernetes-group-version-kind': gvk(names.kind), ...extensions },
    [schemaName(group, version.name, listKind)]: {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: text,
        items: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
        kind: text,
        metadata: listMeta,
      },
      'x-kubernetes-group-version-kind': gvk(listKind),
      ...extensions,
    },
  };
}

/** `com.example.v1.Bowl` for v1 of example.com: names begin with the domain, read from its end. */
export function schemaName(group: string, version: string, kind: string): string {
  return [...group.split('.').reverse(), version, kind].join('.');
}

function published(schema: JsonSchema): OpenApiSchema {
  const { properties, additionalProperties } = schema;
  const items = itemsSchema(schema);
  const inner: OpenApiSchema = {
    ...schema,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, published(one)])) }),
    ...(items === undefined ? {} : { items: published(items) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: published(additionalProperties) } : {}),
  };
  return schema['x-kubernetes-embedded-resource'] === true ? withResourceFields(inner, ['kind', 'apiVersion']) : inner;
}

function withResourceFields(schema: OpenApiSchema, mustHave: readonly string[]): OpenApiSchema {
  const properties = schema['properties'] as Readonly<Record<string, unknown>> | undefined; // made by `published`
  const required = (schema['required'] ?? []) as readonly string[]; // as in JSONSchemaProps
  const all = [...required, ...mustHave.filter((name) => !required.includes(name))];
  return {
    ...schema,
    properties: { ...properties, apiVersion: text, kind: text, metadata: objectMeta },
    ...(all.length === 0 ? {} : { required: all }),
  };
}
