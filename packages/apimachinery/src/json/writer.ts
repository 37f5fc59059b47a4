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
  return isOrdered(value) ? JSON.stringify(value) : write(value);
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

/** Whether the native writer gives the canonical text. Asked before each write, so that it allocates nothing. */
function isOrdered(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (!isOrdered(item)) return false;
    return true;
  }
  const compare = startsWithKind(value) ? compareMembers : compareBytes;
  let previous: string | undefined;
  for (const key in value) {
    const member: unknown = value[key as keyof typeof value];
    if (member === undefined) continue;
    if (previous !== undefined && compare(previous, key) > 0) return false;
    if (!isOrdered(member)) return false;
    previous = key;
  }
  return true;
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
