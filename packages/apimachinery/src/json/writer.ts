import { compareBytes } from '../maps.ts';

const encoder = new TextEncoder();

/**
 * JSON in one canonical text for equal values: members in order of their keys' bytes, as Go prints maps (`"10"` before
 * `"2"`, where JavaScript would put them first and in numeric order), except that an object that has a `kind` starts with
 * `kind`, `apiVersion` and `metadata`, as the API server's do. Members that are `undefined` are left out; bigints are
 * printed as integers. Unlike Go's, the text keeps `<`, `>` and `&` as they are.
 *
 * Throws TypeError for what JSON cannot hold: functions, symbols, NaN and infinities.
 */
export function writeJson(value: unknown): string {
  const native = inOrder(value);
  return native === undefined ? write(value) : JSON.stringify(native);
}

/** `writeJson` in UTF-8. */
export function writeJsonBytes(value: unknown): Uint8Array {
  return encoder.encode(writeJson(value));
}

/** Members that come first in an API object, in this order. */
const leading: readonly string[] = ['kind', 'apiVersion', 'metadata'];

function rank(key: string): number {
  const place = leading.indexOf(key);
  return place < 0 ? leading.length : place;
}

function compareMembers(a: string, b: string): number {
  return rank(a) - rank(b) || compareBytes(a, b);
}

/**
 * What the native writer makes the canonical text of: `value` itself, or a copy of what is out of order in it. Undefined where
 * there is no such value, as members like indexes have a place of their own in every object.
 */
function inOrder(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'object':
      if (value === null) return value;
      return Array.isArray(value) ? itemsInOrder(value) : membersInOrder(value as Readonly<Record<string, unknown>>); // of whatever names
    default:
      return undefined;
  }
}

function itemsInOrder(list: readonly unknown[]): readonly unknown[] | undefined {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const item = inOrder(list[i]);
    if (item === undefined) return undefined;
    if (item !== list[i] && copy === undefined) copy = list.slice(0, i);
    copy?.push(item);
  }
  return copy ?? list;
}

function membersInOrder(map: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const compare = startsWithKind(map) ? compareMembers : compareBytes;
  /** Of members that are themselves copied; nothing is allocated for a value that is in order. */
  let copied: Map<string, unknown> | undefined;
  let isSorted = true;
  let previous: string | undefined;
  for (const key in map) {
    const member = map[key];
    if (member === undefined) continue;
    if (previous !== undefined && isSorted && compare(previous, key) > 0) isSorted = false;
    previous = key;
    const ordered = inOrder(member);
    if (ordered === undefined) return undefined;
    if (ordered === member) continue;
    copied ??= new Map();
    copied.set(key, ordered);
  }
  if (isSorted && copied === undefined) return map;
  const keys = Object.keys(map);
  if (!isSorted) keys.sort(compare);
  const copy: Record<string, unknown> = {};
  for (const key of keys) {
    if (key === '__proto__' || isIndexLike(key)) return undefined;
    copy[key] = copied?.get(key) ?? map[key];
  }
  return copy;
}

/** Whether `key` may be one that objects put before the others, in the order of numbers. */
function isIndexLike(key: string): boolean {
  const last = key.charCodeAt(key.length - 1);
  return last >= 0x30 && last <= 0x39 && /^\d+$/.test(key);
}

function startsWithKind(value: object): boolean {
  return Object.hasOwn(value, 'kind') && Object.hasOwn(value, 'apiVersion');
}

function write(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString();
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`Cannot write ${value} as JSON`);
      return JSON.stringify(value);
    case 'object':
      break;
    default:
      throw new TypeError(`Cannot write a ${typeof value} as JSON`);
  }
  if (value === null) return 'null';
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${write(item)}`;
    return `[${text}]`;
  }
  const keys = Object.keys(value).sort(startsWithKind(value) ? compareMembers : compareBytes);
  for (const key of keys) {
    const member: unknown = value[key as keyof typeof value];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${write(member)}`;
  }
  return `{${text}}`;
}
