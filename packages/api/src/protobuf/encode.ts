import { compareBytes, getOwn } from '@coracle/apimachinery';
import type { FieldFacts, StructFacts, TypeShape, TypeTable } from '../type-facts.ts';
import { text, writeSpecial } from './special.ts';
import { ProtobufError, wire, WireWriter } from './wire.ts';

type Members = Readonly<Record<string, unknown>>;

/** Nesting beyond this is refused in both directions. Go's limit is 10,000; what walks our values recurses. */
export const maxDepth = 1_000;

/**
 * The bytes of `object`, of type `typeName`, as the message that Go's generated code writes: fields that cannot be absent
 * are written even when they are zero, maps in order of their keys. `kind` and `apiVersion` travel outside (wrapObject).
 *
 * Throws ProtobufError where a value does not fit its type.
 */
export function encodeMessage(table: TypeTable, typeName: string, object: unknown): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, table, typeName, object);
  return writer.finish();
}

/** Writes what encodeMessage makes in front of what `writer` holds. */
export function writeMessage(writer: WireWriter, table: TypeTable, typeName: string, object: unknown): void {
  new Encoder(table, writer).struct(table.struct(typeName), members(typeName, object));
}

class Encoder {
  readonly writer: WireWriter;
  readonly #table: TypeTable;
  readonly #writeSchema = (schema: unknown): void => this.#schema(schema);
  #depth = 0;

  constructor(table: TypeTable, writer: WireWriter) {
    this.#table = table;
    this.writer = writer;
  }

  struct(facts: StructFacts, object: Members): void {
    if (++this.#depth > maxDepth) throw new ProtobufError('proto: exceeded max depth');
    for (const field of facts.byNumber.values()) {
      if (field.embedded) {
        this.#field(field.number, field.shape, object);
      } else {
        const value = getOwn(object, field.json);
        if (field.wrapped && value !== undefined && value !== null) this.#wrapped(field.number, field.shape, value);
        else if (!field.wrapped) this.#member(field, value);
      }
    }
    this.#depth--;
  }

  #member({ number, shape }: FieldFacts, value: unknown): void {
    switch (shape.is) {
      case 'pointer':
        if (value !== undefined && value !== null) this.#field(number, shape.of, value);
        return;
      case 'bytes':
        if (value !== undefined && value !== null) this.#field(number, shape, value);
        return;
      case 'list':
        this.#items(number, shape.of, value);
        return;
      case 'map':
        this.#entries(number, shape.of, value);
        return;
      default:
        this.#field(number, shape, value ?? zeroOf(shape));
    }
  }

  #items(number: number, shape: TypeShape, value: unknown): void {
    if (value === undefined || value === null) return;
    if (!Array.isArray(value)) throw unfit(value, 'a list');
    for (const item of value.toReversed()) this.#field(number, shape, item ?? zeroOf(shape));
  }

  #entries(number: number, shape: TypeShape, value: unknown): void {
    if (value === undefined || value === null) return;
    const map = members('a map', value);
    for (const key of Object.keys(map).sort(compareBytes).reverse()) {
      const before = this.writer.size;
      const item = map[key];
      if (shape.is === 'list') this.#wrapped(2, shape, item ?? []);
      else this.#field(2, shape, item ?? zeroOf(shape));
      this.writer.bytes(key);
      this.writer.tag(1, wire.bytes);
      this.writer.prefix(before);
      this.writer.tag(number, wire.bytes);
    }
  }

  /** A list as a message that holds its items as field 1. */
  #wrapped(number: number, shape: TypeShape, value: unknown): void {
    const before = this.writer.size;
    if (shape.is === 'list') this.#items(1, shape.of, value);
    this.writer.prefix(before);
    this.writer.tag(number, wire.bytes);
  }

  #field(number: number, shape: TypeShape, value: unknown): void {
    switch (shape.is) {
      case 'pointer':
        this.#field(number, shape.of, value);
        return;
      case 'string':
        this.writer.bytes(text('string', value));
        break;
      case 'bytes':
        this.writer.bytes(Buffer.from(text('bytes', value), 'base64'));
        break;
      case 'bool':
        if (typeof value !== 'boolean') throw unfit(value, 'bool');
        this.writer.bool(value);
        this.writer.tag(number, wire.varint);
        return;
      case 'int32':
      case 'int64':
        if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw unfit(value, shape.is);
        this.writer.integer(value as number | bigint); // checked above
        this.writer.tag(number, wire.varint);
        return;
      case 'float64':
        if (typeof value !== 'number') throw unfit(value, shape.is);
        this.writer.float64(value);
        this.writer.tag(number, wire.fixed64);
        return;
      case 'struct': {
        const before = this.writer.size;
        this.struct(this.#table.struct(shape.name), members(shape.name, value));
        this.writer.prefix(before);
        break;
      }
      case 'list':
      case 'map':
        throw new ProtobufError(`protobuf has no field that is a ${shape.is} of lists or maps`);
      default: {
        const before = this.writer.size;
        writeSpecial(this.writer, shape.is, value, this.#writeSchema);
        this.writer.prefix(before);
      }
    }
    this.writer.tag(number, wire.bytes);
  }

  #schema(schema: unknown): void {
    const before = this.writer.size;
    this.struct(this.#table.struct('apiextensions.v1.JSONSchemaProps'), members('JSONSchemaProps', schema));
    this.writer.prefix(before);
  }
}

/** What stands for an absent value that Go cannot leave out. */
function zeroOf(shape: TypeShape): unknown {
  switch (shape.is) {
    case 'string':
    case 'bytes':
      return '';
    case 'int32':
    case 'int64':
    case 'float64':
    case 'IntOrString':
      return 0;
    case 'bool':
      return false;
    case 'struct':
    case 'pointer':
      return {};
    case 'Quantity':
      return '0';
    default:
      return null;
  }
}

function members(what: string, value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unfit(value, what);
  return value as Members; // an object that is no list
}

function unfit(value: unknown, what: string): ProtobufError {
  return new ProtobufError(`Cannot encode ${Array.isArray(value) ? 'a list' : `a ${typeof value}`} as ${what}`);
}
