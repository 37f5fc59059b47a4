import { compareBytes, setOwn } from '@coracle/apimachinery';
import { child, type FieldPath, item, pathText } from './field-path.ts';
import { isJsonList, isJsonMap, type JsonMap } from './json-value.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** Fields of every resource: not in the hand of the schema of an embedded or whole object. */
const typeAndMetadata: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

export interface Pruned {
  /** The argument itself when nothing was pruned. */
  readonly value: unknown;
  /** Paths of what is gone, sorted: `spec.containers[0].imag`. */
  readonly unknown: readonly string[];
}

/** `value` without the fields that `schema` does not know (apiextensions-apiserver pkg/apiserver/schema/pruning). */
export function prune(value: unknown, schema: StructuralSchema): Pruned {
  const unknown: string[] = [];
  const pruned = pruneValue(value, schema, undefined, unknown);
  return { value: pruned, unknown: unknown.sort(compareBytes) };
}

function pruneValue(value: unknown, schema: StructuralSchema | undefined, path: FieldPath, unknown: string[]): unknown {
  if (schema?.preservesUnknownFields === true) return pruneKnown(value, schema, path, unknown);
  if (isJsonList(value)) return mapList(value, (each, i) => pruneValue(each, schema?.items, item(path, i), unknown));
  if (!isJsonMap(value)) return value;
  return mapMembers(value, (name, member) => {
    if (schema?.isEmbeddedResource === true && typeAndMetadata.has(name)) return member;
    const property = schema?.property(name);
    if (property !== undefined) return pruneValue(member, property, child(path, name), unknown);
    if (schema?.allowsEntries === true) return pruneValue(member, schema.entries, child(path, name), unknown);
    unknown.push(pathText(child(path, name)));
    return undefined;
  });
}

/** Where unknown fields stay, the known ones are pruned by their own schemas all the same. */
function pruneKnown(value: unknown, schema: StructuralSchema, path: FieldPath, unknown: string[]): unknown {
  if (isJsonList(value)) {
    const { items } = schema;
    return items === undefined ? value : mapList(value, (each, i) => pruneKnown(each, items, item(path, i), unknown));
  }
  if (!isJsonMap(value)) return value;
  return mapMembers(value, (name, member) => {
    if (schema.isEmbeddedResource && typeAndMetadata.has(name)) return member;
    const property = schema.property(name);
    if (property !== undefined) return pruneValue(member, property, child(path, name), unknown);
    return schema.allowsEntries ? pruneValue(member, schema.entries, child(path, name), unknown) : member;
  });
}

/** `list` with each item changed; the same list when no item is. */
export function mapList(list: readonly unknown[], change: (value: unknown, index: number) => unknown): readonly unknown[] {
  let changed: unknown[] | undefined;
  for (const [i, value] of list.entries()) {
    const next = change(value, i);
    if (changed === undefined && !Object.is(next, value)) changed = list.slice(0, i);
    changed?.push(next);
  }
  return changed ?? list;
}

/** `map` with each member changed, or left out where `change` returns undefined; the same map when no member is. */
export function mapMembers(map: JsonMap, change: (name: string, value: unknown) => unknown): JsonMap {
  let isChanged = false;
  const entries: (readonly [string, unknown])[] = [];
  for (const name of Object.keys(map)) {
    const next = change(name, map[name]);
    if (!Object.is(next, map[name])) isChanged = true;
    if (next !== undefined) entries.push([name, next]);
  }
  if (!isChanged) return map;
  const changed: Record<string, unknown> = {};
  for (const [name, value] of entries) setOwn(changed, name, value);
  return changed;
}
