import { compareBytes, deepFreeze } from '@coracle/apimachinery';
import type { FieldFacts, StructFacts, TypeShape, TypeTable } from './type-facts.ts';

/** What json writes of a struct is never empty, so a struct that is absent is written with its own zero values. */
const zeros = new WeakMap<TypeTable, Map<string, Readonly<Record<string, unknown>>>>();
const ordered = new WeakMap<StructFacts, readonly OrderedField[]>();

/** A field of JSON, and what Go writes for it. */
export interface OrderedField {
  readonly facts: FieldFacts;
  /** What is written for the field when it was not sent; undefined: nothing. */
  readonly absent: unknown;
}

/** What is written for a field that was not sent. */
function absent(table: TypeTable, { shape, omitEmpty, json }: FieldFacts): unknown {
  if (omitEmpty) {
    if (shape.is === 'struct') return zeroOf(table, table.struct(shape.name));
    // Only creationTimestamp is marked to be left out when zero; other times that are not pointers are written as null.
    if (shape.is === 'Time' || shape.is === 'MicroTime') return json === 'creationTimestamp' ? undefined : null;
    return shape.is === 'Quantity' || shape.is === 'IntOrString' ? zeroValue(table, shape) : undefined;
  }
  return zeroValue(table, shape);
}

/** The zero value of a type, as Go writes it to JSON. */
export function zeroValue(table: TypeTable, shape: TypeShape): unknown {
  switch (shape.is) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'float64':
    case 'IntOrString':
      return 0;
    case 'Quantity':
      return '0';
    case 'struct':
      return zeroOf(table, table.struct(shape.name));
    default:
      return null;
  }
}

/** The zero value of a struct, frozen. */
export function zeroOf(table: TypeTable, facts: StructFacts): Readonly<Record<string, unknown>> {
  let known = zeros.get(table);
  if (known === undefined) {
    known = new Map();
    zeros.set(table, known);
  }
  let zero = known.get(facts.name);
  if (zero === undefined) {
    const out: Record<string, unknown> = {};
    for (const { facts: field, absent: value } of inCanonicalOrder(table, facts)) if (value !== undefined) out[field.json] = value;
    zero = deepFreeze(out);
    known.set(facts.name, zero);
  }
  return zero;
}

/** The fields as `writeJson` orders members, so that what is decoded is written by the native writer. */
export function inCanonicalOrder(table: TypeTable, facts: StructFacts): readonly OrderedField[] {
  let fields = ordered.get(facts);
  if (fields === undefined) {
    const isKind = facts.byJson.has('kind') && facts.byJson.has('apiVersion');
    const rank = (name: string): number => {
      const place = isKind ? ['kind', 'apiVersion', 'metadata'].indexOf(name) : -1;
      return place < 0 ? 3 : place;
    };
    fields = facts.fields
      .filter(({ embedded }) => !embedded)
      .sort((a, b) => rank(a.json) - rank(b.json) || compareBytes(a.json, b.json))
      .map((field) => ({ facts: field, absent: absent(table, field) }));
    ordered.set(facts, fields);
  }
  return fields;
}
