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
  const writer = new WireWriter();
  const string = (number: number, value: string): void => {
    writer.bytes(value);
    writer.tag(number, wire.bytes);
  };
  string(4, '');
  string(3, '');
  writer.bytes(encodeMessage(table, typeName, object));
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
