import { FieldError, hasOwn, writeJson } from '@coracle/apimachinery';
import { child, entry, type FieldPath, item, shownPath } from './field-path.ts';
import { isJsonList, isJsonMap } from './json-value.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** Items of sets and list maps that are there twice (apiextensions-apiserver pkg/apiserver/schema/listtype). */
export function listTypeFaults(value: unknown, schema: StructuralSchema): readonly FieldError[] {
  const faults: FieldError[] = [];
  visit(value, schema, undefined, faults);
  return faults;
}

function visit(value: unknown, schema: StructuralSchema, path: FieldPath, faults: FieldError[]): void {
  if (isJsonList(value)) {
    const type = schema.source['x-kubernetes-list-type'];
    if (type === 'set') faults.push(...duplicates(value, path));
    else if (type === 'map') faults.push(...keyFaults(value, schema.source['x-kubernetes-list-map-keys'] ?? [], path));
    const { items } = schema;
    if (items !== undefined) for (const [i, each] of value.entries()) visit(each, items, item(path, i), faults);
  } else if (isJsonMap(value)) {
    for (const name of Object.keys(value)) {
      const property = schema.property(name);
      const { entries } = schema;
      if (property !== undefined) visit(value[name], property, child(path, name), faults);
      else if (entries !== undefined) visit(value[name], entries, entry(path, name), faults);
    }
  }
}

function keyFaults(list: readonly unknown[], keys: readonly string[], path: FieldPath): readonly FieldError[] {
  const odd = list.findIndex((value) => value !== null && !isJsonMap(value));
  if (odd >= 0) return [FieldError.invalid(shownPath(item(path, odd)), list[odd], 'must be an object for an array of list-type map')];
  return duplicates(
    list.map((value) => keysOf(value, keys)),
    path,
  );
}

/** The part of an item that tells it from others. */
function keysOf(value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isJsonMap(value)) return {};
  return Object.fromEntries(keys.filter((key) => hasOwn(value, key)).map((key) => [key, value[key]]));
}

/** Each value that comes again, where it does so first. */
function duplicates(list: readonly unknown[], path: FieldPath): readonly FieldError[] {
  const times = new Map<string, number>();
  const faults: FieldError[] = [];
  for (const [i, value] of list.entries()) {
    const text = writeJson(value);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    if (before === 1) faults.push(FieldError.duplicate(shownPath(item(path, i)), value));
  }
  return faults;
}
