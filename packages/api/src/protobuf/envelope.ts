import { assert } from '@coracle/kernel';
import type { TypeTable } from '../type-facts.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage, writeMessage } from './encode.ts';
import { checkWire } from './read-special.ts';
import { text } from './special.ts';
import { ProtobufError, wire, WireWriter } from './wire.ts';
import { WireReader } from './wire-reader.ts';

/** What stands around every object that is sent or stored as protobuf (apimachinery runtime.Unknown behind `k8s\0`). */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's message: a view of the bytes that were read. */
  readonly raw: Uint8Array;
  readonly contentEncoding: string;
  readonly contentType: string;
}

const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);

/** Whether the bytes say of themselves that they are protobuf of Kubernetes. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= magic.length && magic.every((byte, i) => bytes[i] === byte);
}

/** `object`, whose type is `typeName`, as `application/vnd.kubernetes.protobuf`. Throws ProtobufError. */
export function encodeProtobuf(table: TypeTable, typeName: string, object: Readonly<Record<string, unknown>>): Uint8Array {
  return encodeEnvelope(table, typeName, object).bytes;
}

/** As encodeProtobuf. `message`, a view of `bytes`, is the object without its envelope: an item of a list. */
export function encodeEnvelope(
  table: TypeTable,
  typeName: string,
  object: Readonly<Record<string, unknown>>,
): { readonly bytes: Uint8Array; readonly message: Uint8Array } {
  const writer = new WireWriter();
  writer.raw(emptyFields);
  writeMessage(writer, table, typeName, object);
  const length = writer.size - emptyFields.length;
  writeEnvelopeHead(writer, object, length);
  const bytes = writer.finish();
  const end = bytes.length - emptyFields.length;
  return { bytes, message: bytes.subarray(end - length, end) };
}

/** A list whose items are encoded already: the bytes that encodeProtobuf makes of the list. `list` has no items. */
export function encodeProtobufList(
  table: TypeTable,
  typeName: string,
  list: Readonly<Record<string, unknown>>,
  items: readonly Uint8Array[],
): Uint8Array {
  const head = encodeMessage(table, typeName, list);
  const number = table.struct(typeName).byJson.get('items')?.number ?? 0;
  assert(number > (table.struct(typeName).byJson.get('metadata')?.number ?? number), `items of "${typeName}" come last`);
  let length = head.length;
  for (const item of items) length += 1 + varintLength(item.length) + item.length;
  const writer = new WireWriter();
  writeEnvelopeHead(writer, list, length);
  const start = writer.finish();
  // A list may be large: it is written once, where it is to stay.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(start.length + length + emptyFields.length).buffer);
  bytes.set(start);
  bytes.set(head, start.length);
  let at = start.length + head.length;
  for (const item of items) {
    bytes[at++] = (number << 3) | wire.bytes;
    let rest = item.length;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
    bytes.set(item, at);
    at += item.length;
  }
  bytes.set(emptyFields, at);
  return bytes;
}

/** What an envelope ends with: that the content has no encoding (3) and no type (4) of its own. */
const emptyFields = Uint8Array.of((3 << 3) | wire.bytes, 0, (4 << 3) | wire.bytes, 0);

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}

/** What an envelope begins with: all in front of a message of `length` bytes. */
function writeEnvelopeHead(writer: WireWriter, object: Readonly<Record<string, unknown>>, length: number): void {
  writer.length(length);
  writer.tag(2, wire.bytes);
  const before = writer.size;
  writer.bytes(text('kind', object['kind'] ?? ''));
  writer.tag(2, wire.bytes);
  writer.bytes(text('apiVersion', object['apiVersion'] ?? ''));
  writer.tag(1, wire.bytes);
  writer.prefix(before);
  writer.tag(1, wire.bytes);
  writer.raw(magic);
}

/** The envelope alone, from which the caller knows the type. Throws ProtobufError. */
export function readEnvelope(bytes: Uint8Array): ProtobufEnvelope {
  if (!isProtobuf(bytes)) {
    throw new ProtobufError(`provided data does not appear to be a protobuf message, expected prefix [${[...magic].join(' ')}]`);
  }
  const reader = new WireReader(bytes, magic.length);
  let raw: Uint8Array = new Uint8Array();
  const read = { apiVersion: '', kind: '', contentEncoding: '', contentType: '' };
  while (!reader.isDone) {
    const tag = reader.tag();
    const number = tag >>> 3;
    if (number > 4) {
      reader.skip(tag);
      continue;
    }
    checkWire(tag, wire.bytes, ['TypeMeta', 'Raw', 'ContentEncoding', 'ContentType'][number - 1] ?? '');
    if (number === 1) {
      const outer = reader.enter();
      Object.assign(read, readTypeMeta(reader));
      reader.leave(outer);
    } else if (number === 2) raw = reader.bytes();
    else if (number === 3) read.contentEncoding = reader.string();
    else read.contentType = reader.string();
  }
  return { ...read, raw };
}

/** The object in `bytes`, of type `typeName`, with the kind that its envelope names. See decodeMessage. Throws ProtobufError. */
export function decodeProtobuf(table: TypeTable, typeName: string, bytes: Uint8Array): Record<string, unknown> {
  const { apiVersion, kind, raw } = readEnvelope(bytes);
  return { kind, apiVersion, ...decodeMessage(table, typeName, raw) };
}

/** A frame of a watch without its length: `object` is an object's envelope. */
export function encodeWatchEvent(type: string, object: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  const before = writer.size;
  writer.bytes(object);
  writer.tag(1, wire.bytes);
  writer.prefix(before);
  writer.tag(2, wire.bytes);
  writer.bytes(type);
  writer.tag(1, wire.bytes);
  return writer.finish();
}

function readTypeMeta(reader: WireReader): { apiVersion?: string; kind?: string } {
  const read: { apiVersion?: string; kind?: string } = {};
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) read.apiVersion = checkWire(tag, wire.bytes, 'APIVersion') && reader.string();
    else if (tag >>> 3 === 2) read.kind = checkWire(tag, wire.bytes, 'Kind') && reader.string();
    else reader.skip(tag);
  }
  return read;
}
