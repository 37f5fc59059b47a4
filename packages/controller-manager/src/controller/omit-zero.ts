/**
 * `object` without members that are undefined, 0, '' or an empty list, as Go's `omitempty` leaves them out. Statuses are written in
 * this form, so that an unchanged status is an unchanged text. A pointer in Go keeps its zero: add such members afterwards.
 */
export function omitZero<T extends object>(object: T): T {
  const kept = Object.entries(object).filter(
    ([, value]) => value !== undefined && value !== 0 && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(kept) as T; // only optional members hold such values
}
