import { FieldError, hasOwn } from '@coracle/apimachinery';
import { child, entry, type FieldPath, item, pathText } from './field-path.ts';
import { GoRegexp } from './go-regexp.ts';
import { RegexpSyntaxError } from './go-regexp-syntax.ts';
import { itemsSchema, type JsonSchema } from './json-schema.ts';
import { jsonEqual } from './json-value.ts';

type Level = 'root' | 'item' | 'field';

const missingType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/**
 * What makes a schema other than structural: every field has one type outside of `allOf`, `anyOf`, `oneOf` and `not`, which
 * may only restrict values (apiextensions-apiserver pkg/apiserver/schema ValidateStructural). Sorted by text.
 */
export function structuralFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  visitStructure(schema, 'root', path, faults);
  visitCompleteness(schema, schema, path, path, faults);
  return faults.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function visitStructure(schema: JsonSchema, level: Level, path: FieldPath, faults: FieldError[]): void {
  const { type = '', properties = {}, additionalProperties } = schema;
  const items = itemsSchema(schema);
  if (type === 'array' && items === undefined) faults.push(FieldError.required(pathText(child(path, 'items')), 'must be specified'));
  if (items !== undefined) visitStructure(items, 'item', child(path, 'items'), faults);
  for (const [name, inner] of Object.entries(properties)) visitStructure(inner, 'field', entry(child(path, 'properties'), name), faults);
  if (additionalProperties !== undefined) {
    const at = child(path, 'additionalProperties');
    if (level === 'root') faults.push(FieldError.forbidden(pathText(at), 'must not be used at the root'));
    if (typeof additionalProperties === 'object') visitStructure(additionalProperties, 'field', at, faults);
  }
  faults.push(...typeFaults(schema, level, path), ...extensionFaults(schema, path), ...resourceFaults(schema, level, path));
  // `int-or-string` may be said once more in this one way.
  const repeatsTypes = (one: JsonSchema | undefined): boolean => jsonEqual(one?.anyOf, intOrString);
  visitValueRules(schema, { skipsAnyOf: repeatsTypes(schema), skipsFirstAllOf: repeatsTypes(schema.allOf?.[0]) }, path, faults);
  if (type !== '' && level === 'root' && type !== 'object') {
    faults.push(FieldError.invalid(pathText(child(path, 'type')), type, 'must be object at the root'));
  }
}

const intOrString: readonly JsonSchema[] = [{ type: 'integer' }, { type: 'string' }];

function typeFaults(schema: JsonSchema, level: Level, path: FieldPath): readonly FieldError[] {
  const { type = '' } = schema;
  const at = pathText(child(path, 'type'));
  if (schema['x-kubernetes-embedded-resource'] === true && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    return [type === '' ? FieldError.required(at, detail) : FieldError.invalid(at, type, detail)];
  }
  const isFree = schema['x-kubernetes-int-or-string'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return type === '' && !isFree ? [FieldError.required(at, missingType[level])] : [];
}

function extensionFaults(schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  if (schema['x-kubernetes-int-or-string'] !== true) return [];
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((name) => schema[name] === true)
    .map((name) => FieldError.invalid(pathText(child(path, name)), true, 'must be false if x-kubernetes-int-or-string is true'));
}

/** Rules of schemas that describe a whole object, at the root or embedded. */
function resourceFaults(schema: JsonSchema, level: Level, path: FieldPath): readonly FieldError[] {
  const faults: FieldError[] = [];
  const { properties = {} } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const isResource = level === 'root' || isEmbedded;
  if (isEmbedded && schema.additionalProperties !== undefined) {
    faults.push(
      FieldError.forbidden(pathText(child(path, 'additionalProperties')), 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  }
  const typeOf = (name: string): string | undefined => (hasOwn(properties, name) ? (properties[name]?.type ?? '') : undefined);
  const at = (name: string): FieldPath => entry(child(path, 'properties'), name);
  for (const [name, wanted] of isResource
    ? ([
        ['kind', 'string'],
        ['apiVersion', 'string'],
        ['metadata', 'object'],
      ] as const)
    : []) {
    const type = typeOf(name);
    if (type !== undefined && type !== wanted)
      faults.push(FieldError.invalid(pathText(child(at(name), 'type')), type, `must be ${wanted}`));
  }
  if (level === 'root' && typeOf('metadata') !== undefined && saysMoreThanNames(properties['metadata'] ?? {})) {
    faults.push(
      FieldError.forbidden(
        pathText(at('metadata')),
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
  }
  if (isEmbedded && schema['x-kubernetes-preserve-unknown-fields'] !== true && Object.keys(properties).length === 0) {
    const detail = 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    faults.push(FieldError.required(pathText(child(path, 'properties')), detail));
  }
  return faults;
}

function saysMoreThanNames({ type: _type, default: _default, properties = {}, ...rest }: JsonSchema): boolean {
  return Object.keys(rest).length > 0 || Object.keys(properties).some((name) => name !== 'name' && name !== 'generateName');
}

function visitValueRules(
  schema: JsonSchema,
  { skipsAnyOf, skipsFirstAllOf }: { readonly skipsAnyOf: boolean; readonly skipsFirstAllOf: boolean },
  path: FieldPath,
  faults: FieldError[],
): void {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern = '' } = schema;
  if (!skipsAnyOf) for (const [i, one] of anyOf.entries()) visitNested(one, false, item(child(path, 'anyOf'), i), faults);
  for (const [i, one] of allOf.entries()) visitNested(one, skipsFirstAllOf && i === 0, item(child(path, 'allOf'), i), faults);
  for (const [i, one] of oneOf.entries()) visitNested(one, false, item(child(path, 'oneOf'), i), faults);
  if (not !== undefined) visitNested(not, false, child(path, 'not'), faults);
  if (pattern !== '') faults.push(...patternFaults(pattern, child(path, 'pattern')));
}

function patternFaults(pattern: string, path: FieldPath): readonly FieldError[] {
  try {
    new GoRegexp(pattern);
    return [];
  } catch (error) {
    if (!(error instanceof RegexpSyntaxError)) throw error;
    const detail = `must be a valid regular expression, but isn't: error parsing regexp: ${error.message}`;
    return [FieldError.invalid(pathText(path), pattern, detail)];
  }
}

/** What a schema under `allOf` and the like may not say, and how that is worded. */
const forbidden: readonly (readonly [field: keyof JsonSchema, detail: string])[] = [
  ['type', 'must be empty to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

function visitNested(schema: JsonSchema, skipsAnyOf: boolean, path: FieldPath, faults: FieldError[]): void {
  visitValueRules(schema, { skipsAnyOf, skipsFirstAllOf: false }, path, faults);
  const items = itemsSchema(schema);
  if (items !== undefined) visitNested(items, false, child(path, 'items'), faults);
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    visitNested(inner, false, entry(child(path, 'properties'), name), faults);
  for (const [field, detail] of forbidden) {
    const value = schema[field];
    const isSaid = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== '' && value !== false && value !== null;
    if (isSaid) faults.push(FieldError.forbidden(pathText(child(path, field)), detail));
  }
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) {
    faults.push(FieldError.forbidden(pathText(child(path, 'additionalProperties')), 'must be undefined to be structural'));
  }
  if (hasOwn(schema.properties, 'metadata')) {
    const at = entry(child(path, 'properties'), 'metadata');
    faults.push(FieldError.forbidden(pathText(at), 'must not be specified in a nested context'));
  }
}

/** What `rules` speak of must be in `schema` too, outside of `allOf` and the like. */
function visitCompleteness(rules: JsonSchema, schema: JsonSchema, path: FieldPath, rulesPath: FieldPath, faults: FieldError[]): void {
  const groups = [
    ...(rules.not === undefined ? [] : [[rules.not, child(rulesPath, 'not')] as const]),
    ...(['allOf', 'anyOf', 'oneOf'] as const).flatMap((name) =>
      (rules[name] ?? []).map((one, i) => [one, item(child(rulesPath, name), i)] as const),
    ),
  ];
  for (const [one, at] of groups) visitNestedCompleteness(one, schema, path, at, faults);
}

function visitNestedCompleteness(
  rules: JsonSchema,
  schema: JsonSchema | undefined,
  path: FieldPath,
  rulesPath: FieldPath,
  faults: FieldError[],
): void {
  if (schema === undefined) {
    faults.push(FieldError.required(pathText(path), `because it is defined in ${pathText(rulesPath)}`));
    return;
  }
  visitCompleteness(rules, schema, path, rulesPath, faults);
  const items = itemsSchema(rules);
  if (items !== undefined) visitNestedCompleteness(items, itemsSchema(schema), child(path, 'items'), child(rulesPath, 'items'), faults);
  for (const [name, inner] of Object.entries(rules.properties ?? {})) {
    const own = hasOwn(schema.properties, name) ? schema.properties?.[name] : undefined;
    const step = (at: FieldPath): FieldPath => entry(child(at, 'properties'), name);
    visitNestedCompleteness(inner, own, step(path), step(rulesPath), faults);
  }
}
