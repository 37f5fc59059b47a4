import type { JSONSchemaProps } from '@coracle/api';

/** JSONSchemaProps of apiextensions/v1 as it is written: OpenAPI v3 with the extensions of Kubernetes. */
export type JsonSchema = JSONSchemaProps;

/** The schema of every item of a list: the only form that structural schemas may have. */
export function itemsSchema(schema: JsonSchema): JsonSchema | undefined {
  return isSchemaList(schema.items) ? undefined : schema.items;
}

export function isSchemaList(items: JsonSchema['items']): items is readonly JsonSchema[] {
  return Array.isArray(items);
}

/** Calls `visit` with `schema` and every schema in it, outer before inner. */
export function visitSchemas(schema: JsonSchema, visit: (schema: JsonSchema) => void): void {
  visit(schema);
  for (const inner of innerSchemas(schema)) visitSchemas(inner, visit);
}

function* innerSchemas(schema: JsonSchema): Iterable<JsonSchema> {
  if (isSchemaList(schema.items)) yield* schema.items;
  else if (schema.items !== undefined) yield schema.items;
  for (const list of [schema.allOf, schema.anyOf, schema.oneOf]) if (list !== undefined) yield* list;
  if (schema.not !== undefined) yield schema.not;
  for (const map of [schema.properties, schema.patternProperties, schema.definitions]) if (map !== undefined) yield* Object.values(map);
  if (typeof schema.additionalProperties === 'object') yield schema.additionalProperties;
  if (typeof schema.additionalItems === 'object') yield schema.additionalItems;
  for (const dependency of Object.values(schema.dependencies ?? {})) if (!isStringList(dependency)) yield dependency;
}

function isStringList(dependency: JsonSchema | readonly string[]): dependency is readonly string[] {
  return Array.isArray(dependency);
}
