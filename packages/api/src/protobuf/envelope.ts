import { assert } from '@coracle/kernel';
import type { TypeTable } from '../type-facts.ts';
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { checkWire, text } from './special.ts';
import { ProtobufError, wire, WireReader, WireWriter } from './wire.ts';

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
  const message = encodeMessage(table, typeName, object);
  const bytes = wrapMessage(object, message);
  const end = bytes.length - emptyFields;
  return { bytes, message: bytes.subarray(end - message.length, end) };
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
  const message = new Uint8Array(length);
  message.set(head);
  let at = head.length;
  for (const item of items) {
    message[at++] = (number << 3) | wire.bytes;
    let rest = item.length;
    for (; rest > 0x7f; rest >>>= 7) message[at++] = (rest & 0x7f) | 0x80;
    message[at++] = rest;
    message.set(item, at);
    at += item.length;
  }
  return wrapMessage(list, message);
}

/** What an envelope ends with: that the content has no encoding and no type of its own. */
const emptyFields = 4;

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}

function wrapMessage(object: Readonly<Record<string, unknown>>, message: Uint8Array): Uint8Array {
  const writer = new WireWriter(message.length + 256);
  const string = (number: number, value: string): void => {
    writer.bytes(value);
    writer.tag(number, wire.bytes);
  };
  string(4, '');
  string(3, '');
  writer.bytes(message);
  writer.tag(2, wire.bytes);
  const before = writer.size;
  string(2, text('kind', object['kind'] ?? ''));
  string(1, text('apiVersion', object['apiVersion'] ?? ''));
  writer.prefix(before);
  writer.tag(1, wire.bytes);
  writer.raw(magic);
  return writer.finish();
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
    if (tag.number > 4) {
      reader.skip(tag);
      continue;
    }
    checkWire(tag, wire.bytes, ['TypeMeta', 'Raw', 'ContentEncoding', 'ContentType'][tag.number - 1] ?? '');
    if (tag.number === 1) Object.assign(read, readTypeMeta(reader.message()));
    else if (tag.number === 2) raw = reader.bytes();
    else if (tag.number === 3) read.contentEncoding = reader.string();
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
    if (tag.number === 1) read.apiVersion = checkWire(tag, wire.bytes, 'APIVersion') && reader.string();
    else if (tag.number === 2) read.kind = checkWire(tag, wire.bytes, 'Kind') && reader.string();
    else reader.skip(tag);
  }
  return read;
}
