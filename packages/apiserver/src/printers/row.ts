import {
  formatTime,
  type Frozen,
  humanDuration,
  type KubeObject,
  labelMatcher,
  type LabelSelector,
  parseTime,
  sortedEntries,
  type WireMap,
} from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';

/** What the cells of a row need besides the object. */
export interface RowContext {
  readonly nowMs: number;
  /** How long ago a time was, as kubectl shows it; `<unknown>` without one. */
  since(time: string | null | undefined): string;
}

export type Row<T> = (object: T, context: RowContext) => readonly unknown[];

/**
 * The cells of a kind, written against its type. Sound because `decode` has built every object from the facts about the same
 * struct: wrong types were refused.
 */
export function rowOf<T extends KubeObject>(row: Row<T>): Cells {
  return (object, nowMs) => row(object as unknown as T, { nowMs, since: (time) => since(time, nowMs) }); // see above
}

/** Rows that show a name and an age around some cells of their own. */
export function namedRow<T extends KubeObject>(row: Row<T>): Cells {
  return rowOf<T>((object, context) => [
    object.metadata.name ?? '',
    ...row(object, context),
    context.since(object.metadata.creationTimestamp),
  ]);
}

/** Name and time of creation: what kinds without a printer show. */
export const createdAt: Cells = ({ metadata }) => {
  const created = parseTime(metadata.creationTimestamp);
  return [metadata.name ?? '', created === undefined ? null : formatTime(created)];
};

function since(time: string | null | undefined, nowMs: number): string {
  const atMs = parseTime(time ?? undefined);
  return atMs === undefined ? '<unknown>' : humanDuration(nowMs - atMs);
}

export function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : text;
}

/** `a=b,c=d` (labels.FormatLabels). */
export function labelsText(labels: WireMap | undefined): string {
  return orNone(
    sortedEntries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
}

/** `app=kiln,z notin (p,q)`, sorted by key (metav1.FormatLabelSelector). */
export function selectorText(selector: Frozen<LabelSelector> | undefined): string {
  return selector === undefined ? '<none>' : orNone(labelMatcher(selector).toString());
}

/** Names and images of containers, each as a list. */
export function containerCells(
  pod: { readonly containers?: readonly { readonly name: string; readonly image?: string }[] } | undefined,
): readonly string[] {
  const containers = pod?.containers ?? [];
  return [containers.map(({ name }) => name).join(','), containers.map(({ image = '' }) => image).join(',')];
}

/** The first `max` of `all`, and how many more there are. */
export function withMore(all: readonly string[], max: number, separator: string): string {
  const text = all.slice(0, max).join(separator);
  return all.length > max ? `${text} + ${all.length - max} more...` : text;
}

/** Whether a condition of the type holds. */
export function isTrue(conditions: readonly { readonly type: string; readonly status: string }[] | undefined, type: string): boolean {
  return (conditions ?? []).find((condition) => condition.type === type)?.status === 'True';
}
