import { setOwn } from '@coracle/apimachinery';
import type { FieldFacts, StructFacts, TypeShape, TypeTable } from '../type-facts.ts';
import { maxDepth } from './encode.ts';
import { checkWire, readSpecial } from './special.ts';
import { ProtobufError, type Tag, wire, WireReader } from './wire.ts';

type Draft = Record<string, unknown>;

/**
 * The message in `bytes` as JSON of type `typeName`: what is in the bytes, without zeros that Go's JSON leaves out. Fields
 * that are not in the bytes are absent; decodeStruct adds what Go writes for those. Unknown fields are passed over, as in
 * Go's generated code. An int64 beyond ±(2^53−1) is a bigint.
 *
 * Throws ProtobufError for malformed bytes.
 */
export function decodeMessage(table: TypeTable, typeName: string, bytes: Uint8Array): Draft {
  const object: Draft = {};
  new Decoder(table).struct(table.struct(typeName), new WireReader(bytes), object);
  return object;
}

class Decoder {
  readonly #table: TypeTable;
  readonly #schemas = { write: (): void => {}, read: (reader: WireReader): unknown => this.#schema(reader) };
  #depth = 0;

  constructor(table: TypeTable) {
    this.#table = table;
  }

  /** Adds to `object`: a message that comes in two pieces is merged. */
  struct(facts: StructFacts, reader: WireReader, object: Draft): void {
    if (++this.#depth > maxDepth) throw new ProtobufError('proto: exceeded max depth');
    while (!reader.isDone) {
      const tag = reader.tag();
      if (tag.wire === wire.endGroup) throw new ProtobufError(`proto: ${facts.name}: wiretype end group for non-group`);
      const field = facts.byNumber.get(tag.number);
      if (field === undefined) reader.skip(tag);
      else this.#field(field, tag, reader, object);
    }
    this.#depth--;
  }

  #field(field: FieldFacts, tag: Tag, reader: WireReader, object: Draft): void {
    const { json, shape } = field;
    if (field.embedded && shape.is === 'struct') {
      checkWire(tag, wire.bytes, shape.name);
      this.struct(this.#table.struct(shape.name), reader.message(), object);
    } else if (shape.is === 'list') {
      const list = Array.isArray(object[json]) ? (object[json] as unknown[]) : []; // a list of this decoder
      if (field.wrapped) list.push(...this.#wrapped(shape.of, tag, json, reader));
      else this.#items(shape.of, tag, json, reader, list);
      object[json] = list;
    } else if (shape.is === 'map') {
      const map = (object[json] ?? {}) as Draft; // a map of this decoder
      this.#entry(shape.of, tag, json, reader, map);
      object[json] = map;
    } else {
      const value = this.#value(shape, tag, json, reader, object[json]);
      if (value === undefined || (field.omitEmpty && isZero(shape, value))) delete object[json];
      else object[json] = value;
    }
  }

  /** Numbers may come packed: many in one field. */
  #items(shape: TypeShape, tag: Tag, name: string, reader: WireReader, list: unknown[]): void {
    if (tag.wire === wire.bytes && isNumber(shape)) {
      const packed = reader.message();
      const type = shape.is === 'float64' ? wire.fixed64 : wire.varint;
      while (!packed.isDone) list.push(this.#value(shape, { number: tag.number, wire: type }, name, packed, undefined));
    } else {
      list.push(this.#value(shape, tag, name, reader, undefined) ?? null);
    }
  }

  #wrapped(shape: TypeShape, tag: Tag, name: string, reader: WireReader): readonly unknown[] {
    checkWire(tag, wire.bytes, name);
    const list: unknown[] = [];
    const inner = reader.message();
    while (!inner.isDone) {
      const item = inner.tag();
      if (item.number === 1) this.#items(shape, item, 'items', inner, list);
      else inner.skip(item);
    }
    return list;
  }

  #entry(shape: TypeShape, tag: Tag, name: string, reader: WireReader, map: Draft): void {
    checkWire(tag, wire.bytes, name);
    const entry = reader.message();
    let key = '';
    let value: unknown;
    while (!entry.isDone) {
      const part = entry.tag();
      if (part.number === 1) key = checkWire(part, wire.bytes, name) && entry.string();
      else if (part.number !== 2) entry.skip(part);
      else value = shape.is === 'list' ? this.#wrapped(shape.of, part, name, entry) : this.#value(shape, part, name, entry, value);
    }
    setOwn(map, key, value ?? zeroEntry(shape));
  }

  /** `before` is what an earlier piece of the same message gave. */
  #value(shape: TypeShape, tag: Tag, name: string, reader: WireReader, before: unknown): unknown {
    switch (shape.is) {
      case 'pointer':
        return this.#value(shape.of, tag, name, reader, before);
      case 'string':
        return checkWire(tag, wire.bytes, name) && reader.string();
      case 'bytes':
        checkWire(tag, wire.bytes, name);
        return Buffer.from(reader.bytes()).toString('base64');
      case 'bool':
        return checkWire(tag, wire.varint, name) && reader.bool();
      case 'int32':
        return checkWire(tag, wire.varint, name) && reader.int32();
      case 'int64':
        return checkWire(tag, wire.varint, name) && reader.int64();
      case 'float64':
        return checkWire(tag, wire.fixed64, name) && reader.float64();
      case 'struct': {
        checkWire(tag, wire.bytes, name);
        const object = (before ?? {}) as Draft; // a struct of this decoder
        this.struct(this.#table.struct(shape.name), reader.message(), object);
        return object;
      }
      case 'list':
      case 'map':
        throw new ProtobufError(`protobuf has no field that is a ${shape.is} of lists or maps`);
      default:
        checkWire(tag, wire.bytes, name);
        return readSpecial(reader.message(), shape.is, this.#schemas);
    }
  }

  #schema(reader: WireReader): Draft {
    const object: Draft = {};
    this.struct(this.#table.struct('apiextensions.v1.JSONSchemaProps'), reader, object);
    return object;
  }
}

function isNumber(shape: TypeShape): boolean {
  return shape.is === 'bool' || shape.is === 'int32' || shape.is === 'int64' || shape.is === 'float64';
}

/** Whether Go's omitempty leaves the value out; a pointer to a zero stays. */
function isZero(shape: TypeShape, value: unknown): boolean {
  if (shape.is === 'string' || shape.is === 'bytes') return value === '';
  return isNumber(shape) && (value === 0 || value === false);
}

function zeroEntry(shape: TypeShape): unknown {
  if (shape.is === 'string' || shape.is === 'bytes') return '';
  if (shape.is === 'Quantity') return '0';
  if (shape.is === 'struct') return {};
  if (shape.is === 'list') return [];
  return isNumber(shape) ? (shape.is === 'bool' ? false : 0) : null;
}
