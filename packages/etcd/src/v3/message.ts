import { ProtobufReader, ProtobufWriter, wireType } from './protobuf.ts';

/**
 * Messages by description: a record of fields gives the type, the decoder and the encoder. For all but the few messages
 * that are most of the traffic.
 */
export interface Message<T> {
  /** Throws InvalidProtobuf. What is absent gets proto3's default, what is unknown is passed over. */
  decode(bytes: Uint8Array): T;
  read(from: ProtobufReader): T;
  encode(value: Partial<T>): Buffer;
  write(to: ProtobufWriter, value: Partial<T>): void;
}

export interface Field<T> {
  readonly number: number;
  absent(): T;
  /**
   * `before` is what earlier occurrences gave: the last one counts, repeated ones add up. Another wire type than the
   * field's makes it a field that is not known, as in Go.
   */
  read(from: ProtobufReader, tag: number, before: T): T;
  write(to: ProtobufWriter, value: T): void;
}

export function message<T extends object>(fields: { readonly [K in keyof T]: Field<T[K]> }): Message<T> {
  const names = Object.keys(fields) as (keyof T)[]; // made by a literal: it has no other keys
  const byNumber = new Map(names.map((name) => [fields[name].number, name]));
  const read = (from: ProtobufReader): T => {
    const value = {} as T; // every field is set in the next line
    for (const name of names) value[name] = fields[name].absent();
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      const name = byNumber.get(tag >>> 3);
      if (name === undefined) from.skip(tag);
      else value[name] = fields[name].read(from, tag, value[name]);
    }
    return value;
  };
  const write = (to: ProtobufWriter, value: Partial<T>): void => {
    for (const name of names) {
      const of = value[name];
      if (of !== undefined) fields[name].write(to, of);
    }
  };
  return {
    read,
    write,
    decode: (bytes) => read(new ProtobufReader(bytes)),
    encode(value) {
      const to = new ProtobufWriter();
      write(to, value);
      return to.finish();
    },
  };
}

function scalar<T>(
  number: number,
  type: number,
  absent: () => T,
  read: (from: ProtobufReader) => T,
  write: (to: ProtobufWriter, tag: number, value: T) => void,
): Field<T> {
  const tag = number * 8 + type;
  return {
    number,
    absent,
    read(from, found, before) {
      if (found === tag) return read(from);
      from.skip(found);
      return before;
    },
    write: (to, value) => write(to, tag, value),
  };
}

const noBytes = new Uint8Array();

export const int64 = (number: number): Field<bigint> =>
  scalar(
    number,
    wireType.varint,
    () => 0n,
    (from) => from.int64(),
    (to, tag, value) => to.int64Field(tag, value),
  );
export const uint64 = (number: number): Field<bigint> =>
  scalar(
    number,
    wireType.varint,
    () => 0n,
    (from) => from.uint64(),
    (to, tag, value) => to.int64Field(tag, value),
  );
/** int64 that is a count or a revision: a number. */
export const count = (number: number): Field<number> =>
  scalar(
    number,
    wireType.varint,
    () => 0,
    (from) => from.revision(),
    (to, tag, value) => to.numberField(tag, value),
  );
export const uint32 = (number: number): Field<number> =>
  scalar(
    number,
    wireType.varint,
    () => 0,
    (from) => from.uint32(),
    (to, tag, value) => to.numberField(tag, value),
  );
/** Any int32, as proto3's enumerations are open. */
export const enumeration = (number: number): Field<number> =>
  scalar(
    number,
    wireType.varint,
    () => 0,
    (from) => from.int32(),
    (to, tag, value) => to.numberField(tag, value),
  );
export const bool = (number: number): Field<boolean> =>
  scalar(
    number,
    wireType.varint,
    () => false,
    (from) => from.bool(),
    (to, tag, value) => to.boolField(tag, value),
  );
export const bytes = (number: number): Field<Uint8Array> =>
  scalar(
    number,
    wireType.bytes,
    () => noBytes,
    (from) => from.bytes(),
    (to, tag, value) => to.bytesField(tag, value),
  );
/** Bytes as a binary string. */
export const key = (number: number): Field<string> =>
  scalar(
    number,
    wireType.bytes,
    () => '',
    (from) => from.key(),
    (to, tag, value) => to.keyField(tag, value),
  );
export const string = (number: number): Field<string> =>
  scalar(
    number,
    wireType.bytes,
    () => '',
    (from) => from.string(),
    (to, tag, value) => to.stringField(tag, value),
  );

export function nested<T>(number: number, of: Message<T>): Field<Partial<T> | undefined> {
  return scalar<Partial<T> | undefined>(
    number,
    wireType.bytes,
    () => undefined,
    (from) => of.read(from.message()),
    (to, tag, value) => {
      if (value !== undefined) to.blockField(tag, of.encode(value));
    },
  );
}

/** Of messages, strings or bytes: each has its own tag, even an empty one. */
export function repeated<T>(number: number, element: { read(from: ProtobufReader): T; encode(value: T): Uint8Array }): Field<readonly T[]> {
  const tag = number * 8 + wireType.bytes;
  return {
    number,
    absent: () => [],
    read(from, found, before) {
      // Made by `absent` for this very message.
      if (found === tag) (before as T[]).push(element.read(from));
      else from.skip(found);
      return before;
    },
    write(to, values) {
      for (const value of values) to.blockField(tag, element.encode(value));
    },
  };
}

export const ofMessage = <T>(of: Message<T>): { read(from: ProtobufReader): T; encode(value: Partial<T>): Uint8Array } => ({
  read: (from) => of.read(from.message()),
  encode: (value) => of.encode(value),
});
export const ofStrings: { read(from: ProtobufReader): string; encode(value: string): Uint8Array } = {
  read: (from) => from.string(),
  encode: (value) => Buffer.from(value),
};
export const ofKeys: { read(from: ProtobufReader): string; encode(value: string): Uint8Array } = {
  read: (from) => from.key(),
  encode: (value) => Buffer.from(value, 'latin1'),
};

/** Enumerations in a list: packed, as proto3 writes them, or one by one, as it must be read too. */
export function enumerations(number: number): Field<readonly number[]> {
  return {
    number,
    absent: () => [],
    read(from, tag, before) {
      const values = before as number[]; // made by `absent` for this very message
      if ((tag & 7) === wireType.varint) values.push(from.int32());
      else if ((tag & 7) === wireType.bytes) for (const list = from.message(); !list.isAtEnd; ) values.push(list.int32());
      else from.skip(tag);
      return before;
    },
    write(to, values) {
      if (values.length === 0) return;
      const packed = new ProtobufWriter();
      for (const value of values) packed.varint(value);
      to.blockField(number * 8 + wireType.bytes, packed.finish());
    },
  };
}
