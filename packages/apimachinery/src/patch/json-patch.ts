import { semanticEqual } from '../equality.ts';
import { hasOwn, mapFrom, setOwn } from '../maps.ts';
import { newBadRequest, newRequestEntityTooLarge, newStatusError } from '../status-errors.ts';

/** More operations in one patch are refused (apiserver pkg/endpoints/handlers: maxJSONPatchOperations). */
const maxOperations = 10_000;

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly from: readonly string[];
  readonly value: unknown;
}

type Container = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * JSON patch (RFC 6902): the operations in order on `document`, which stays as it is. Throws a 400 for what is no patch and a
 * 422 for one that does not fit the document, in the server's words, which do not say why.
 */
export function applyJsonPatch(document: unknown, operations: unknown): unknown {
  let result = document;
  for (const operation of readOperations(operations)) result = apply(result, operation);
  return result;
}

function readOperations(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch)) {
    const found = patch === null ? 'null' : typeof patch === 'boolean' ? 'bool' : typeof patch;
    throw newBadRequest(`error decoding patch: json: cannot unmarshal ${found} into Go value of type []handlers.jsonPatchOp`);
  }
  if (patch.length > maxOperations) throw newRequestEntityTooLarge(maxOperations);
  return patch.map((item: unknown): Operation => {
    if (!isObject(item)) throw rejected();
    return { op: String(item['op']), path: pointer(item['path']), from: item['from'] === undefined ? [] : pointer(item['from']), value: item['value'] };
  });
}

function apply(document: unknown, { op, path, from, value }: Operation): unknown {
  switch (op) {
    case 'add':
      return add(document, path, value ?? null);
    case 'remove':
      return remove(document, path);
    case 'replace':
      read(document, path); // must be there
      return path.length === 0 ? (value ?? null) : add(remove(document, path), path, value ?? null);
    case 'test':
      if (!semanticEqual(find(document, path), value ?? null)) throw rejected();
      return document;
    case 'copy':
      return add(document, path, read(document, from));
    case 'move':
      return add(remove(document, from), path, read(document, from));
    default:
      throw rejected();
  }
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  return change(document, path, (parent, key) => {
    if (!isList(parent)) return withMember(parent, key, value);
    const index = key === '-' ? parent.length : indexIn(parent, key, parent.length);
    return [...parent.slice(0, index), value, ...parent.slice(index)];
  }, value);
}

function remove(document: unknown, path: readonly string[]): unknown {
  return change(document, path, (parent, key) => {
    if (isList(parent)) return parent.toSpliced(indexIn(parent, key, parent.length - 1), 1);
    if (!hasOwn(parent, key)) throw rejected();
    return mapFrom(Object.entries(parent).filter(([other]) => other !== key));
  }, null);
}

/** Rebuilds the containers on the way to the last segment of `path`. */
function change(document: unknown, path: readonly string[], edit: (parent: Container, key: string) => unknown, whole: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return whole;
  if (!isContainer(document)) throw rejected();
  if (rest.length === 0) return edit(document, key);
  const child = change(member(document, key), rest, edit, whole);
  return isList(document) ? document.with(indexIn(document, key, document.length - 1), child) : withMember(document, key, child);
}

function read(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const key of path) {
    if (!isContainer(value)) throw rejected();
    value = member(value, key);
  }
  return value;
}

/** Of `test`: a member that is absent counts as null. */
function find(document: unknown, path: readonly string[]): unknown {
  const parent = read(document, path.slice(0, -1));
  const key = path.at(-1);
  if (key === undefined) return document;
  if (isObject(parent) && !hasOwn(parent, key)) return null;
  return read(parent, [key]);
}

function member(parent: Container, key: string): unknown {
  if (isList(parent)) return parent[indexIn(parent, key, parent.length - 1)];
  if (!hasOwn(parent, key)) throw rejected();
  return parent[key];
}

function withMember(parent: Readonly<Record<string, unknown>>, key: string, value: unknown): Record<string, unknown> {
  const copy = mapFrom(Object.entries(parent));
  setOwn(copy, key, value);
  return copy;
}

function indexIn(list: readonly unknown[], key: string, last: number): number {
  const index = /^-?(0|[1-9]\d*)$/.test(key) ? Number(key) : Number.NaN;
  const at = index < 0 ? list.length + index : index; // upstream's library counts from the end, too
  if (!(at >= 0 && at <= last)) throw rejected();
  return at;
}

/** `/a~1b/0` → `a/b`, `0` (RFC 6901). */
function pointer(text: unknown): readonly string[] {
  if (text === '') return [];
  if (typeof text !== 'string' || !text.startsWith('/')) throw rejected();
  return text.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function rejected(): Error {
  return newStatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}
