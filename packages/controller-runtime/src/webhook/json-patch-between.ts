import { getOwn, hasOwn, sortedEntries } from '@coracle/apimachinery';

/** One operation of a JSON patch (RFC 6902), of those that a difference needs. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * Operations that make `after` of `before`, as few as a comparison member by member finds; none when they are equal. Members that are
 * `undefined` are absent, as in JSON. Lists are compared between what they have in common at their start and end.
 */
export function jsonPatchBetween(before: unknown, after: unknown): readonly JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  compare(before, after, '', operations);
  return operations;
}

type Members = Readonly<Record<string, unknown>>;

function compare(before: unknown, after: unknown, path: string, operations: JsonPatchOperation[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations);
  else if (isMembers(before) && isMembers(after)) compareMembers(before, after, path, operations);
  else operations.push({ op: 'replace', path, value: after });
}

function compareMembers(before: Members, after: Members, path: string, operations: JsonPatchOperation[]): void {
  for (const [name, value] of sortedEntries(before)) {
    const at = `${path}/${escaped(name)}`;
    const wanted = hasOwn(after, name) ? getOwn(after, name) : undefined;
    if (value === undefined) continue;
    if (wanted === undefined) operations.push({ op: 'remove', path: at });
    else compare(value, wanted, at, operations);
  }
  for (const [name, value] of sortedEntries(after)) {
    const isNew = value !== undefined && (!hasOwn(before, name) || getOwn(before, name) === undefined);
    if (isNew) operations.push({ op: 'add', path: `${path}/${escaped(name)}`, value });
  }
}

function compareLists(before: readonly unknown[], after: readonly unknown[], path: string, operations: JsonPatchOperation[]): void {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isSame(before[before.length - 1 - end], after[after.length - 1 - end])) end++;
  const removed = before.length - end - start;
  const added = after.length - end - start;
  const both = Math.min(removed, added);
  for (let i = start; i < start + both; i++) compare(before[i], after[i], `${path}/${i}`, operations);
  // From the end, so that the places of those before stay.
  for (let i = start + removed - 1; i >= start + both; i--) operations.push({ op: 'remove', path: `${path}/${i}` });
  for (let i = start + both; i < start + added; i++) operations.push({ op: 'add', path: `${path}/${i}`, value: after[i] });
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || jsonPatchBetween(a, b).length === 0;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As a segment of a JSON pointer (RFC 6901). */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
