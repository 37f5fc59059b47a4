import { FieldError, hasOwn } from '@coracle/apimachinery';
import { child, type FieldPath, item, pathText } from './field-path.ts';
import { effectiveFormat, hasFormat } from './formats.ts';
import type { JsonSchema } from './json-schema.ts';
import { isJsonList, isJsonMap, jsonEqual, type JsonMap, jsonType } from './json-value.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { numberFaults } from './validate-number.ts';

/**
 * What is wrong with a value: a fault of a field, or a sentence about several at once, which names none. Made into FieldErrors
 * when it is known that they will be told: most faults of `anyOf` are not.
 */
export type Fault = { readonly at: string; readonly fault: (field: string) => FieldError } | { readonly message: string };

export interface ValidationOptions {
  /** The field that the value is; undefined for a whole object. */
  readonly prefix?: string;
  /** The stored value: faults of parts that did not change are passed over (CRDValidationRatcheting). Absent on create. */
  readonly old?: unknown;
}

/**
 * Faults of `value` by the value rules of `schema`, with upstream's messages (apiextensions-apiserver pkg/apiserver/validation
 * over kube-openapi pkg/validation/validate). Rules in CEL are not evaluated.
 */
export function schemaValueFaults(
  value: unknown,
  schema: StructuralSchema,
  { prefix, old }: ValidationOptions = {},
): readonly FieldError[] {
  const { faults } = check(value, schema, undefined, old);
  return faults.map((one) => {
    if (!('at' in one)) return FieldError.invalid(prefix ?? '<nil>', '', one.message);
    if (one.at === '') return one.fault(prefix ?? '<nil>');
    return one.fault(prefix === undefined ? one.at : `${prefix}.${one.at}`);
  });
}

interface Outcome {
  readonly faults: readonly Fault[];
  /** How many checks were made: of several alternatives that fail, that with the most is told. */
  readonly checks: number;
}

function check(value: unknown, schema: StructuralSchema, path: FieldPath, old: unknown): Outcome {
  const { source } = schema;
  const outcome = new Sum();
  outcome.add(typeFaults(source, value, path), 1);
  if (value === null) return outcome.add(enumFaults(source, value, path));
  composed(value, schema, path, old, outcome);
  outcome.add([], 1);
  if (typeof value === 'string') outcome.add(stringFaults(schema, value, path), 1);
  if (typeof value === 'number' || typeof value === 'bigint') outcome.add(numberFaults(source, value, pathText(path)), 2);
  if (isJsonList(value)) checkList(value, schema, path, old, outcome);
  outcome.add(enumFaults(source, value, path), 1);
  if (isJsonMap(value)) checkMap(value, schema, path, old, outcome);
  return outcome.add([], 1);
}

class Sum implements Outcome {
  readonly faults: Fault[] = [];
  checks = 0;

  add(faults: readonly Fault[], checks = 0): this {
    this.faults.push(...faults);
    this.checks += checks;
    return this;
  }

  merge({ faults, checks }: Outcome): void {
    this.add(faults, checks);
  }
}

/** A part of the value, whose faults count only if it differs from what is stored. */
function checkPart(value: unknown, schema: StructuralSchema, path: FieldPath, old: unknown): Outcome {
  const outcome = check(value, schema, path, old);
  return outcome.faults.length > 0 && old !== undefined && jsonEqual(value, old) ? { faults: [], checks: outcome.checks } : outcome;
}

function typeFaults(schema: JsonSchema, value: unknown, path: FieldPath): readonly Fault[] {
  const types =
    schema['x-kubernetes-int-or-string'] === true ? ['integer', 'string'] : (schema.type ?? '') === '' ? [] : [schema.type ?? ''];
  const found = jsonType(value);
  if (found === 'null') return types.length === 0 || schema.nullable === true ? [] : [typeFault(path, types.join(','), 'null')];
  const format = effectiveFormat(schema);
  if (types.length === 0 && format === undefined) return [];
  const fits = types.includes(found) || (found === 'integer' && types.includes('number'));
  if (fits) return [];
  const isNumeric = types.includes('integer') || types.includes('number');
  if (format !== undefined) {
    if (found === 'string' || found === 'array') {
      if (!isNumeric) return [];
    } else return [typeFault(path, format, found === 'integer' ? 'int64' : found === 'number' ? 'float64' : '')];
  }
  return [typeFault(path, types.join(','), found)];
}

function typeFault(path: FieldPath, type: string, found: string): Fault {
  const at = pathText(path);
  return { at, fault: (field) => FieldError.typeInvalid(field, found, `${at} in body must be of type ${type}: "${found}"`) };
}

function enumFaults({ enum: allowed }: JsonSchema, value: unknown, path: FieldPath): readonly Fault[] {
  if (allowed === undefined || allowed.length === 0 || allowed.some((one) => one !== null && jsonEqual(one, value))) return [];
  const shown = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return [{ at: pathText(path), fault: (field) => FieldError.notSupported(field, value, shown) }];
}

function stringFaults(schema: StructuralSchema, value: string, path: FieldPath): readonly Fault[] {
  const { maxLength, minLength, pattern } = schema.source;
  const at = pathText(path);
  const faults: Fault[] = [];
  const length = maxLength === undefined && minLength === undefined ? 0 : countCodePoints(value);
  if (maxLength !== undefined && length > maxLength) faults.push({ at, fault: (field) => FieldError.tooLong(field, maxLength) });
  else if (minLength !== undefined && length < minLength) faults.push(invalid(at, value, `should be at least ${minLength} chars long`));
  else if (schema.pattern?.test(value) === false) faults.push(invalid(at, value, `should match '${pattern}'`));
  const format = effectiveFormat(schema.source);
  if (format !== undefined && !hasFormat(format, value)) {
    faults.push({
      at,
      fault: (field) => FieldError.typeInvalid(field, value, `${at} in body must be of type ${format}: ${JSON.stringify(value)}`),
    });
  }
  return faults;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function invalid(at: string, value: unknown, rule: string): Fault {
  return { at, fault: (field) => FieldError.invalid(field, value, `${at} in body ${rule}`) };
}

function checkList(list: readonly unknown[], schema: StructuralSchema, path: FieldPath, old: unknown, outcome: Sum): void {
  const { maxItems, minItems } = schema.source;
  const at = pathText(path);
  const { items } = schema;
  const correlated = items === undefined ? undefined : correlate(old, schema);
  if (items !== undefined)
    for (const [i, value] of list.entries()) outcome.merge(checkPart(value, items, item(path, i), correlated?.(value)));
  if (minItems !== undefined && list.length < minItems) outcome.add([invalid(at, list.length, `should have at least ${minItems} items`)]);
  if (maxItems !== undefined && list.length > maxItems)
    outcome.add([{ at, fault: (field) => FieldError.tooMany(field, list.length, maxItems) }]);
  outcome.add([], 2);
}

/** Finds the stored item that an item of a list was: only lists with keys say. */
function correlate(old: unknown, schema: StructuralSchema): ((value: unknown) => unknown) | undefined {
  const keys = schema.source['x-kubernetes-list-map-keys'] ?? [];
  if (!isJsonList(old) || schema.source['x-kubernetes-list-type'] !== 'map' || keys.length === 0) return undefined;
  const byKeys = new Map(old.map((value) => [keysOf(value, keys), value]));
  return (value) => byKeys.get(keysOf(value, keys));
}

function keysOf(value: unknown, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => (isJsonMap(value) && hasOwn(value, key) ? String(value[key]) : null)));
}

function checkMap(map: JsonMap, schema: StructuralSchema, path: FieldPath, old: unknown, outcome: Sum): void {
  const { source } = schema;
  const at = pathText(path);
  const names = Object.keys(map);
  const { minProperties, maxProperties } = source;
  if (minProperties !== undefined && names.length < minProperties)
    outcome.add([invalid(at, names.length, `should have at least ${minProperties} properties`)]);
  if (maxProperties !== undefined && names.length > maxProperties)
    outcome.add([{ at, fault: (field) => FieldError.tooMany(field, names.length, maxProperties) }]);
  const oldMap = isJsonMap(old) && source['x-kubernetes-map-type'] !== 'atomic' ? old : undefined;
  const { entries } = schema;
  for (const name of names) {
    const property = schema.property(name);
    // Type and version of the whole object are this request's, not the stored object's.
    const isTypeMeta = path === undefined && (name === 'kind' || name === 'apiVersion');
    const before = oldMap !== undefined && !isTypeMeta && hasOwn(oldMap, name) ? oldMap[name] : undefined;
    const inner = property ?? entries;
    if (inner !== undefined) outcome.merge(checkPart(map[name], inner, child(path, name), before));
    else if (source.additionalProperties === false) {
      outcome.add([{ at, fault: (field) => FieldError.invalid(field, name, `${at}.${name} in body is a forbidden property`) }]);
    }
  }
  for (const name of source.required ?? []) {
    if (!hasOwn(map, name)) outcome.add([{ at: pathText(child(path, name)), fault: (field) => FieldError.required(field) }]);
  }
  outcome.add([], 1);
}

/** `anyOf`, `oneOf`, `allOf` and `not`. */
function composed(value: unknown, schema: StructuralSchema, path: FieldPath, old: unknown, outcome: Sum): void {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema.source;
  const at = pathText(path);
  const run = (one: JsonSchema): Outcome => check(value, schema.of(one), path, old);
  if (anyOf.length > 0) {
    const results = untilValid(anyOf, run);
    const success = results.find(isValid);
    if (success === undefined) outcome.add([{ message: `"${at}" must validate at least one schema (anyOf)` }]);
    outcome.merge(success ?? mostChecked(results));
  }
  if (oneOf.length > 0) {
    const results = oneOf.map(run);
    const valid = results.filter(isValid);
    const [success] = valid;
    if (valid.length === 1 && success !== undefined) outcome.merge(success);
    else {
      const found = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
      outcome.add([{ message: `"${at}" must validate one and only one schema (oneOf). ${found}` }]);
      if (valid.length === 0) outcome.merge(mostChecked(results));
    }
  }
  if (allOf.length > 0) {
    const results = allOf.map(run);
    for (const result of results) outcome.merge(result);
    const validCount = results.filter(isValid).length;
    if (validCount < results.length) {
      outcome.add([{ message: `"${at}" must validate all the schemas (allOf)${validCount === 0 ? '. None validated' : ''}` }]);
    }
  }
  if (not !== undefined && isValid(run(not))) outcome.add([{ message: `"${at}" must not validate the schema (not)` }]);
}

function isValid({ faults }: Outcome): boolean {
  return faults.length === 0;
}

function untilValid(schemas: readonly JsonSchema[], run: (one: JsonSchema) => Outcome): readonly Outcome[] {
  const results: Outcome[] = [];
  for (const schema of schemas) {
    const result = run(schema);
    results.push(result);
    if (isValid(result)) break;
  }
  return results;
}

function mostChecked(results: readonly Outcome[]): Outcome {
  return results.reduce((best, result) => (result.checks > best.checks ? result : best));
}
