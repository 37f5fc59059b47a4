import { hasOwn, mapFrom, setOwn } from '../maps.ts';

/** JSON merge patch (RFC 7386): members of `patch` replace those of `document`, null removes. Shares what does not change. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const target = isObject(document) ? document : {};
  const merged = mapFrom(Object.entries(target).filter(([key]) => !hasOwn(patch, key) || patch[key] !== null));
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null) setOwn(merged, key, applyMergePatch(hasOwn(target, key) ? target[key] : undefined, value));
  }
  return merged;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
