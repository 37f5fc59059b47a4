/**
 * The maps of the wire (labels, annotations, data) are plain objects whose keys anybody may choose. This is the one place
 * that reads and changes them, so that `constructor` and `__proto__` are keys like any other.
 */
export type WireMap<V = string> = Readonly<Record<string, V>>;

/** The value of a key that the map itself has; undefined for all others, those that objects inherit among them. */
export function getOwn<V>(map: WireMap<V> | undefined, key: string): V | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Whether the map itself has the key. */
export function hasOwn(map: WireMap<unknown> | undefined, key: string): boolean {
  return map !== undefined && Object.hasOwn(map, key);
}

const noEntries: readonly never[] = Object.freeze([]);

/** Entries in order of key by bytes, as Go prints maps. */
export function sortedEntries<V>(map: WireMap<V> | undefined): readonly (readonly [key: string, value: V])[] {
  if (map === undefined) return noEntries;
  const entries = Object.entries(map);
  return entries.length < 2 ? entries : entries.sort(([a], [b]) => compareBytes(a, b));
}

/**
 * Order of two strings by the bytes of their UTF-8, Go's order of strings: negative, zero or positive.
 *
 * JavaScript compares UTF-16 units, in which a surrogate pair (beyond U+FFFF) comes before U+E000.
 */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const unit = a.charCodeAt(i);
    const other = b.charCodeAt(i);
    if (unit !== other) return orderOfUnit(unit) - orderOfUnit(other);
  }
  return a.length - b.length;
}

/** Moves the surrogates behind the other units. */
function orderOfUnit(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** A map of own properties, whatever their names. */
export function mapFrom<V>(entries: Iterable<readonly [string, V]>): Record<string, V> {
  const map: Record<string, V> = {};
  for (const [key, value] of entries) setOwn(map, key, value);
  return map;
}

/** `map` with `key` set; the argument stays as it is. */
export function withEntry<V>(map: WireMap<V> | undefined, key: string, value: V): Record<string, V> {
  const copy = mapFrom(Object.entries(map ?? {}));
  setOwn(copy, key, value);
  return copy;
}

/** `map` without `key`; undefined when nothing is left. */
export function withoutEntry<V>(map: WireMap<V> | undefined, key: string): Record<string, V> | undefined {
  const rest = Object.entries(map ?? {}).filter(([other]) => other !== key);
  return rest.length === 0 ? undefined : mapFrom(rest);
}

/** Sets an own property, even `__proto__`, of an object under construction. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}
