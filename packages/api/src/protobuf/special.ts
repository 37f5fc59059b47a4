import { goJson, parseTime, readJson, JsonSyntaxError } from '@coracle/apimachinery';
import type { SpecialType } from '../type-facts.ts';
import { ProtobufError, wire, type WireReader, type WireWriter } from './wire.ts';

/** The types around JSONSchemaProps hold schemas. */
export interface SchemaCodec {
  /** Writes the message with its length. */
  write(schema: unknown): void;
  read(reader: WireReader): unknown;
}

const schemaNumbers = {
  JSONSchemaPropsOrBool: { schema: 2, others: 1 },
  JSONSchemaPropsOrArray: { schema: 1, others: 2 },
  JSONSchemaPropsOrStringArray: { schema: 1, others: 2 },
} as const;

/** Writes the content of a message of a type that has a codec of its own (upstream: the hand-written proto.go beside each). */
export function writeSpecial(writer: WireWriter, type: SpecialType, value: unknown, schemas: SchemaCodec): void {
  switch (type) {
    case 'Quantity':
      field(writer, 1, () => writer.bytes(text(type, value)));
      return;
    case 'IntOrString':
      field(writer, 3, () => writer.bytes(typeof value === 'string' ? value : ''));
      integerField(writer, 2, typeof value === 'string' ? 0 : integer(type, value));
      integerField(writer, 1, typeof value === 'string' ? 1 : 0);
      return;
    case 'Time':
    case 'MicroTime':
      writeTime(writer, type, value);
      return;
    case 'FieldsV1':
    case 'RawExtension':
    case 'JSON':
      if (value !== null && value !== undefined) field(writer, 1, () => writer.bytes(goJson(value)));
      return;
    case 'JSONSchemaPropsOrBool':
      if (typeof value === 'object' && value !== null) field(writer, 2, () => schemas.write(value));
      writer.bool(value !== false && value !== null);
      writer.tag(1, wire.varint);
      return;
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray': {
      const { schema, others } = schemaNumbers[type];
      if (!Array.isArray(value)) {
        if (value !== null) field(writer, schema, () => schemas.write(value));
        return;
      }
      for (const item of value.toReversed()) {
        field(writer, others, () => (type === 'JSONSchemaPropsOrArray' ? schemas.write(item) : writer.bytes(text(type, item))));
      }
    }
  }
}

/** The JSON of a message of such a type; undefined for a zero time. */
export function readSpecial(reader: WireReader, type: SpecialType, schemas: SchemaCodec): unknown {
  switch (type) {
    case 'Quantity':
      return readStrings(reader, 1).at(-1) ?? '0';
    case 'IntOrString':
      return readIntOrString(reader);
    case 'Time':
    case 'MicroTime':
      return readTime(reader, type);
    case 'FieldsV1':
    case 'RawExtension':
    case 'JSON':
      return readRaw(reader);
    default:
      return readSchemas(reader, type, schemas);
  }
}

/** A field with a length, which `content` writes too. */
function field(writer: WireWriter, number: number, content: () => void): void {
  content();
  writer.tag(number, wire.bytes);
}

function integerField(writer: WireWriter, number: number, value: number): void {
  writer.integer(value);
  writer.tag(number, wire.varint);
}

/** Seconds and nanoseconds since the epoch, in time's order; Time has whole seconds, MicroTime microseconds. */
function writeTime(writer: WireWriter, type: 'Time' | 'MicroTime', value: unknown): void {
  if (value === null || value === undefined) return;
  const given = text(type, value);
  const atMs = parseTime(given);
  if (atMs === undefined) throw new ProtobufError(`Cannot encode "${given}" as a ${type}`);
  const digits = /\.(\d+)/.exec(given)?.[1]?.slice(0, 6).padEnd(6, '0') ?? '0';
  integerField(writer, 2, type === 'Time' ? 0 : Number(digits) * 1000);
  integerField(writer, 1, Math.floor(atMs / 1000));
}

function readTime(reader: WireReader, type: 'Time' | 'MicroTime'): string | undefined {
  let seconds: number | bigint | undefined;
  let nanos = 0;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag.number === 1) seconds = checkWire(tag, wire.varint, 'Seconds') && reader.int64();
    else if (tag.number === 2) nanos = checkWire(tag, wire.varint, 'Nanos') && reader.int32();
    else reader.skip(tag);
  }
  if (seconds === undefined) return undefined;
  const date = new Date(Number(seconds) * 1000);
  // The years that RFC 3339 can write.
  if (!(date.getTime() >= -62_135_596_800_000 && date.getTime() < 253_402_300_800_000) || nanos < 0 || nanos > 999_999_999) {
    throw new ProtobufError(`Cannot decode a ${type} of ${seconds} seconds and ${nanos} nanoseconds`);
  }
  const micros = type === 'MicroTime' ? `.${String(Math.floor(nanos / 1000)).padStart(6, '0')}` : '';
  return `${date.toISOString().slice(0, 19)}${micros}Z`;
}

function readIntOrString(reader: WireReader): number | string {
  let isText = false;
  let number = 0;
  let string = '';
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag.number === 1) isText = checkWire(tag, wire.varint, 'Type') && reader.int64() === 1;
    else if (tag.number === 2) number = checkWire(tag, wire.varint, 'IntVal') && reader.int32();
    else if (tag.number === 3) string = checkWire(tag, wire.bytes, 'StrVal') && reader.string();
    else reader.skip(tag);
  }
  return isText ? string : number;
}

function readRaw(reader: WireReader): unknown {
  let raw: Uint8Array | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag.number === 1) raw = checkWire(tag, wire.bytes, 'Raw') && reader.bytes();
    else reader.skip(tag);
  }
  if (raw === undefined || raw.length === 0) return null;
  try {
    return readJson(raw, { bigints: true }).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new ProtobufError(`Cannot decode raw JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

function readStrings(reader: WireReader, number: number): readonly string[] {
  const found: string[] = [];
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag.number === number) found.push(checkWire(tag, wire.bytes, 'String_') && reader.string());
    else reader.skip(tag);
  }
  return found;
}

function readSchemas(reader: WireReader, type: keyof typeof schemaNumbers, schemas: SchemaCodec): unknown {
  const numbers = schemaNumbers[type];
  let allows = false;
  let schema: unknown;
  const items: unknown[] = [];
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag.number === numbers.schema) schema = checkWire(tag, wire.bytes, 'Schema') && schemas.read(reader.message());
    else if (tag.number !== numbers.others) reader.skip(tag);
    else if (type === 'JSONSchemaPropsOrBool') allows = checkWire(tag, wire.varint, 'Allows') && reader.bool();
    else if (type === 'JSONSchemaPropsOrArray') items.push(checkWire(tag, wire.bytes, 'JSONSchemas') && schemas.read(reader.message()));
    else items.push(checkWire(tag, wire.bytes, 'Property') && reader.string());
  }
  if (items.length > 0) return items;
  return schema ?? (type === 'JSONSchemaPropsOrBool' ? allows : null);
}

/** Always true: throws when the field has another wire type than it should. */
export function checkWire(tag: { readonly wire: number }, wanted: number, name: string): true {
  if (tag.wire !== wanted) throw new ProtobufError(`proto: wrong wireType = ${tag.wire} for field ${name}`);
  return true;
}

export function text(type: string, value: unknown): string {
  if (typeof value !== 'string') throw new ProtobufError(`Cannot encode a ${typeof value} as ${type}`);
  return value;
}

function integer(type: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new ProtobufError(`Cannot encode a ${typeof value} as ${type}`);
  return value;
}
