/**
 * Whether two wire values mean the same (apimachinery equality.Semantic): absent, null, empty list and empty map are equal
 * as members of an object.
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true; // of JSON, which has no NaN; 0 and -0 are equal
  if (typeof a !== 'object' || typeof b !== 'object') return isEmpty(a) && isEmpty(b);
  if (a === null || b === null) return isEmpty(a) && isEmpty(b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b)) return isEmpty(a) && isEmpty(b);
    return a.length === b.length && a.every((item, i) => semanticEqual(item, b[i]));
  }
  return Object.keys(a).every((key) => semanticEqual(memberOf(a, key), memberOf(b, key))) &&
    Object.keys(b).every((key) => Object.hasOwn(a, key) || isEmpty(memberOf(b, key)));
}

/**
 * Whether two wire values are the same when they are written: an empty list or map is another value than none, `undefined` is none.
 * What Go leaves out where it is empty is not there any more in what was decoded (etcd3 store.go compares what it would write).
 */
export function wireEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true; // of JSON, which has no NaN; 0 and -0 are equal
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => wireEqual(item, b[i]));
  return (
    Object.keys(a).every((key) => wireEqual(memberOf(a, key), memberOf(b, key))) &&
    Object.keys(b).every((key) => Object.hasOwn(a, key) || memberOf(b, key) === undefined)
  );
}

function memberOf(map: object, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key as keyof typeof map] : undefined;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
