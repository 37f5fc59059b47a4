import { goJson, parseTime } from '@coracle/apimachinery';
import type { SpecialType } from '../type-facts.ts';
import { ProtobufError, wire, type WireWriter } from './wire.ts';

/** Numbers of fields in the types around JSONSchemaProps. */
export const schemaNumbers = {
  JSONSchemaPropsOrBool: { schema: 2, others: 1 },
  JSONSchemaPropsOrArray: { schema: 1, others: 2 },
  JSONSchemaPropsOrStringArray: { schema: 1, others: 2 },
} as const;

/**
 * Writes the content of a message of a type that has a codec of its own (upstream: the hand-written proto.go beside each). `writeSchema`
 * writes a JSONSchemaProps with its length.
 */
export function writeSpecial(writer: WireWriter, type: SpecialType, value: unknown, writeSchema: (schema: unknown) => void): void {
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
      if (typeof value === 'object' && value !== null) field(writer, 2, () => writeSchema(value));
      writer.bool(value !== false && value !== null);
      writer.tag(1, wire.varint);
      return;
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray': {
      const { schema, others } = schemaNumbers[type];
      if (!Array.isArray(value)) {
        if (value !== null) field(writer, schema, () => writeSchema(value));
        return;
      }
      for (const item of value.toReversed()) {
        field(writer, others, () => (type === 'JSONSchemaPropsOrArray' ? writeSchema(item) : writer.bytes(text(type, item))));
      }
    }
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

export function text(type: string, value: unknown): string {
  if (typeof value !== 'string') throw new ProtobufError(`Cannot encode a ${typeof value} as ${type}`);
  return value;
}

function integer(type: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new ProtobufError(`Cannot encode a ${typeof value} as ${type}`);
  return value;
}
