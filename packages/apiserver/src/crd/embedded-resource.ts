import { DecodeError, decodeStruct, type TypeTable } from '@coracle/api';
import { FieldError, hasOwn, isDns1035Label } from '@coracle/apimachinery';
import { child, entry, type FieldPath, item, movedFault, pathText, shownPath } from './field-path.ts';
import { isJsonList, isJsonMap, type JsonMap } from './json-value.ts';
import { mapList, mapMembers } from './pruning.ts';
import type { StructuralSchema } from './structural-schema.ts';

const objectMeta = 'meta.v1.ObjectMeta';

export interface CoercedMetadata {
  /** The argument itself when nothing changed. */
  readonly value: unknown;
  /** Paths of fields that no metadata has. */
  readonly unknown: readonly string[];
}

/** `metadata` as every object has it. Throws DecodeError for values of the wrong type. */
export function decodeMetadata(metadata: unknown, table: TypeTable): { readonly metadata: JsonMap; readonly unknown: readonly string[] } {
  const { object, unknown } = decodeStruct(table, objectMeta, metadata);
  return { metadata: object, unknown };
}

/**
 * Type and metadata of the objects inside `value` (x-kubernetes-embedded-resource) as those of any object: known fields of the
 * right type (apiextensions-apiserver pkg/apiserver/schema/objectmeta Coerce). Throws DecodeError.
 */
export function coerceEmbedded(value: unknown, schema: StructuralSchema, table: TypeTable): CoercedMetadata {
  const unknown: string[] = [];
  const coerced = coerce(value, schema, undefined, { table, unknown });
  return { value: coerced, unknown };
}

/** Only where the schema says so: the registry sees to the type and metadata of the whole object. */
function isEmbedded({ source }: StructuralSchema): boolean {
  return source['x-kubernetes-embedded-resource'] === true;
}

interface Coercion {
  readonly table: TypeTable;
  readonly unknown: string[];
}

function coerce(value: unknown, schema: StructuralSchema | undefined, path: FieldPath, coercion: Coercion): unknown {
  if (schema === undefined) return value;
  if (isJsonList(value)) {
    const { items } = schema;
    return items === undefined ? value : mapList(value, (each, i) => coerce(each, items, item(path, i), coercion));
  }
  if (!isJsonMap(value)) return value;
  return mapMembers(value, (name, member) => {
    const own = isEmbedded(schema) ? coerceMetaField(name, member, path, coercion) : member;
    const property = schema.property(name);
    if (property !== undefined) return coerce(own, property, child(path, name), coercion);
    return coerce(own, schema.entries, entry(path, name), coercion);
  });
}

function coerceMetaField(name: string, value: unknown, path: FieldPath, { table, unknown }: Coercion): unknown {
  if (name === 'apiVersion' || name === 'kind') {
    if (typeof value !== 'string') throw new DecodeError(FieldError.invalid(shownPath(child(path, name)), value, 'must be a string').text);
    return value;
  }
  if (name !== 'metadata') return value;
  const at = pathText(child(path, name));
  try {
    const decoded = decodeMetadata(value, table);
    unknown.push(...decoded.unknown.map((field) => `${at}.${field}`));
    return decoded.metadata;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DecodeError(FieldError.invalid(at, value, error.message).text, { cause: error });
  }
}

/** What is wrong with metadata, with fields named `metadata.labels` and so on. */
export type MetadataCheck = (object: { readonly metadata: JsonMap }) => readonly FieldError[];

/** Faults of the objects inside `value`: type and metadata as of any object (pkg/apiserver/schema/objectmeta Validate). */
export function embeddedFaults(value: unknown, schema: StructuralSchema, checkMetadata: MetadataCheck): readonly FieldError[] {
  const faults: FieldError[] = [];
  visit(value, schema, undefined, checkMetadata, faults);
  return faults;
}

function visit(
  value: unknown,
  schema: StructuralSchema | undefined,
  path: FieldPath,
  checkMetadata: MetadataCheck,
  faults: FieldError[],
): void {
  if (schema === undefined) return;
  if (isJsonList(value)) {
    for (const [i, each] of value.entries()) visit(each, schema.items, item(path, i), checkMetadata, faults);
  } else if (isJsonMap(value)) {
    if (isEmbedded(schema)) faults.push(...resourceFaults(value, path, checkMetadata));
    for (const name of Object.keys(value)) {
      const property = schema.property(name);
      if (property === undefined) visit(value[name], schema.entries, entry(path, name), checkMetadata, faults);
      else visit(value[name], property, child(path, name), checkMetadata, faults);
    }
  }
}

function resourceFaults(value: JsonMap, path: FieldPath, checkMetadata: MetadataCheck): readonly FieldError[] {
  const faults: FieldError[] = [];
  for (const name of ['apiVersion', 'kind'] as const) {
    const at = pathText(child(path, name));
    if (!hasOwn(value, name)) faults.push(FieldError.required(at));
    else faults.push(...(name === 'kind' ? kindFaults(value[name], at) : apiVersionFaults(value[name], at)));
  }
  const { metadata } = value;
  if (isJsonMap(metadata)) {
    const named = typeof metadata['name'] === 'string' && metadata['name'] !== '' ? metadata : { ...metadata, name: 'fakename' };
    for (const fault of checkMetadata({ metadata: named })) faults.push(movedFault(fault, pathText(child(path, fault.field))));
  }
  return faults;
}

function apiVersionFaults(value: unknown, at: string): readonly FieldError[] {
  if (typeof value !== 'string') return [FieldError.invalid(at, value, 'must be a string')];
  if (value === '') return [FieldError.invalid(at, value, 'must not be empty')];
  return value.split('/').length > 2 ? [FieldError.invalid(at, value, `unexpected GroupVersion string: ${value}`)] : [];
}

function kindFaults(value: unknown, at: string): readonly FieldError[] {
  if (typeof value !== 'string') return [FieldError.invalid(at, value, 'must be a string')];
  if (value === '') return [FieldError.invalid(at, value, 'must not be empty')];
  const texts = isDns1035Label(value.toLowerCase());
  return texts.length === 0 ? [] : [FieldError.invalid(at, value, `may have mixed case, but should otherwise match: ${texts.join(',')}`)];
}
