import { FieldError, hasOwn } from '@coracle/apimachinery';
import { child, entry, type FieldPath, item, pathText } from './field-path.ts';
import { isSchemaList, itemsSchema, type JsonSchema } from './json-schema.ts';
import { ruleFaults } from './validation-rules.ts';

const types: readonly string[] = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);

/** What holds for a schema because of where it is. */
interface Place {
  /** Set where defaults are not allowed: why. */
  readonly noDefaults?: string;
  /** In the type or metadata of a resource. */
  readonly inMeta: boolean;
}

/**
 * Faults of a schema by the rules for CustomResourceDefinitions beyond those of structural schemas: fields of OpenAPI that are
 * not supported, and the extensions' consistency (apiextensions-apiserver pkg/apis/apiextensions/validation).
 */
export function openApiFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  visit(schema, path, { inMeta: false }, true, faults);
  return faults;
}

function visit(schema: JsonSchema, path: FieldPath, place: Place, isRoot: boolean, faults: FieldError[]): void {
  faults.push(...ownFaults(schema, path, place));
  const { additionalProperties, properties = {}, items } = schema;
  if (additionalProperties !== undefined) {
    const at = child(path, 'additionalProperties');
    if (Object.keys(properties).length > 0 && additionalProperties !== true) {
      faults.push(FieldError.forbidden(pathText(at), 'additionalProperties and properties are mutual exclusive'));
    }
    const below = place.inMeta ? { ...place, noDefaults: 'inside additionalProperties applying to object metadata' } : place;
    if (typeof additionalProperties === 'object') visit(additionalProperties, at, below, false, faults);
  }
  const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const [name, inner] of Object.entries(properties)) {
    const entersMeta = isResource && metaFields.has(name);
    const below: Place = entersMeta ? { ...place, inMeta: true, ...(isRoot ? { noDefaults: `in top-level ${name}` } : {}) } : place;
    visit(inner, entry(child(path, 'properties'), name), below, false, faults);
  }
  if (schema.not !== undefined) visit(schema.not, child(path, 'not'), place, false, faults);
  for (const name of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [i, one] of (schema[name] ?? []).entries()) visit(one, item(child(path, name), i), place, false, faults);
  }
  for (const [name, inner] of Object.entries(schema.definitions ?? {}))
    visit(inner, entry(child(path, 'definitions'), name), place, false, faults);
  if (isSchemaList(items)) for (const [i, one] of items.entries()) visit(one, item(child(path, 'items'), i), place, false, faults);
  else if (items !== undefined) visit(items, child(path, 'items'), place, false, faults);
  faults.push(...extensionFaults(schema, path), ...ruleFaults(schema, path));
}

/** Fields of JSON Schema that no CustomResourceDefinition may use. */
const unsupported: readonly (keyof JsonSchema)[] = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'];

function ownFaults(schema: JsonSchema, path: FieldPath, place: Place): readonly FieldError[] {
  const faults: FieldError[] = [];
  const at = (field: string): string => pathText(child(path, field));
  const { type = '' } = schema;
  if (type !== '' && !types.includes(type)) faults.push(FieldError.notSupported(at('type'), type, types));
  if (place.noDefaults !== undefined && (schema.default ?? null) !== null) {
    faults.push(FieldError.forbidden(at('default'), `must not be set ${place.noDefaults}`));
  }
  for (const field of unsupported) {
    if (isSaid(schema[field])) faults.push(FieldError.forbidden(at(field), `${field} is not supported`));
  }
  if (type === 'null') faults.push(FieldError.forbidden(at('type'), 'type cannot be set to null, use nullable as an alternative'));
  if (isSchemaList(schema.items) && schema.items.length > 0) {
    faults.push(FieldError.forbidden(at('items'), 'items must be a schema object and not an array'));
  }
  if (place.inMeta && schema['x-kubernetes-embedded-resource'] === true) {
    faults.push(FieldError.forbidden(at('x-kubernetes-embedded-resource'), 'must not be used inside of resource meta'));
  }
  if (schema.uniqueItems === true) {
    faults.push(
      FieldError.forbidden(at('uniqueItems'), 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'),
    );
  }
  return faults;
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function extensionFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  const at = (field: string): string => pathText(child(path, field));
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    faults.push(FieldError.invalid(at('x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'));
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    faults.push(...wrongType(schema, 'object', 'must be object if x-kubernetes-map-type is specified', at('type')));
    if (mapType !== 'atomic' && mapType !== 'granular') {
      faults.push(FieldError.notSupported(at('x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
    }
  }
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== undefined) {
    const wrong = wrongType(schema, 'array', 'must be array if x-kubernetes-list-type is specified', at('type'));
    faults.push(...wrong);
    if (wrong.length === 0 && listType === 'set') faults.push(...setItemFaults(schema, path));
    if (listType !== 'atomic' && listType !== 'set' && listType !== 'map') {
      faults.push(FieldError.notSupported(at('x-kubernetes-list-type'), listType, ['atomic', 'set', 'map']));
    }
  }
  if ((schema['x-kubernetes-list-map-keys'] ?? []).length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    const field = at('x-kubernetes-list-type');
    faults.push(listType === undefined ? FieldError.required(field, detail) : FieldError.invalid(field, listType, detail));
  }
  if (listType === 'map') faults.push(...listMapFaults(schema, path));
  if (listType === 'map' || listType === 'set') faults.push(...nullFaults(schema, listType, path));
  return faults;
}

function wrongType(schema: JsonSchema, wanted: string, detail: string, at: string): readonly FieldError[] {
  const { type = '' } = schema;
  if (type === wanted) return [];
  return [type === '' ? FieldError.required(at, detail) : FieldError.invalid(at, type, detail)];
}

/** Items of a set are compared as wholes, so they must be owned as wholes. */
function setItemFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const items = itemsSchema(schema);
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const fault = (extension: string): FieldError => {
    return FieldError.invalid(pathText(child(child(path, 'items'), extension)), items?.['x-kubernetes-list-type'] ?? null, detail);
  };
  if (items?.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic') return [fault('x-kubernetes-list-type')];
  return items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic' ? [fault('x-kubernetes-map-type')] : [];
}

function listMapFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const keysAt = pathText(child(path, 'x-kubernetes-list-map-keys'));
  const itemsAt = child(path, 'items');
  const items = itemsSchema(schema);
  if (keys.length === 0) faults.push(FieldError.required(keysAt, 'must not be empty if x-kubernetes-list-type is map'));
  if (schema.items === undefined)
    faults.push(FieldError.required(pathText(itemsAt), 'must have a schema if x-kubernetes-list-type is map'));
  else if (items === undefined) {
    faults.push(FieldError.invalid(pathText(itemsAt), schema.items, 'must only have a single schema if x-kubernetes-list-type is map'));
  }
  if (items === undefined) return faults;
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    return [...faults, FieldError.invalid(pathText(child(itemsAt, 'type')), items.type ?? '', detail)];
  }
  for (const [i, key] of keys.entries()) {
    const property = hasOwn(items.properties, key) ? items.properties?.[key] : undefined;
    if (property === undefined) faults.push(FieldError.invalid(keysAt, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object') {
      const at = child(entry(child(itemsAt, 'properties'), key), 'type');
      faults.push(FieldError.invalid(pathText(at), items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
    }
    if (keys.indexOf(key) < i) faults.push(FieldError.invalid(keysAt, keys, 'must not contain duplicate entries'));
  }
  return faults;
}

function nullFaults(schema: JsonSchema, listType: string, path: FieldPath): readonly FieldError[] {
  const items = itemsSchema(schema);
  if (items === undefined) return [];
  const faults: FieldError[] = [];
  const itemsAt = child(path, 'items');
  if (items.nullable === true) {
    faults.push(
      FieldError.forbidden(pathText(child(itemsAt, 'nullable')), `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  }
  for (const key of listType === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : []) {
    const property = hasOwn(items.properties, key) ? items.properties?.[key] : undefined;
    if (property === undefined) continue;
    const at = entry(child(itemsAt, 'properties'), key);
    if (items.required?.includes(key) !== true && (property.default ?? null) === null) {
      const detail = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      faults.push(FieldError.required(pathText(child(at, 'default')), detail));
    }
    if (property.nullable === true) {
      const detail = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
      faults.push(FieldError.forbidden(pathText(child(at, 'nullable')), detail));
    }
  }
  return faults;
}
