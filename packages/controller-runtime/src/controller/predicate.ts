import { type Frozen, type KubeObject, type LabelMatcher, type ObjectMeta, semanticEqual } from '@coracle/apimachinery';

/** Which events are worth a reconcile; an absent member lets all of its kind through (pkg/predicate). */
export interface Predicate<T> {
  create?(object: Frozen<T>): boolean;
  update?(old: Frozen<T>, object: Frozen<T>): boolean;
  delete?(object: Frozen<T>): boolean;
  /** Of events that are none of the API: see `ChannelSource`. */
  generic?(object: Frozen<T>): boolean;
}

/** Only updates of the spec: the status is ours to write, and would call us again. */
export const generationChanged: Predicate<KubeObject> = changed((old, { generation }) => old.generation !== generation);

/** No updates that a resync brings. */
export const resourceVersionChanged: Predicate<KubeObject> = changed((old, { resourceVersion }) => old.resourceVersion !== resourceVersion);

/** Only updates of labels. */
export const labelsChanged: Predicate<KubeObject> = changed((old, { labels }) => !semanticEqual(old.labels, labels));

/** Only updates of annotations. */
export const annotationsChanged: Predicate<KubeObject> = changed((old, { annotations }) => !semanticEqual(old.annotations, annotations));

/**
 * Only updates of what `isChanged` compares. When nobody was told that an object went and came again, that is an update as well; it is
 * always let through, which upstream does not do: the new object would not be seen where it equals the old one.
 */
function changed(isChanged: (old: Frozen<ObjectMeta>, metadata: Frozen<ObjectMeta>) => boolean): Predicate<KubeObject> {
  return { update: ({ metadata: old }, { metadata }) => old.uid !== metadata.uid || isChanged(old, metadata) };
}

/** Events of objects that `holds` is true for; of an update, its new state. */
export function where<T>(holds: (object: Frozen<T>) => boolean): Predicate<T> {
  return { create: holds, update: (_old, object) => holds(object), delete: holds, generic: holds };
}

/** Events of objects whose labels match. An object that loses the label is no longer seen: its last event is of the old state. */
export function labelsMatch(matcher: LabelMatcher): Predicate<KubeObject> {
  return where(({ metadata }) => matcher.matches(metadata.labels ?? {}));
}

/** Events that all of them let through. */
export function and<T>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return combined((ask) => predicates.every(ask));
}

/** Events that one of them lets through. */
export function or<T>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return combined((ask) => predicates.some(ask));
}

/** Events that it does not let through. */
export function not<T>(predicate: Predicate<T>): Predicate<T> {
  return combined((ask) => !ask(predicate));
}

function combined<T>(decide: (ask: (predicate: Predicate<T>) => boolean) => boolean): Predicate<T> {
  return {
    create: (object) => decide((predicate) => predicate.create?.(object) ?? true),
    update: (old, object) => decide((predicate) => predicate.update?.(old, object) ?? true),
    delete: (object) => decide((predicate) => predicate.delete?.(object) ?? true),
    generic: (object) => decide((predicate) => predicate.generic?.(object) ?? true),
  };
}
