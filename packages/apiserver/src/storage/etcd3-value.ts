import { builtInTypes, DecodeError, decodeProtobuf, decodeStruct, isProtobuf, ProtobufError, readEnvelope } from '@coracle/api';
import { deepFreeze, type Frozen, parseGroupVersion, readJson, type Unstructured, writeJsonBytes } from '@coracle/apimachinery';
import { crdFromV1beta1, isCrdV1beta1 } from './etcd3-crd.ts';
import { resourceVersionOffset } from './splice.ts';
import type { Key } from './storage.ts';

/** What is stored under a key is no object that this server can read. */
export class UnreadableValueError extends Error {
  override readonly name = 'UnreadableValueError';
  constructor(key: Key, why: string, options?: ErrorOptions) {
    super(`cannot read what is stored as "${key}": ${why}`, options);
  }
}

/** An object as it is stored, in this server's form: JSON. `object` is there when it was read on the way. */
export interface ReadValue {
  readonly json: Uint8Array;
  readonly rvOffset: number;
  readonly object?: Frozen<Unstructured>;
}

/**
 * Reads what any API server has written: JSON, as this one, or protobuf behind `k8s\0`, as upstream by default
 * (--storage-media-type). Throws UnreadableValueError, for what is encrypted, too.
 */
export function readValue(key: Key, value: Uint8Array): ReadValue {
  if (isProtobuf(value)) return writtenAgain(key, readProtobuf(key, value));
  if (value[0] !== 0x7b) throw new UnreadableValueError(key, 'it is neither JSON nor protobuf');
  if (!isOwnForm(value)) return writtenAgain(key, readObject(key, value));
  // Upstream ends JSON with a line break, which must not get into a stream of lines.
  const json = value.at(-1) === 0x0a ? value.subarray(0, -1) : value;
  const rvOffset = resourceVersionOffset(json);
  if (rvOffset < 0) throw new UnreadableValueError(key, 'it has no metadata');
  return { json, rvOffset };
}

const ownStart: Uint8Array = new TextEncoder().encode('{"kind":"');
const foreignStart: Uint8Array = new TextEncoder().encode('{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1b');

/** Whether the kind comes first, as lists rely on, and the version is one that is served. */
function isOwnForm(json: Uint8Array): boolean {
  return startsWith(json, ownStart) && !startsWith(json, foreignStart);
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, i) => bytes[i] === byte);
}

function readObject(key: Key, json: Uint8Array): Frozen<Unstructured> {
  let object: unknown;
  try {
    object = readJson(json, { bigints: true }).value;
  } catch (error) {
    throw new UnreadableValueError(key, error instanceof Error ? error.message : String(error), { cause: error });
  }
  return deepFreeze(object as Unstructured); // it begins with a brace
}

function readProtobuf(key: Key, value: Uint8Array): Frozen<Unstructured> {
  try {
    const { apiVersion, kind } = readEnvelope(value);
    const { group, version } = parseGroupVersion(apiVersion);
    const type = builtInTypes.kind(group, version, kind)?.type;
    if (type === undefined) throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
    const { object } = decodeStruct(builtInTypes, type, decodeProtobuf(builtInTypes, type, value)); // with what Go never leaves out
    return deepFreeze({ kind, apiVersion, ...object } as unknown as Unstructured); // a registered kind is an object
  } catch (error) {
    if (!(error instanceof ProtobufError || error instanceof DecodeError)) throw error;
    throw new UnreadableValueError(key, error.message, { cause: error });
  }
}

function writtenAgain(key: Key, read: Frozen<Unstructured>): ReadValue {
  const object = isCrdV1beta1(read) ? crdFromV1beta1(read) : read;
  const json = writeJsonBytes(object);
  const rvOffset = resourceVersionOffset(json);
  if (rvOffset < 0) throw new UnreadableValueError(key, 'it has no metadata');
  return { json, rvOffset, object };
}
