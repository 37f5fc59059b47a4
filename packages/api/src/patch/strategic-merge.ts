import { hasOwn, mapFrom } from '@coracle/apimachinery';
import type { TypeShape, TypeTable } from '../type-facts.ts';
import { StrategicMergeError, unknownDirective, wrongType } from './strategic-merge-error.ts';
import { checkOrder, deleteScalars, holdsMaps, isMap, type JsonList, type JsonMap, mergeList, orderItems } from './merge-list.ts';
import { goType } from './go-value.ts';
import { ruleForList, ruleForMap } from './patch-schema.ts';

const deletePrefix = '$deleteFromPrimitiveList';
const orderPrefix = '$setElementOrder';

/**
 * `current`, an object of type `typeName` as JSON, with the strategic merge `patch` applied (apimachinery
 * pkg/util/strategicpatch StrategicMergeMapPatch). Neither argument changes; what the patch leaves alone is shared with
 * `current`, and a patch that changes nothing returns `current` itself.
 *
 * Throws StrategicMergeError, whose `code` says how the API server answers.
 */
export function strategicMergePatch(table: TypeTable, typeName: string, current: unknown, patch: unknown): unknown {
  if (!isMap(current)) throw new TypeError(`A patch changes an object, not a ${typeof current}`);
  if (!isMap(patch))
    throw new StrategicMergeError(`json: cannot unmarshal ${jsonType(patch)} into Go value of type map[string]interface {}`, 400);
  return new Merge(table).map(current, patch, { is: 'struct', name: typeName });
}

class Merge {
  readonly #table: TypeTable;

  constructor(table: TypeTable) {
    this.#table = table;
  }

  map(live: JsonMap, patch: JsonMap, shape: TypeShape): JsonMap {
    if (hasOwn(patch, '$patch')) return obeyDirective(patch);
    const draft = new Map(Object.entries(live));
    retainKeys(draft, patch);
    const done = this.#orderedLists(draft, patch, shape);
    const deletions: (readonly [string, unknown])[] = [];
    for (const [key, value] of Object.entries(patch)) {
      if (key === '$retainKeys' || done.has(key)) continue;
      if (key.startsWith(deletePrefix)) deletions.push([fieldName(key, deletePrefix, 'primitive'), value]);
      else this.#member(draft, key, value, shape, false);
    }
    for (const [name, value] of deletions) this.#member(draft, name, value, shape, true);
    return unlessEqual(live, draft);
  }

  /** `isDeletion`: the value came as `$deleteFromPrimitiveList/key`. */
  #member(draft: Map<string, unknown>, key: string, value: unknown, shape: TypeShape, isDeletion: boolean): void {
    if (value === null) {
      draft.delete(key);
      return;
    }
    const live = draft.get(key);
    if (isMap(live) && isMap(value)) {
      const rule = ruleForMap(this.#table, shape, key);
      draft.set(key, rule.strategy === 'replace' ? value : this.map(live, value, rule.shape));
    } else if (Array.isArray(live) && Array.isArray(value)) {
      draft.set(key, this.#list(live, value, key, shape, isDeletion));
    } else if (goType(live) === goType(value)) {
      draft.set(key, value);
    } else if (!isDeletion) {
      const taken = withoutDirectives(withoutNulls(value));
      if (taken === undefined) draft.delete(key);
      else draft.set(key, taken);
    }
  }

  #list(live: JsonList, sent: JsonList, key: string, shape: TypeShape, isDeletion: boolean): JsonList {
    const rule = ruleForList(this.#table, shape, key);
    if (!isDeletion && rule.strategy !== 'merge') return unlessSame(live, sent);
    if (isDeletion && live.length + sent.length > 0 && !holdsMaps(live, sent)) return unlessSame(live, deleteScalars(live, sent));
    return unlessSame(live, mergeList(live, sent, rule, (item, change) => this.map(item, change, rule.shape)).items);
  }

  /** Merges the lists for which the patch says an order, and returns the keys of the patch that are dealt with by that. */
  #orderedLists(draft: Map<string, unknown>, patch: JsonMap, shape: TypeShape): ReadonlySet<string> {
    const done = new Set<string>();
    for (const [key, order] of Object.entries(patch)) {
      if (!key.startsWith(orderPrefix)) continue;
      done.add(key);
      if (!Array.isArray(order)) throw wrongType('[]interface {}', order);
      const name = fieldName(key, orderPrefix, 'setElementOrder');
      const live = listOrAbsent(draft.has(name), draft.get(name));
      const sent = listOrAbsent(hasOwn(patch, name), patch[name]);
      const rule = ruleForList(this.#table, shape, name);
      checkOrder(sent ?? [], order, rule.mergeKey);
      if (live === undefined && sent === undefined) continue;
      const merged = this.#listToOrder(live, sent, name, shape);
      if (holdsMaps(live ?? [], sent ?? []) && rule.mergeKey === undefined) {
        throw new StrategicMergeError('cannot merge lists without merge key for struct');
      }
      draft.set(name, unlessSame(live, orderItems(merged.items, order, merged.places, rule.mergeKey)));
      done.add(name);
    }
    return done;
  }

  #listToOrder(
    live: JsonList | undefined,
    sent: JsonList | undefined,
    key: string,
    shape: TypeShape,
  ): { items: JsonList; places: JsonList } {
    if (live === undefined) return { items: (withoutDirectives(sent) ?? []) as JsonList, places: [] }; // a list stays a list
    if (sent === undefined) return { items: live, places: live };
    const rule = ruleForList(this.#table, shape, key);
    if (rule.strategy !== 'merge') return { items: sent, places: live };
    return mergeList(live, sent, rule, (item, change) => this.map(item, change, rule.shape));
  }
}

function obeyDirective(patch: JsonMap): JsonMap {
  const { $patch: directive, ...rest } = patch;
  if (directive === 'replace') return rest;
  if (directive === 'delete') return {};
  throw unknownDirective(directive, patch);
}

function retainKeys(draft: Map<string, unknown>, patch: JsonMap): void {
  if (!hasOwn(patch, '$retainKeys')) return;
  const listed: unknown = patch['$retainKeys'];
  if (!Array.isArray(listed)) throw new StrategicMergeError('invalid patch format of retainKeys', 400);
  const keys = new Set<unknown>(listed);
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$retainKeys' || value === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!keys.has(key)) throw new StrategicMergeError('invalid patch format of retainKeys', 400);
  }
  for (const key of draft.keys()) if (!keys.has(key)) draft.delete(key);
}

/** `$setElementOrder/containers` → `containers`. */
function fieldName(key: string, prefix: string, what: string): string {
  if (key[prefix.length] !== '/') throw new StrategicMergeError(`invalid patch format of ${what} list`, 400);
  return key.slice(prefix.length + 1);
}

function listOrAbsent(isThere: boolean, value: unknown): JsonList | undefined {
  if (!isThere) return undefined;
  if (!Array.isArray(value)) throw wrongType('[]interface {}', value);
  return value;
}

/** A value that the object did not have is taken without its nulls; nulls that are items of lists stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMap(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return mapFrom(members.map(([key, member]) => [key, withoutNulls(member)]));
}

/** There is nothing to delete or replace in a new value, so maps with a directive vanish from it. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  if (hasOwn(value, '$patch')) return undefined;
  const members = Object.entries(value).map(([key, member]) => [key, withoutDirectives(member)] as const);
  return mapFrom(members.filter(([, member]) => member !== undefined));
}

function unlessEqual(live: JsonMap, draft: ReadonlyMap<string, unknown>): JsonMap {
  const keys = Object.keys(live);
  return keys.length === draft.size && keys.every((key) => draft.has(key) && Object.is(draft.get(key), live[key])) ? live : mapFrom(draft);
}

function unlessSame(live: JsonList | undefined, merged: JsonList): JsonList {
  return live !== undefined && live.length === merged.length && live.every((item, i) => Object.is(item, merged[i])) ? live : merged;
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}
