import { getOwn, sortedEntries } from '@coracle/apimachinery';

/**
 * The merge patch (RFC 7396) that makes `after` of `before`; undefined when they are equal. Such a patch can neither write a null nor
 * change one member of a list: null is absence, a list is sent as a whole (client.MergeFrom).
 */
export function mergePatchBetween(before: unknown, after: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(after)) return isSameList(before, after) ? undefined : after;
  if (!isMembers(before) || !isMembers(after)) return before === after ? undefined : after;
  const patch: [string, unknown][] = [];
  for (const [name, value] of sortedEntries(before)) {
    const wanted = getOwn(after, name);
    if (isAbsent(value)) continue;
    const change = isAbsent(wanted) ? null : mergePatchBetween(value, wanted);
    if (change !== undefined) patch.push([name, change]);
  }
  for (const [name, wanted] of sortedEntries(after)) {
    if (!isAbsent(wanted) && isAbsent(getOwn(before, name))) patch.push([name, wanted]);
  }
  return patch.length === 0 ? undefined : Object.fromEntries(patch);
}

type Members = Readonly<Record<string, unknown>>;

function isSameList(before: readonly unknown[], after: readonly unknown[]): boolean {
  return before.length === after.length && before.every((value, i) => mergePatchBetween(value, after[i]) === undefined);
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
