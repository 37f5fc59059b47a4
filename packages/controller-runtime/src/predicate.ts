import type { Frozen, KubeObject } from '@coracle/apimachinery';

/** Which events are worth a reconcile; an absent member lets all of its kind through (pkg/predicate). */
export interface Predicate<T> {
  create?(object: Frozen<T>): boolean;
  update?(old: Frozen<T>, object: Frozen<T>): boolean;
  delete?(object: Frozen<T>): boolean;
}

/** Only updates of the spec: the status is ours to write, and would call us again. */
export const generationChanged: Predicate<KubeObject> = {
  update: (old, object) => old.metadata.generation !== object.metadata.generation,
};

/** No updates that a resync brings. */
export const resourceVersionChanged: Predicate<KubeObject> = {
  update: (old, object) => old.metadata.resourceVersion !== object.metadata.resourceVersion,
};
