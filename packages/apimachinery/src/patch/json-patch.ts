import { writeJson } from '../json/writer.ts';
import { getOwn, hasOwn, type WireMap, withEntry } from '../maps.ts';
import { newBadRequest, newStatusError } from '../status-errors.ts';

/** More operations in one patch are refused (apiserver pkg/endpoints/handlers/patch.go). */
const maxOperations = 10_000;
/** Characters of JSON that the copies of one patch may make in all (apiserver pkg/server: JSONPatchMaxCopyBytes). */
const maxCopied = 3 * 1024 * 1024;

/** One operation as it was sent: what is wrong with it shows only when it is applied. */
type Operation = WireMap<unknown>;

/**
 * JSON patch (RFC 6902) as the API server applies it: `operations` in order on `document`, which stays as it is. Results
 * share what did not change.
 *
 * Where upstream's library (evanphx/json-patch v4) differs from the RFC, so does this: `replace` and `copy` take a member
 * that is absent for null, the whole document can be replaced and in no other way be changed, indexes below zero count from
 * the end, and whatever stands before the first slash of a path is ignored. Throws a 400 for what is no patch, a 413 for
 * one that is too long, and a 422 for one that does not fit the document, which by upstream's words never says why.
 */
export function applyJsonPatch(document: unknown, operations: unknown): unknown {
  const budget = { copied: 0 };
  return readOperations(operations).reduce<unknown>((result, operation) => apply(result, operation, budget), document);
}

function readOperations(patch: unknown): readonly Operation[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw undecodable(patch, 'Go value of type []handlers.jsonPatchOp');
  const operations = patch.map((item: unknown): Operation => {
    if (item === null) return {};
    if (!isMap(item)) throw undecodable(item, 'Go value of type handlers.jsonPatchOp');
    for (const [name, value] of Object.entries(item)) {
      if ((name === 'op' || name === 'path' || name === 'from') && value !== null && typeof value !== 'string') {
        throw undecodable(value, `Go struct field jsonPatchOp.${name} of type string`);
      }
    }
    return item;
  });
  if (operations.length <= maxOperations) return operations;
  const message = `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`;
  throw newStatusError(413, 'RequestEntityTooLarge', `Request entity too large: ${message}`);
}

function undecodable(found: unknown, target: string): Error {
  return newBadRequest(`error decoding patch: json: cannot unmarshal ${jsonType(found)} into ${target}`);
}

/** As Go's decoder names what it found. */
function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

function apply(document: unknown, operation: Operation, budget: { copied: number }): unknown {
  const value = getOwn(operation, 'value') ?? null;
  switch (getOwn(operation, 'op')) {
    case 'add':
      return add(document, pathOf(operation, 'path'), value);
    case 'remove':
      return remove(document, pathOf(operation, 'path'));
    case 'replace':
      return replace(document, operation, value);
    case 'move': {
      const from = pathOf(operation, 'from');
      return add(remove(document, from), pathOf(operation, 'path'), read(document, from));
    }
    case 'copy': {
      const copied = read(document, pathOf(operation, 'from'));
      // Copies of copies grow as powers of two, although here they cost nothing before somebody prints them.
      budget.copied += writeJson(copied).length;
      if (budget.copied > maxCopied) throw rejected();
      return add(document, pathOf(operation, 'path'), copied);
    }
    case 'test': {
      const found = getOwn(operation, 'path') === '' ? document : read(document, pathOf(operation, 'path'));
      if (!sameJson(found, value)) throw rejected();
      return document;
    }
    default:
      throw rejected();
  }
}

/** The segments of a path, at least one: `/a~1b/0` → `a/b`, `0` (RFC 6901). */
function pathOf(operation: Operation, name: 'path' | 'from'): readonly string[] {
  const text = getOwn(operation, name);
  if (typeof text !== 'string') throw rejected();
  const [, ...segments] = text.split('/');
  if (segments.length === 0) throw rejected();
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  return change(document, path, (parent, key) => {
    if (!isList(parent)) return withEntry(parent, key, value);
    return parent.toSpliced(key === '-' ? parent.length : indexIn(parent.length + 1, key), 0, value);
  });
}

function remove(document: unknown, path: readonly string[]): unknown {
  return change(document, path, (parent, key) => {
    if (isList(parent)) return parent.toSpliced(indexIn(parent.length, key), 1);
    if (!hasOwn(parent, key)) throw rejected();
    return Object.fromEntries(Object.entries(parent).filter(([other]) => other !== key));
  });
}

function replace(document: unknown, operation: Operation, value: unknown): unknown {
  if (getOwn(operation, 'path') === '') {
    if (!isContainer(value)) throw rejected();
    return value;
  }
  return change(document, pathOf(operation, 'path'), (parent, key) =>
    isList(parent) ? parent.with(indexIn(parent.length, key), value) : withEntry(parent, key, value),
  );
}

type Container = WireMap<unknown> | readonly unknown[];

/** Rebuilds the containers on the way to the last segment of `path`, which `edit` changes. */
function change(document: unknown, path: readonly string[], edit: (parent: Container, key: string) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined || !isContainer(document)) throw rejected();
  if (rest.length === 0) return edit(document, key);
  const child = change(member(document, key), rest, edit);
  return isList(document) ? document.with(indexIn(document.length, key), child) : withEntry(document, key, child);
}

/** What `path` leads to; null where only its last segment leads nowhere. */
function read(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const key of path) {
    if (!isContainer(value)) throw rejected();
    value = member(value, key);
  }
  return value;
}

function member(parent: Container, key: string): unknown {
  return isList(parent) ? parent[indexIn(parent.length, key)] : (getOwn(parent, key) ?? null);
}

/** `text` as Go's strconv.Atoi reads it, in a list that has `length` places. */
function indexIn(length: number, text: string): number {
  const index = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  const place = index < 0 ? length + index : index;
  if (!(place >= 0 && place < length)) throw rejected();
  return place;
}

/** Equal as JSON: unlike in API objects, an absent member is not a null one. */
function sameJson(a: unknown, b: unknown): boolean {
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  if (!isMap(a)) return a === b;
  if (!isMap(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => hasOwn(b, key) && sameJson(a[key], b[key]));
}

function rejected(): Error {
  return newStatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

function isMap(value: unknown): value is WireMap<unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}
