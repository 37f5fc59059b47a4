import { wire } from './wire.ts';

/** The looks of the fields of a message, by number. */
export type Looks = readonly (Look | undefined)[];

/** How a value looks on the wire that can be read without an error, when it was written in the usual way. A class, so that all have one shape. */
export class Look {
  readonly wire: number;
  readonly isTime: boolean;
  readonly #inside: (() => Looks) | undefined;
  #looks: Looks | undefined;

  /** `inside`: of a message, what it holds; asked for once, when it is needed. */
  constructor(wireType: number, inside?: () => Looks, isTime = false) {
    this.wire = wireType;
    this.isTime = isTime;
    this.#inside = inside;
  }

  get looks(): Looks | undefined {
    if (this.#looks === undefined && this.#inside !== undefined) this.#looks = this.#inside();
    return this.#looks;
  }
}

/** What is nested more deeply is left to who reads it. */
const maxDepth = 100;

/**
 * Whether the bytes from `at` to `end` are a message with fields of these looks and no others, in the form in which everybody writes them:
 * then to read them will not fail. It makes nothing. False says nothing: they have to be read in order to know.
 */
export function isUsual(bytes: Uint8Array, start: number, end: number, looks: Looks, depth: number): boolean {
  let at = start;
  while (at < end) {
    let tag = bytes[at++] ?? 0;
    if (tag > 0x7f) {
      const next = bytes[at++] ?? 0;
      if (next > 0x7f) return false;
      tag = (tag & 0x7f) | (next << 7);
    }
    const look = looks[tag >>> 3];
    if (look === undefined || look.wire !== (tag & 7)) return false;
    if (look.wire === wire.varint) {
      const first = at;
      while ((bytes[at] ?? 0) > 0x7f) at++;
      if (++at - first > 5) return false;
    } else if (look.wire === wire.fixed64) {
      at += 8;
    } else {
      let length = bytes[at++] ?? 0;
      if (length > 0x7f) {
        const next = bytes[at++] ?? 0;
        if (next > 0x7f) return false;
        length = (length & 0x7f) | (next << 7);
      }
      const to = at + length;
      if (to > end) return false;
      if (look.isTime) {
        if (!isUsualTime(bytes, at, length)) return false;
      } else {
        const inside = look.looks;
        if (inside !== undefined && (depth === maxDepth || !isUsual(bytes, at, to, inside, depth + 1))) return false;
      }
      at = to;
    }
  }
  return at === end;
}

/** A time of this century and some others, as Go writes it: seconds in five bytes, and no nanoseconds. Or none. */
function isUsualTime(bytes: Uint8Array, at: number, length: number): boolean {
  if (length === 0) return true;
  return (
    length === 8 &&
    bytes[at] === 0x08 &&
    (bytes[at + 1] ?? 0) > 0x7f &&
    (bytes[at + 2] ?? 0) > 0x7f &&
    (bytes[at + 3] ?? 0) > 0x7f &&
    (bytes[at + 4] ?? 0) > 0x7f &&
    (bytes[at + 5] ?? 0x80) < 0x80 &&
    bytes[at + 6] === 0x10 &&
    bytes[at + 7] === 0
  );
}
