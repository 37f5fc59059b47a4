import { hasOwn } from '@coracle/apimachinery';
import { isJsonList, isJsonMap } from './json-value.ts';
import { mapList, mapMembers } from './pruning.ts';
import type { StructuralSchema } from './structural-schema.ts';

/**
 * `value` with the defaults of `schema` where a field is absent, or null and may not be (apiextensions-apiserver
 * pkg/apiserver/schema/defaulting). The argument itself when nothing is missing. Idempotent.
 */
export function applyDefaults(value: unknown, schema: StructuralSchema | undefined): unknown {
  if (schema === undefined) return value;
  if (isJsonList(value)) {
    const { items } = schema;
    return items === undefined ? value : mapList(value, (each) => applyDefaults(orDefault(each, items), items));
  }
  if (!isJsonMap(value)) return value;
  const missing = schema.defaulted.filter(({ name, isNullable }) => !hasOwn(value, name) || (value[name] === null && !isNullable));
  const filled = missing.length === 0 ? value : { ...value, ...Object.fromEntries(missing.map(({ name, value: own }) => [name, own])) };
  return mapMembers(filled, (name, member) => {
    const property = schema.property(name);
    if (property !== undefined) return applyDefaults(member, property);
    const { entries } = schema;
    return entries === undefined ? member : applyDefaults(orDefault(member, entries), entries);
  });
}

function orDefault(value: unknown, schema: StructuralSchema): unknown {
  const own = schema.source.default;
  return value === null && !schema.isNullable && own !== undefined ? own : value;
}

/** `value` without the fields that are null where the schema has a value neither for null nor in its place. */
export function dropNulls(value: unknown, schema: StructuralSchema | undefined): unknown {
  if (isJsonList(value)) return mapList(value, (each) => dropNulls(each, schema?.items));
  if (!isJsonMap(value) || schema === undefined) return value;
  return mapMembers(value, (name, member) => {
    const inner = schema.property(name) ?? schema.entries;
    if (member === null && inner !== undefined && !inner.isNullable && (inner.source.default ?? null) === null) return undefined;
    return dropNulls(member, inner);
  });
}
