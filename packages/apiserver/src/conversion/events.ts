type Fields = Readonly<Record<string, unknown>>;

/** Names of an event's fields in the group events.k8s.io, and in the core group, whose form is stored (pkg/apis/core/v1 and events/v1 conversion). */
const names: readonly (readonly [newer: string, older: string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];
const toOlder: ReadonlyMap<string, string> = new Map(names);
const toNewer: ReadonlyMap<string, string> = new Map(names.map(([newer, older]) => [older, newer]));

export function fromNewEvent(event: Fields): Fields {
  return renamed(event, toOlder);
}

export function toNewEvent(event: Fields): Fields {
  return renamed(event, toNewer);
}

function renamed(event: Fields, to: ReadonlyMap<string, string>): Fields {
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [to.get(name) ?? name, value]));
}
