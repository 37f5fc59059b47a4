import type { FieldFacts, StructFacts, TypeShape, TypeTable } from '../type-facts.ts';
import { inCanonicalOrder } from '../zero-values.ts';
import { Look, type Looks } from './is-usual.ts';
import { wire } from './wire.ts';

const text = new Look(wire.bytes);
const number = new Look(wire.varint);

/** A message that holds these. */
function holding(looks: Looks): Look {
  return new Look(wire.bytes, () => looks);
}

/** The JSON in FieldsV1 is checked when it is read: it is a third of an object, and nobody but server-side apply reads it. */
const looks: { readonly [K in TypeShape['is']]?: Look } = {
  string: text,
  bytes: text,
  bool: number,
  int32: number,
  int64: number,
  float64: new Look(wire.fixed64),
  Quantity: holding([undefined, text]),
  IntOrString: holding([undefined, number, number, text]),
  Time: new Look(wire.bytes, undefined, true),
  FieldsV1: holding([undefined, text]),
};

/** How a field of a message is read. A class, so that all of them have one shape. */
export class PlannedField {
  readonly json: string;
  /**
   * `embedded`: the fields of another message belong to this object; `list`: one item, of several fields; `wrapped`: a list that is a message
   * with one repeated field; `map`: one entry.
   */
  readonly as: 'value' | 'embedded' | 'list' | 'wrapped' | 'map';
  /** Of the value, or of each item or entry; never a pointer. */
  readonly shape: TypeShape;
  /** Go's omitempty leaves a zero out; a pointer to one stays. */
  readonly omitsZero: boolean;
  /** Of one text. */
  readonly isText: boolean;
  /** Undefined: whether it can be read is not to be told without reading it. */
  readonly look: Look | undefined;
  readonly #table: TypeTable;
  /** Of the struct that the field holds; ''. */
  readonly #struct: string;
  #plan: Plan | undefined;

  constructor(table: TypeTable, { json, shape, embedded, wrapped, omitEmpty }: FieldFacts) {
    const of = withoutPointer(shape.is === 'list' || shape.is === 'map' ? shape.of : shape);
    const struct = of.is === 'list' ? withoutPointer(of.of) : of; // the values of a map may be lists
    this.json = json;
    this.as = embedded ? 'embedded' : shape.is === 'list' ? (wrapped ? 'wrapped' : 'list') : shape.is === 'map' ? 'map' : 'value';
    this.shape = of;
    this.omitsZero = omitEmpty && this.as === 'value' && shape.is !== 'pointer';
    this.isText = this.as === 'value' && of.is === 'string';
    this.#table = table;
    this.#struct = struct.is === 'struct' ? struct.name : '';
    const value = this.#struct === '' ? looks[struct.is] : new Look(wire.bytes, () => this.plan?.looks ?? []);
    const listed = this.as === 'wrapped' || of.is === 'list' ? holding([undefined, value]) : value;
    this.look = this.as === 'map' ? holding([undefined, text, listed]) : listed;
  }

  /** Of a field that holds structs. Made when it is needed: structs hold one another in circles. */
  get plan(): Plan | undefined {
    if (this.#plan === undefined && this.#struct !== '') this.#plan = planOf(this.#table, this.#struct);
    return this.#plan;
  }
}

/** How the messages of one struct are read. Made when the first is, since a table has a thousand structs. */
export class Plan {
  readonly name: string;
  /** By number. */
  readonly fields: readonly (PlannedField | undefined)[];
  readonly looks: Looks;
  /** What Go writes for fields that are not in the bytes. */
  readonly absent: readonly (readonly [json: string, value: unknown])[];

  constructor(table: TypeTable, facts: StructFacts) {
    this.name = facts.name;
    const fields: (PlannedField | undefined)[] = [];
    for (const [number, field] of facts.byNumber) fields[number] = new PlannedField(table, field);
    this.fields = Array.from(fields); // without holes
    this.looks = this.fields.map((field) => field?.look);
    this.absent = inCanonicalOrder(table, facts).flatMap(({ facts: { json }, absent }) =>
      absent === undefined ? [] : [[json, absent] as const],
    );
  }
}

const plans = new WeakMap<TypeTable, Map<string, Plan>>();

/** The plan of `typeName`. Throws when the table does not have it. */
export function planOf(table: TypeTable, typeName: string): Plan {
  let known = plans.get(table);
  if (known === undefined) {
    known = new Map();
    plans.set(table, known);
  }
  let plan = known.get(typeName);
  if (plan === undefined) {
    plan = new Plan(table, table.struct(typeName));
    known.set(typeName, plan);
  }
  return plan;
}

function withoutPointer(shape: TypeShape): TypeShape {
  return shape.is === 'pointer' ? withoutPointer(shape.of) : shape;
}
