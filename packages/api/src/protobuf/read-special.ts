import { JsonSyntaxError, readJson } from '@coracle/apimachinery';
import type { SpecialType } from '../type-facts.ts';
import { schemaNumbers } from './special.ts';
import { ProtobufError, wire } from './wire.ts';
import type { WireReader } from './wire-reader.ts';

/** How parts of special types are read. */
export interface SpecialParts {
  /** Integers beyond 2^53 in raw JSON become bigint. */
  readonly bigints: boolean;
  /** Reads a JSONSchemaProps that was entered. */
  readonly readSchema: () => unknown;
}

/** The JSON of the message that `reader` has entered, of a type with a codec of its own; undefined for a zero time. */
export function readSpecial(reader: WireReader, type: SpecialType, { bigints, readSchema }: SpecialParts): unknown {
  switch (type) {
    case 'Quantity':
      return readQuantity(reader);
    case 'IntOrString':
      return readIntOrString(reader);
    case 'Time':
    case 'MicroTime':
      return readTime(reader, type);
    case 'FieldsV1':
    case 'RawExtension':
    case 'JSON':
      return readRaw(reader, bigints);
    default:
      return readSchemas(reader, type, readSchema);
  }
}

function readQuantity(reader: WireReader): string {
  let value: string | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) value = checkWire(tag, wire.bytes, 'String_') && reader.string();
    else reader.skip(tag);
  }
  return value ?? '0';
}

// Times of seconds, of which one object has many and many objects the same.
const knownTimes = Array.from({ length: 256 }, () => ({ seconds: Number.NaN, text: '' }));

function readTime(reader: WireReader, type: 'Time' | 'MicroTime'): string | undefined {
  let seconds: number | bigint | undefined;
  let nanos = 0;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) seconds = checkWire(tag, wire.varint, 'Seconds') && reader.int64();
    else if (tag >>> 3 === 2) nanos = checkWire(tag, wire.varint, 'Nanos') && reader.int32();
    else reader.skip(tag);
  }
  if (seconds === undefined) return undefined;
  // The years that RFC 3339 can write.
  if (!(seconds >= -62_135_596_800 && seconds < 253_402_300_800) || nanos < 0 || nanos > 999_999_999) {
    throw new ProtobufError(`Cannot decode a ${type} of ${seconds} seconds and ${nanos} nanoseconds`);
  }
  const text = secondsText(Number(seconds));
  return type === 'MicroTime' ? `${text.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : text;
}

function secondsText(seconds: number): string {
  const slot = knownTimes[seconds & (knownTimes.length - 1)];
  if (slot?.seconds === seconds) return slot.text;
  const text = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
  if (slot !== undefined) {
    slot.seconds = seconds;
    slot.text = text;
  }
  return text;
}

function readIntOrString(reader: WireReader): number | string {
  let isText = false;
  let number = 0;
  let string = '';
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) isText = checkWire(tag, wire.varint, 'Type') && reader.int64() === 1;
    else if (tag >>> 3 === 2) number = checkWire(tag, wire.varint, 'IntVal') && reader.int32();
    else if (tag >>> 3 === 3) string = checkWire(tag, wire.bytes, 'StrVal') && reader.string();
    else reader.skip(tag);
  }
  return isText ? string : number;
}

function readRaw(reader: WireReader, bigints: boolean): unknown {
  let raw: Uint8Array | undefined;
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) raw = checkWire(tag, wire.bytes, 'Raw') && reader.bytes();
    else reader.skip(tag);
  }
  if (raw === undefined || raw.length === 0) return null;
  try {
    return readJson(raw, { bigints }).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new ProtobufError(`Cannot decode raw JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

function readSchemas(reader: WireReader, type: keyof typeof schemaNumbers, readSchema: () => unknown): unknown {
  const numbers = schemaNumbers[type];
  let allows = false;
  let schema: unknown;
  const items: unknown[] = [];
  const entered = (): unknown => {
    const outer = reader.enter();
    const value = readSchema();
    reader.leave(outer);
    return value;
  };
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === numbers.schema) schema = checkWire(tag, wire.bytes, 'Schema') && entered();
    else if (tag >>> 3 !== numbers.others) reader.skip(tag);
    else if (type === 'JSONSchemaPropsOrBool') allows = checkWire(tag, wire.varint, 'Allows') && reader.bool();
    else if (type === 'JSONSchemaPropsOrArray') items.push(checkWire(tag, wire.bytes, 'JSONSchemas') && entered());
    else items.push(checkWire(tag, wire.bytes, 'Property') && reader.string());
  }
  if (items.length > 0) return items;
  return schema ?? (type === 'JSONSchemaPropsOrBool' ? allows : null);
}

/** Always true: throws when the field has another wire type than it should. */
export function checkWire(tag: number, wanted: number, name: string): true {
  if ((tag & 7) !== wanted) throw new ProtobufError(`proto: wrong wireType = ${tag & 7} for field ${name}`);
  return true;
}
