import type { Frozen, ObjectMeta } from '@coracle/apimachinery';
import type { RowContext } from './row.ts';

/** What the two groups' events have in common, under one set of names. */
export interface EventFacts {
  readonly metadata: Frozen<ObjectMeta>;
  readonly type: string | undefined;
  readonly reason: string | undefined;
  readonly about: { readonly kind?: string; readonly name?: string; readonly fieldPath?: string } | undefined;
  readonly component: string | undefined;
  readonly host: string | undefined;
  readonly controller: string | undefined;
  readonly instance: string | undefined;
  readonly text: string | undefined;
  readonly first: string | null | undefined;
  readonly last: string | null | undefined;
  readonly eventTime: string | null | undefined;
  readonly count: number | undefined;
  readonly series: { readonly count?: number; readonly lastObservedTime?: string } | undefined;
}

/** Cells of an event: last seen, type, reason, object, subobject, source, message, first seen, count, name. */
export function eventCells(event: EventFacts, { since }: RowContext): readonly unknown[] {
  const first = isSet(event.first) ? since(event.first) : since(event.eventTime);
  const last = event.series !== undefined ? since(event.series.lastObservedTime) : isSet(event.last) ? since(event.last) : first;
  const count = event.series?.count ?? event.count ?? 0;
  const { kind = '', name = '', fieldPath = '' } = event.about ?? {};
  const component = firstOf(event.component, event.controller);
  const host = firstOf(event.host, event.instance);
  return [
    last,
    event.type ?? '',
    event.reason ?? '',
    name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
    fieldPath,
    host === '' ? component : `${component}, ${host}`,
    (event.text ?? '').trim(),
    first,
    count === 0 ? 1 : count,
    event.metadata.name ?? '',
  ];
}

function isSet(time: string | null | undefined): boolean {
  return time !== undefined && time !== null && time !== '';
}

function firstOf(text: string | undefined, otherwise: string | undefined): string {
  return text === undefined || text === '' ? (otherwise ?? '') : text;
}
