import { decodeProtobuf, encodeProtobuf, ProtobufError, readEnvelope, type TypeTable } from '@coracle/api';
import { type Frozen, parseGroupVersion } from '@coracle/apimachinery';

/** Objects of the built-in kinds as application/vnd.kubernetes.protobuf. */
export interface ProtobufForm {
  /** The object in a body, as JSON would have it. Throws ProtobufError, also for kinds that have no such form. */
  read(bytes: Uint8Array): unknown;
  write(value: Frozen<unknown>): Uint8Array;
}

export function protobufForm(table: TypeTable): ProtobufForm {
  const typeOf = ({ apiVersion = '', kind = '' }: { readonly apiVersion?: string; readonly kind?: string }): string => {
    const { group, version } = parseGroupVersion(apiVersion);
    const type = table.kind(group, version, kind)?.type;
    if (type === undefined) throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return type;
  };
  return {
    read: (bytes) => decodeProtobuf(table, typeOf(readEnvelope(bytes)), bytes),
    write(value) {
      const object = value as Readonly<Record<string, unknown>>; // answers are objects
      return encodeProtobuf(table, typeOf(object), object);
    },
  };
}
