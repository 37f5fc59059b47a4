import { compareBytes, parseTime, setOwn } from '@coracle/apimachinery';
import type { FieldFacts, StructFacts, TypeShape, TypeTable } from './type-facts.ts';
import { inCanonicalOrder, zeroOf, zeroValue } from './zero-values.ts';

/** The value does not fit the type. `message` is what Go's decoder says. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** What was understood of a value. */
export interface DecodedStruct {
  /** Known fields only, in canonical order, with what Go writes for fields that are absent. */
  readonly object: Record<string, unknown>;
  /** Paths of fields that the type does not have, in the order of the document: `spec.containers[0].imag`. */
  readonly unknown: readonly string[];
}

/**
 * `value` as Go reads it into the struct `typeName` and writes it again (sigs.k8s.io/json and encoding/json): unknown fields are
 * gone, empty ones that may be omitted too, the others hold their zero value. Quantities, times and bytes keep their text after
 * a check. Throws DecodeError where a value has the wrong type.
 */
export function decodeStruct(table: TypeTable, typeName: string, value: unknown): DecodedStruct {
  const decoder = new Decoder(table);
  const object = decoder.struct(table.struct(typeName), value);
  return { object, unknown: decoder.sawUnknown ? unknownFields(table, typeName, value) : none };
}

const none: readonly string[] = Object.freeze([]);
const maxInt32 = 2 ** 31 - 1;
class Decoder {
  sawUnknown = false;
  readonly #table: TypeTable;
  /** JSON names from the root; lists and maps add nothing, as in Go's messages. */
  readonly #path: string[] = [];
  #struct = '';

  constructor(table: TypeTable) {
    this.#table = table;
  }

  struct(facts: StructFacts, value: unknown): Record<string, unknown> {
    if (value === null || value === undefined) return { ...zeroOf(this.#table, facts) };
    if (!isMap(value)) throw this.#mismatch(value, goTypeName(facts.name));
    const outer = this.#struct;
    const out: Record<string, unknown> = {};
    let known = 0;
    for (const { facts: field, absent } of inCanonicalOrder(this.#table, facts)) {
      const { json } = field;
      const sent = value[json]; // no field is called like what every object inherits
      if (sent !== undefined) known++;
      if (sent === undefined || sent === null) {
        if (absent !== undefined) out[json] = absent;
        continue;
      }
      this.#struct = facts.name;
      this.#path.push(json);
      const decoded = this.#field(field, sent);
      this.#path.pop();
      if (decoded !== undefined) out[json] = decoded;
    }
    this.#struct = outer;
    if (known !== Object.keys(value).length) this.sawUnknown = true;
    return out;
  }

  /** `undefined`: not written. */
  #field(field: FieldFacts, sent: unknown): unknown {
    const decoded = this.#value(field.shape, sent);
    if (!field.omitEmpty) return isEmptyContainer(field.shape, decoded) ? null : decoded;
    return isEmpty(field.shape, decoded) ? undefined : decoded;
  }

  #value(shape: TypeShape, value: unknown): unknown {
    switch (shape.is) {
      case 'string':
        if (typeof value !== 'string') throw this.#mismatch(value, 'string');
        return value;
      case 'bool':
        if (typeof value !== 'boolean') throw this.#mismatch(value, 'bool');
        return value;
      case 'int32':
      case 'int64':
        return this.#integer(shape.is, value);
      case 'float64':
        if (typeof value !== 'number') throw this.#mismatch(value, 'float64');
        return value;
      case 'bytes':
        if (typeof value !== 'string') throw this.#mismatch(value, '[]uint8');
        return checkedBase64(value);
      case 'struct':
        return this.struct(this.#table.struct(shape.name), value);
      case 'pointer':
        return value === null ? null : this.#value(shape.of, value);
      case 'list':
        if (!Array.isArray(value)) throw this.#mismatch(value, goShapeName(shape));
        return value.map((item) => (item === null ? zeroValue(this.#table, shape.of) : this.#value(shape.of, item)));
      case 'map': {
        if (!isMap(value)) throw this.#mismatch(value, goShapeName(shape));
        const out: Record<string, unknown> = {};
        for (const key of sortedKeys(value))
          setOwn(out, key, value[key] === null ? zeroValue(this.#table, shape.of) : this.#value(shape.of, value[key]));
        return out;
      }
      case 'Quantity':
        return quantityText(value);
      case 'IntOrString':
        if (typeof value === 'string') return value;
        return this.#integer('int32', value);
      case 'Time':
      case 'MicroTime':
        return timeText(value);
      case 'FieldsV1':
      case 'RawExtension':
      case 'JSON':
        return value;
      case 'JSONSchemaPropsOrBool':
        return typeof value === 'boolean' ? value : this.#schema(value);
      case 'JSONSchemaPropsOrArray':
        return Array.isArray(value) ? value.map((item) => this.#schema(item)) : this.#schema(value);
      case 'JSONSchemaPropsOrStringArray':
        return Array.isArray(value) ? this.#value({ is: 'list', of: { is: 'string' } }, value) : this.#schema(value);
    }
  }

  #schema(value: unknown): unknown {
    return this.struct(this.#table.struct('apiextensions.v1.JSONSchemaProps'), value);
  }

  #integer(type: 'int32' | 'int64', value: unknown): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && (type === 'int64' || (value <= maxInt32 && value >= -maxInt32 - 1)))
      return value;
    throw this.#mismatch(value, type);
  }

  #mismatch(value: unknown, wanted: string): DecodeError {
    const found =
      typeof value === 'number' && (wanted === 'int32' || wanted === 'int64')
        ? `number ${value}`
        : typeof value === 'bigint'
          ? `number ${value}`
          : jsonTypeName(value);
    if (this.#path.length === 0) return new DecodeError(`json: cannot unmarshal ${found} into Go value of type ${wanted}`);
    const struct = this.#struct.slice(this.#struct.lastIndexOf('.') + 1);
    return new DecodeError(`json: cannot unmarshal ${found} into Go struct field ${struct}.${this.#path.join('.')} of type ${wanted}`);
  }
}

function isEmpty(shape: TypeShape, value: unknown): boolean {
  if (shape.is === 'pointer' || shape.is === 'struct') return false;
  return value === '' || value === 0 || value === false ? shape.is !== 'IntOrString' : isEmptyContainer(shape, value);
}

/** An empty list or map does not survive storage: it is as if it were absent. */
function isEmptyContainer(shape: TypeShape, value: unknown): boolean {
  if (shape.is === 'list') return Array.isArray(value) && value.length === 0;
  return shape.is === 'map' && typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function unknownFields(table: TypeTable, typeName: string, value: unknown): readonly string[] {
  const found: string[] = [];
  const walk = (shape: TypeShape, at: string, part: unknown): void => {
    if (part === null || typeof part !== 'object') return;
    if (shape.is === 'pointer') walk(shape.of, at, part);
    else if (shape.is === 'list' && Array.isArray(part)) for (const [i, item] of part.entries()) walk(shape.of, `${at}[${i}]`, item);
    else if (shape.is === 'map') for (const [key, item] of Object.entries(part)) walk(shape.of, `${at}.${key}`, item);
    else if (shape.is.startsWith('JSONSchemaProps'))
      for (const item of Array.isArray(part) ? part : [part]) walk({ is: 'struct', name: 'apiextensions.v1.JSONSchemaProps' }, at, item);
    else if (shape.is === 'struct') {
      const { byJson } = table.struct(shape.name);
      for (const [key, item] of Object.entries(part)) {
        const path = at === '' ? key : `${at}.${key}`;
        const field = byJson.get(key);
        if (field === undefined) found.push(path);
        else walk(field.shape, path, item);
      }
    }
  };
  walk({ is: 'struct', name: typeName }, '', value);
  return found;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sortedKeys(map: Readonly<Record<string, unknown>>): readonly string[] {
  const keys = Object.keys(map);
  return keys.length < 2 ? keys : keys.sort(compareBytes);
}

function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** `core.v1.Container` → `v1.Container`. */
function goTypeName(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

function goShapeName(shape: TypeShape): string {
  switch (shape.is) {
    case 'list':
      return `[]${goShapeName(shape.of)}`;
    case 'map':
      return `map[string]${goShapeName(shape.of)}`;
    case 'pointer':
      return `*${goShapeName(shape.of)}`;
    case 'struct':
      return goTypeName(shape.name);
    default:
      return shape.is;
  }
}

const quantityForm = /^[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

/** A Quantity may be sent as a number too. */
function quantityText(value: unknown): string {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  if (typeof text !== 'string' || !quantityForm.test(text)) {
    throw new DecodeError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
  return text;
}

function timeText(value: unknown): string {
  if (typeof value !== 'string') throw new DecodeError(`json: cannot unmarshal ${jsonTypeName(value)} into Go value of type string`);
  if (parseTime(value) === undefined)
    throw new DecodeError(`parsing time "${value}" as "2006-01-02T15:04:05Z07:00": cannot parse "${value}" as "2006"`);
  return value;
}

/** Standard base64 with padding, as Go's decoder wants it. */
function checkedBase64(text: string): string {
  const bad = /[^A-Za-z0-9+/=\r\n]|=(?!=?[\r\n]*$)/.exec(text)?.index ?? -1;
  const length = text.replaceAll(/[\r\n]/g, '').length;
  if (bad >= 0 || length % 4 !== 0) throw new DecodeError(`illegal base64 data at input byte ${bad >= 0 ? bad : length - (length % 4)}`);
  return text;
}
