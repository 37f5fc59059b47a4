import { deepFreeze, setOwn } from '@coracle/apimachinery';
import type { TypeShape, TypeTable } from '../type-facts.ts';
import { zeroValue } from '../zero-values.ts';
import { maxDepth } from './encode.ts';
import { isUsual } from './is-usual.ts';
import { type Plan, type PlannedField, planOf } from './plan.ts';
import { checkWire, readSpecial, type SpecialParts } from './read-special.ts';
import { ProtobufError, wire } from './wire.ts';
import { WireReader } from './wire-reader.ts';

/** An object under construction. */
export type Draft = Record<string, unknown>;

/** What a MessageDecoder makes of messages. */
export interface MessageDecoderOptions {
  /**
   * Objects as Go writes them to JSON: with the zeros of fields that are not in the bytes, and frozen. Default: only what is in the bytes,
   * and not frozen.
   */
  readonly asJson?: boolean;
  /** A field that the type does not have is an UnknownFieldError. Default: it is passed over, as in Go's generated code. */
  readonly refusesUnknown?: boolean;
  /** An int64 beyond ±(2^53−1) is a bigint. Default true; else the nearest number. */
  readonly bigints?: boolean;
}

/** Bytes have a field that the type of this version of Kubernetes does not: it was written by a newer one. */
export class UnknownFieldError extends Error {
  override readonly name = 'UnknownFieldError';
}

/**
 * The message in `bytes` as JSON of type `typeName`: what is in the bytes, without zeros that Go's JSON leaves out. Fields
 * that are not in the bytes are absent; decodeStruct adds what Go writes for those. Unknown fields are passed over, as in
 * Go's generated code. An int64 beyond ±(2^53−1) is a bigint.
 *
 * Throws ProtobufError for malformed bytes.
 */
export function decodeMessage(table: TypeTable, typeName: string, bytes: Uint8Array): Draft {
  const decoder = new MessageDecoder(table);
  decoder.reset(bytes, 0, bytes.length);
  return decoder.read(planOf(table, typeName), {});
}

/** Reads messages from bytes that `reset` names. Every method throws ProtobufError for malformed bytes. */
export class MessageDecoder {
  readonly reader: WireReader = new WireReader(new Uint8Array());
  readonly #table: TypeTable;
  readonly #asJson: boolean;
  readonly #refusesUnknown: boolean;
  readonly #bigints: boolean;
  readonly #special: SpecialParts;
  #depth = 0;

  constructor(table: TypeTable, { asJson = false, refusesUnknown = false, bigints = true }: MessageDecoderOptions = {}) {
    this.#table = table;
    this.#asJson = asJson;
    this.#refusesUnknown = refusesUnknown;
    this.#bigints = bigints;
    this.#special = { bigints, readSchema: () => this.read(planOf(table, 'apiextensions.v1.JSONSchemaProps'), {}) };
  }

  /** Everything after this is read from these bytes. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#depth = 0;
    this.reader.reset(bytes, start, end);
  }

  /** Reads to the end of the message, and adds to `object`, which has none of its members yet. */
  read(plan: Plan, object: Draft): Draft {
    return this.#read(plan, object, 0);
  }

  #read(plan: Plan, object: Draft, lastNumber: number): Draft {
    this.#members(plan, object, lastNumber);
    if (!this.#asJson) return object;
    this.addAbsent(plan, object);
    return Object.freeze(object);
  }

  /** Adds what Go writes for fields that are not in the bytes. */
  addAbsent({ absent }: Plan, object: Draft): void {
    for (const [json, value] of absent) if (object[json] === undefined) object[json] = value;
  }

  /** Reads to the end of the message; what is not there stays absent, and `object` is not frozen. It has none of these members yet. */
  members(plan: Plan, object: Draft): void {
    this.#members(plan, object, 0);
  }

  /** `lastNumber`: only fields with higher ones are known to be absent from `object`: to look there for each would take as long as to read it. */
  #members(plan: Plan, object: Draft, lastNumber: number): void {
    const { reader } = this;
    let last = lastNumber;
    if (++this.#depth > maxDepth) throw new ProtobufError('proto: exceeded max depth');
    while (!reader.isDone) {
      const tag = reader.tag();
      const number = tag >>> 3;
      const field = plan.fields[number];
      if (field === undefined || (tag & 7) === wire.endGroup) {
        this.#skip(plan, tag);
        continue;
      }
      const before = number > last ? undefined : object[field.json];
      if (number > last) last = number;
      if (field.isText && (tag & 7) === wire.bytes && before === undefined) {
        const text = reader.string();
        if (text !== '' || !field.omitsZero) object[field.json] = text;
      } else this.#field(field, tag, object, before);
    }
    this.#depth--;
  }

  /**
   * Looks at all that `read` reads, and makes nothing of it: what throws here would throw there, and the other way round, but for the JSON
   * of FieldsV1.
   */
  check(plan: Plan): void {
    const { reader } = this;
    if (isUsual(reader.source, reader.at, reader.end, plan.looks, 0)) reader.goTo(reader.end);
    else this.members(plan, {});
  }

  #skip({ name }: Plan, tag: number): void {
    if ((tag & 7) === wire.endGroup) throw new ProtobufError(`proto: ${name}: wiretype end group for non-group`);
    this.reader.skip(tag);
    if (this.#refusesUnknown) throw new UnknownFieldError(`"${name}" has no field ${tag >>> 3} in this version`);
  }

  #field(field: PlannedField, tag: number, object: Draft, before: unknown): void {
    const { json, shape } = field;
    const { reader } = this;
    switch (field.as) {
      case 'embedded': {
        checkWire(tag, wire.bytes, json);
        const outer = reader.enter();
        if (field.plan !== undefined) this.#members(field.plan, object, everyNumber);
        reader.leave(outer);
        return;
      }
      case 'list':
      case 'wrapped':
      case 'map': {
        object[json] = this.#run(field, tag, before);
        return;
      }
      case 'value': {
        const value = this.#value(field, shape, tag, before);
        if (value !== undefined && !(field.omitsZero && isZero(shape, value))) object[json] = value;
        else if (before !== undefined) delete object[json];
      }
    }
  }

  #made<T extends object>(made: T): T {
    return this.#asJson ? Object.freeze(made) : made;
  }

  /** Of fields with the same tag, one behind the other: a list or a map, with what `before` has. */
  #run(field: PlannedField, tag: number, before: unknown): object {
    const { reader } = this;
    if (field.as === 'map') {
      const map = copyOf(before);
      do this.#entry(field, tag, map);
      while (reader.passes(tag));
      return this.#made(map);
    }
    const list: unknown[] = Array.isArray(before) ? (before as readonly unknown[]).slice() : []; // a list of this decoder
    do {
      if (field.as === 'list') this.#item(field, tag, list);
      else this.#wrapped(field, field.shape, tag, list);
    } while (reader.passes(tag));
    return this.#made(list);
  }

  /** Numbers may come packed: many in one field. */
  #item(field: PlannedField, tag: number, list: unknown[], shape: TypeShape = field.shape): void {
    if ((tag & 7) === wire.bytes && isNumber(shape)) {
      const type = shape.is === 'float64' ? wire.fixed64 : wire.varint;
      const outer = this.reader.enter();
      while (!this.reader.isDone) list.push(this.#value(field, shape, type, undefined));
      this.reader.leave(outer);
    } else {
      list.push(this.#value(field, shape, tag, undefined) ?? null);
    }
  }

  #wrapped(field: PlannedField, shape: TypeShape, tag: number, list: unknown[]): void {
    const { reader } = this;
    checkWire(tag, wire.bytes, field.json);
    const outer = reader.enter();
    while (!reader.isDone) {
      const item = reader.tag();
      if (item >>> 3 === 1) this.#item(field, item, list, shape);
      else reader.skip(item);
    }
    reader.leave(outer);
  }

  #entry(field: PlannedField, tag: number, map: Draft): void {
    const { reader } = this;
    const { json, shape } = field;
    checkWire(tag, wire.bytes, json);
    const outer = reader.enter();
    let key = '';
    let value: unknown;
    while (!reader.isDone) {
      const part = reader.tag();
      if (part >>> 3 === 1) key = checkWire(part, wire.bytes, json) && reader.string();
      else if (part >>> 3 !== 2) reader.skip(part);
      else if (shape.is === 'list') {
        const list: unknown[] = [];
        this.#wrapped(field, shape.of.is === 'pointer' ? shape.of.of : shape.of, part, list);
        value = this.#made(list);
      } else value = this.#value(field, shape, part, value);
    }
    reader.leave(outer);
    setOwn(map, key, value ?? this.#zeroEntry(shape));
  }

  /** `before` is what an earlier piece of the same message gave. */
  #value(field: PlannedField, shape: TypeShape, tag: number, before: unknown): unknown {
    const { reader } = this;
    const { json } = field;
    switch (shape.is) {
      case 'string':
        return checkWire(tag, wire.bytes, json) && reader.string();
      case 'struct': {
        checkWire(tag, wire.bytes, json);
        const outer = reader.enter();
        const object = this.#read(
          field.plan ?? planOf(this.#table, shape.name),
          copyOf(before),
          before === undefined ? 0 : everyNumber, // one that comes in two pieces is merged
        );
        reader.leave(outer);
        return object;
      }
      case 'bytes':
        checkWire(tag, wire.bytes, json);
        return reader.bytes().toString('base64');
      case 'bool':
        return checkWire(tag, wire.varint, json) && reader.bool();
      case 'int32':
        return checkWire(tag, wire.varint, json) && reader.int32();
      case 'int64': {
        const value = checkWire(tag, wire.varint, json) && reader.int64();
        return this.#bigints ? value : Number(value);
      }
      case 'float64':
        return checkWire(tag, wire.fixed64, json) && reader.float64();
      case 'list':
      case 'map':
      case 'pointer':
        throw new ProtobufError(`protobuf has no field that is a ${shape.is} of lists or maps`);
      default: {
        checkWire(tag, wire.bytes, json);
        const outer = reader.enter();
        const value = readSpecial(reader, shape.is, this.#special);
        reader.leave(outer);
        return this.#asJson ? deepFreeze(value) : value;
      }
    }
  }

  /** Of an entry whose value is not in the bytes. */
  #zeroEntry(shape: TypeShape): unknown {
    if (shape.is === 'bytes') return '';
    if (shape.is === 'list') return this.#made([]);
    return shape.is === 'struct' && !this.#asJson ? {} : zeroValue(this.#table, shape);
  }
}

/** No field has a higher one: an object may have any member already. */
const everyNumber = 2 ** 29;

function isNumber(shape: TypeShape): boolean {
  return shape.is === 'bool' || shape.is === 'int32' || shape.is === 'int64' || shape.is === 'float64';
}

/** Whether Go's omitempty leaves the value out. */
function isZero(shape: TypeShape, value: unknown): boolean {
  if (shape.is === 'string' || shape.is === 'bytes') return value === '';
  return isNumber(shape) && (value === 0 || value === false);
}

/** An object of this decoder, which may be frozen. */
function copyOf(before: unknown): Draft {
  return before === undefined ? {} : { ...(before as Draft) };
}
