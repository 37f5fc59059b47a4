/** What a number of a profile measures: `cpu` in `nanoseconds`. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** A place in the code; lines and columns from 1 on, 0 for what has none. */
export interface Frame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What was measured at one stack: the innermost frame first, and one value for each type. */
export interface Sample {
  readonly stack: readonly Frame[];
  readonly values: readonly number[];
}

/** A profile before it is written. */
export interface Profile {
  /** Of the values of each sample; tools show the last one unless they are told otherwise. */
  readonly sampleTypes: readonly ValueType[];
  readonly samples: readonly Sample[];
  /** What lies between two samples: `period` of `periodType`. */
  readonly periodType: ValueType;
  readonly period: number;
  /** When it began, in milliseconds since the epoch. */
  readonly timeMs: number;
  readonly durationMs: number;
}

/** Field numbers of google/pprof proto/profile.proto. */
const fields = {
  profile: {
    sampleType: 1,
    sample: 2,
    mapping: 3,
    location: 4,
    function: 5,
    stringTable: 6,
    timeNanos: 9,
    durationNanos: 10,
    periodType: 11,
    period: 12,
  },
  valueType: { type: 1, unit: 2 },
  sample: { locationId: 1, value: 2 },
  mapping: { id: 1, filename: 5, hasFunctions: 7, hasFilenames: 8, hasLineNumbers: 9 },
  location: { id: 1, mappingId: 2, line: 4 },
  line: { functionId: 1, line: 2, column: 3 },
  function: { id: 1, name: 2, systemName: 3, filename: 4, startLine: 5 },
} as const;

/**
 * Writes `profile` as protobuf, as pprof's tools read it once it is compressed with gzip. `program` names what ran. Functions, places and
 * texts are written once, however many samples they are in.
 */
export function encodeProfile(profile: Profile, program: string): Uint8Array {
  const texts = new Numbering<string>(0);
  texts.of('', () => undefined); // the format wants it first
  const text = (value: string): number => texts.of(value, () => undefined);
  const functions = new Numbering<string>(1);
  const locations = new Numbering<string>(1);
  const out = new ProtobufWriter();
  const { profile: top } = fields;
  const valueType = ({ type, unit }: ValueType): ProtobufWriter =>
    new ProtobufWriter().number(fields.valueType.type, text(type)).number(fields.valueType.unit, text(unit));

  const locationOf = (frame: Frame): number => {
    const { name, file, line, column } = frame;
    return locations.of(JSON.stringify(frame), (id) => {
      const functionId = functions.of(JSON.stringify([name, file, line]), (newId) => {
        const { function: f } = fields;
        const written = new ProtobufWriter()
          .number(f.id, newId)
          .number(f.name, text(name))
          .number(f.systemName, text(name))
          .number(f.filename, text(file))
          .number(f.startLine, line);
        out.message(top.function, written);
      });
      const at = new ProtobufWriter().number(fields.line.functionId, functionId).number(fields.line.line, line);
      at.number(fields.line.column, column);
      out.message(
        top.location,
        new ProtobufWriter().number(fields.location.id, id).number(fields.location.mappingId, 1).message(fields.location.line, at),
      );
    });
  };

  for (const type of profile.sampleTypes) out.message(top.sampleType, valueType(type));
  for (const { stack, values } of profile.samples) {
    const written = new ProtobufWriter().packed(fields.sample.locationId, stack.map(locationOf));
    out.message(top.sample, written.packed(fields.sample.value, values));
  }
  // Says that names are known already: a tool would look for them in a binary otherwise.
  const { mapping } = fields;
  const whole = new ProtobufWriter().number(mapping.id, 1).number(mapping.filename, text(program));
  for (const known of [mapping.hasFunctions, mapping.hasFilenames, mapping.hasLineNumbers]) whole.number(known, 1);
  out.message(top.mapping, whole);
  out.number(top.timeNanos, nanoseconds(profile.timeMs)).number(top.durationNanos, nanoseconds(profile.durationMs));
  out.message(top.periodType, valueType(profile.periodType)).number(top.period, profile.period);
  for (const value of texts.keys()) out.text(top.stringTable, value);
  return out.bytes();
}

/** Beyond 2^53, so not a number. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000)) * 1_000n;
}

/** Gives each key a number, in order of their first use. */
class Numbering<K> {
  readonly #numbers = new Map<K, number>();
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  /** `whenNew` is told the number of a key that was not seen before. */
  of(key: K, whenNew: (number: number) => void): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size + this.#first;
    this.#numbers.set(key, number);
    whenNew(number);
    return number;
  }

  keys(): Iterable<K> {
    return this.#numbers.keys();
  }
}

// The wire types of protobuf that are used: of numbers, and of what tells its length.
const varintType = 0;
const delimitedType = 2;

/** The part of protobuf's encoding that a profile needs. Each field is written once all that is in it is known. */
class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(64);
  #length = 0;

  /** Zero is left out, as the format's default. */
  number(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this;
    this.#varint((field << 3) | varintType);
    this.#varint(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.#delimited(field, Buffer.from(value, 'utf8'));
  }

  packed(field: number, values: readonly number[]): this {
    const content = new ProtobufWriter();
    for (const value of values) content.#varint(value);
    return this.#delimited(field, content.bytes());
  }

  message(field: number, message: ProtobufWriter): this {
    return this.#delimited(field, message.bytes());
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #delimited(field: number, content: Uint8Array): this {
    this.#varint((field << 3) | delimitedType);
    this.#varint(content.length);
    this.#reserve(content.length);
    this.#buffer.set(content, this.#length);
    this.#length += content.length;
    return this;
  }

  /** Seven bits a byte, the lowest first; negative ones as 64 bits of two's complement. */
  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'bigint' || value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      this.#buffer[this.#length++] = Number(rest);
      return;
    }
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.#length++] = (rest % 128) | 0x80;
    this.#buffer[this.#length++] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
