/**
 * `object` with the fields of `defaults` that it lacks: decoding leaves out what Go holds as a zero value, so an absent field is
 * one that upstream's SetDefaults functions would fill. The same object when it lacks none.
 */
export function defaulted<T extends object>(object: T, defaults: Partial<T>): T {
  let lacking: Partial<T> | undefined;
  for (const key in defaults) {
    // A pointer that is always written is null when it is nil.
    if (Object.hasOwn(object, key) && object[key] !== null) continue;
    lacking ??= {};
    lacking[key] = defaults[key];
  }
  return lacking === undefined ? object : { ...object, ...lacking };
}

/** `object` with its field `key` changed, when it has one. The same object when nothing changes. */
export function inField<T extends object, K extends keyof T>(object: T, key: K, change: (value: NonNullable<T[K]>) => T[K]): T {
  const value = object[key];
  if (value === undefined || value === null) return object;
  const changed = change(value);
  return Object.is(changed, value) ? object : { ...object, [key]: changed };
}

/** `list` with every item changed; the same list when no item does. */
export function inEach<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  const changed = list.map(change);
  return changed.every((item, i) => Object.is(item, list[i])) ? list : changed;
}
