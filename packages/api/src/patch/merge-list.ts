import { getOwn, hasOwn } from '@coracle/apimachinery';
import { StrategicMergeError, noMergeKey, unknownDirective, wrongType } from './strategic-merge-error.ts';
import { goKind, type PatchRule } from './patch-schema.ts';
import { goType, goValue } from './go-value.ts';

export type JsonMap = Readonly<Record<string, unknown>>;
export type JsonList = readonly unknown[];

export interface ListMerge {
  readonly items: JsonList;
  /** The order of the server's list, by which items that the patch does not name keep their place. */
  readonly places: JsonList;
}

/** The changed list under strategy `merge`; `mergeItem` merges two items of one key. */
export function mergeList(
  live: JsonList,
  sent: JsonList,
  rule: PatchRule,
  mergeItem: (live: JsonMap, sent: JsonMap) => JsonMap,
): ListMerge {
  if (live.length === 0 && sent.length === 0) return { items: live, places: live };
  if (!holdsMaps(live, sent)) {
    return { items: orderItems([...new Set([...live, ...sent])], sent, live, undefined), places: live };
  }
  const { mergeKey } = rule;
  if (mergeKey === undefined) throw new StrategicMergeError(`cannot merge lists without merge key for ${goKind(rule.shape)}`);
  const { kept, changes, replaced } = obeyDirectives(live as readonly JsonMap[], sent as readonly JsonMap[], mergeKey); // holdsMaps
  if (replaced) return { items: changes, places: kept };
  const items = [...kept];
  for (const change of changes) {
    if (!hasOwn(change, mergeKey)) throw noMergeKey(change, mergeKey);
    const at = items.findIndex((item) => hasOwn(item, mergeKey) && item[mergeKey] === change[mergeKey]);
    const found = items[at];
    if (found === undefined) items.push(change);
    else items[at] = mergeItem(found, change);
  }
  // Upstream deletes and appends within the array behind the live list, so that as many new items as were deleted ones count
  // as the server's when $setElementOrder orders the result.
  const freed = live.length - kept.length;
  return { items: orderItems(items, changes, kept, mergeKey), places: items.slice(0, kept.length + freed) };
}

/** The list without the scalars in `doomed` ($deleteFromPrimitiveList). */
export function deleteScalars(live: JsonList, doomed: JsonList): JsonList {
  const values = new Set(doomed);
  return live.filter((item) => !values.has(item));
}

/**
 * `items` with those that `order` names in its order. The others stay in order; one of them comes before a named item only
 * where both are in `places` and it was before: new items go in front. Without `mergeKey`, items are scalars.
 */
export function orderItems(items: JsonList, order: JsonList, places: JsonList, mergeKey: string | undefined): JsonList {
  if (mergeKey !== undefined) {
    const odd = order.findIndex((item) => !isMap(item));
    if (odd >= 0) throw new StrategicMergeError(`value for key ${odd} is not a map`);
  }
  const rank = positions(order, mergeKey);
  const place = positions(places, mergeKey);
  const keys = new Map(items.map((item) => [item, keyOf(item, mergeKey)]));
  const rankOf = (item: unknown): number => rank.get(keys.get(item)) ?? -1;
  const placeOf = (item: unknown): number => place.get(keys.get(item)) ?? -1;
  const named = items.filter((item) => rankOf(item) >= 0).sort((a, b) => rankOf(a) - rankOf(b));
  const others = items.filter((item) => rankOf(item) < 0);
  const ordered: unknown[] = [];
  let next = 0;
  for (const item of named) {
    for (; next < others.length; next++) {
      const before = placeOf(others[next]);
      if (before < 0 || before >= placeOf(item)) break;
      ordered.push(others[next]);
    }
    ordered.push(item);
  }
  return [...ordered, ...others.slice(next)];
}

/** Throws unless what the patch says of items is a subsequence of the order that it asks for; deletions do not count. */
export function checkOrder(sent: JsonList, order: JsonList, mergeKey: string | undefined): void {
  if (sent.length === 0 || order.length === 0) return;
  if (mergeKey !== undefined) for (const item of sent) if (!isMap(item)) throw wrongType('map[string]interface {}', item);
  const changes = sent.filter((item) => !isMap(item) || !hasOwn(item, '$patch'));
  let matched = 0;
  for (const item of order) {
    if (matched === changes.length) return;
    if (keyOf(changes[matched], mergeKey) === keyOf(item, mergeKey)) matched++;
  }
  if (matched === changes.length) return;
  throw new StrategicMergeError(`The order in patch list:\n${goValue(sent)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`);
}

/** Whether the items are maps. Throws where they are lists, or not all of one type. */
export function holdsMaps(...lists: readonly JsonList[]): boolean {
  const items = lists.flat();
  const [first] = items;
  if (first === undefined) throw new StrategicMergeError('no elements in any of the given slices');
  if (Array.isArray(first)) throw new StrategicMergeError('lists of lists are not supported', 422);
  const type = goType(first);
  if (items.some((item) => goType(item) !== type)) throw new StrategicMergeError(`list element types are not identical: ${goValue(lists)}`);
  return isMap(first);
}

export function isMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface ObeyedDirectives {
  /** The live items that were not deleted. */
  readonly kept: readonly JsonMap[];
  /** What the patch holds beside directives. */
  readonly changes: readonly JsonMap[];
  readonly replaced: boolean;
}

function obeyDirectives(live: readonly JsonMap[], sent: readonly JsonMap[], mergeKey: string): ObeyedDirectives {
  const deleted = new Set<unknown>();
  let replaced = false;
  for (const item of sent) {
    if (!hasOwn(item, '$patch')) continue;
    switch (item['$patch']) {
      case 'delete':
        if (!hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
        deleted.add(item[mergeKey]);
        break;
      case 'replace':
        replaced = true;
        break;
      case 'merge':
        throw new StrategicMergeError('merging lists cannot yet be specified in the patch');
      default:
        throw unknownDirective(item['$patch'], item);
    }
  }
  return {
    kept: deleted.size === 0 ? live : live.filter((item) => !hasOwn(item, mergeKey) || !deleted.has(item[mergeKey])),
    changes: sent.filter((item) => !hasOwn(item, '$patch')),
    replaced,
  };
}

/** First position of each key. */
function positions(list: JsonList, mergeKey: string | undefined): ReadonlyMap<unknown, number> {
  const found = new Map<unknown, number>();
  for (const [i, item] of list.entries()) {
    const key = keyOf(item, mergeKey);
    if (!found.has(key)) found.set(key, i);
  }
  return found;
}

function keyOf(item: unknown, mergeKey: string | undefined): unknown {
  if (mergeKey === undefined) return item;
  if (!isMap(item)) throw wrongType('map[string]interface {}', item);
  if (!hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
  return getOwn(item, mergeKey);
}
