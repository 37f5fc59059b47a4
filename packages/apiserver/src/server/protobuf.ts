import {
  decodeProtobuf,
  encodeEnvelope,
  encodeProtobuf,
  encodeProtobufList,
  ProtobufError,
  readEnvelope,
  type TypeTable,
} from '@coracle/api';
import { type Frozen, parseGroupVersion, type Unstructured } from '@coracle/apimachinery';
import type { Stored } from '../storage/storage.ts';

/** Objects of the built-in kinds as application/vnd.kubernetes.protobuf. */
export interface ProtobufForm {
  /** The object in a body, as JSON would have it. Throws ProtobufError, also for kinds that have no such form. */
  read(bytes: Uint8Array): unknown;
  write(value: Frozen<unknown>): Uint8Array;
  /** An object as it is stored; encoded once, and kept as long as its other forms. */
  stored(stored: Stored): Uint8Array;
  /** A list of such objects; `head` is the list without them. */
  list(head: Frozen<unknown>, items: readonly Stored[]): Uint8Array;
}

export function protobufForm(table: TypeTable): ProtobufForm {
  const typeOf = ({ apiVersion = '', kind = '' }: { readonly apiVersion?: string; readonly kind?: string }): string => {
    const { group, version } = parseGroupVersion(apiVersion);
    const type = table.kind(group, version, kind)?.type;
    if (type === undefined) throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return type;
  };
  const encode = (object: Frozen<Unstructured>): ReturnType<typeof encodeEnvelope> => encodeEnvelope(table, typeOf(object), object);
  return {
    read: (bytes) => decodeProtobuf(table, typeOf(readEnvelope(bytes)), bytes),
    write(value) {
      const object = value as Readonly<Record<string, unknown>>; // answers are objects
      return encodeProtobuf(table, typeOf(object), object);
    },
    stored: (stored) => stored.encoded(encode).bytes,
    list(head, items) {
      const list = head as Readonly<Record<string, unknown>>; // what stands around items is an object
      return encodeProtobufList(
        table,
        typeOf(list),
        list,
        items.map((item) => item.encoded(encode).message),
      );
    },
  };
}
