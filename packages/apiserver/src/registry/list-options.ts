import { FieldError, newBadRequest, newInvalid, newStatusError } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import { revisionOf } from '../storage/storage.ts';

/** Query of a list or watch, parsed (meta/v1 ListOptions). */
export interface ListQuery {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** 0: all. */
  readonly limit: number;
  readonly continue: string;
  /** undefined: not given, or 0 with `anyVersion`. */
  readonly resourceVersion: Revision | undefined;
  /** resourceVersion=0: whatever is at hand. */
  readonly anyVersion: boolean;
  readonly resourceVersionMatch: string;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
}

const listOptionsKind = { group: 'meta.k8s.io', kind: 'ListOptions' };

/** Throws a 400 for what is no number, a 422 for what does not go together (apimachinery internalversion/validation). */
export function parseListQuery(query: ReadonlyMap<string, string>, isWatch: boolean): ListQuery {
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const initial = query.get('sendInitialEvents');
  const sendInitialEvents = initial === undefined ? undefined : parseBoolean(initial);
  const limit = parseInteger(query.get('limit'));
  const timeoutSeconds = parseInteger(query.get('timeoutSeconds'));
  validate({ isWatch, version, match, sendInitialEvents, continues: (query.get('continue') ?? '') !== '' });
  const parsed = version === '' || version === '0' ? undefined : parseResourceVersion(version, isWatch);
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: Math.max(0, limit ?? 0),
    continue: query.get('continue') ?? '',
    resourceVersion: parsed,
    anyVersion: version === '0',
    resourceVersionMatch: match,
    allowWatchBookmarks: parseBoolean(query.get('allowWatchBookmarks') ?? 'false'),
    sendInitialEvents,
    timeoutSeconds,
  };
}

/** As conversion of query parameters does: anything but `0`, `false` and the like is true. */
function parseBoolean(text: string): boolean {
  return text !== '0' && text.toLowerCase() !== 'false';
}

function parseInteger(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw newBadRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw newBadRequest(`strconv.ParseInt: parsing "${text}": value out of range`);
  return value;
}

function parseResourceVersion(text: string, isWatch: boolean): Revision {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return revisionOf(value);
  const message = `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`;
  // Upstream's watch does not map this fault, so that it is an error of the server.
  throw isWatch ? newStatusError(500, '', message) : newBadRequest(`invalid resource version: ${message}`);
}

function validate(query: {
  readonly isWatch: boolean;
  readonly version: string;
  readonly match: string;
  readonly sendInitialEvents: boolean | undefined;
  readonly continues: boolean;
}): void {
  const { isWatch, version, match, sendInitialEvents, continues } = query;
  const faults: FieldError[] = [];
  const field = 'resourceVersionMatch';
  if (isWatch) {
    if (sendInitialEvents !== undefined) {
      if (match !== 'NotOlderThan')
        faults.push(FieldError.forbidden(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
      if (match !== '' && match !== 'NotOlderThan') faults.push(FieldError.notSupported(field, match, ['NotOlderThan']));
    } else if (match !== '')
      faults.push(FieldError.forbidden(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  } else {
    if (sendInitialEvents !== undefined) faults.push(FieldError.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
    if (match !== '') {
      if (version === '') faults.push(FieldError.forbidden(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
      if (continues) faults.push(FieldError.forbidden(field, 'resourceVersionMatch is forbidden when continue is provided'));
      if (match !== 'Exact' && match !== 'NotOlderThan') faults.push(FieldError.notSupported(field, match, ['Exact', 'NotOlderThan', '']));
      if (match === 'Exact' && version === '0')
        faults.push(FieldError.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (faults.length > 0) throw newInvalid(listOptionsKind, '', faults);
}

/** What a continue token holds: the revision that the list shows and the key after which it goes on. */
export interface ContinueToken {
  readonly revision: Revision;
  readonly after: string;
}

const tokenVersion = 'meta.k8s.io/v1';

/** Opaque to clients: base64url of JSON, as upstream's (apiserver pkg/storage/continue.go). `lastKey` begins with `prefix`. */
export function encodeContinue({
  revision: at,
  lastKey,
  prefix,
}: {
  readonly revision: Revision;
  readonly lastKey: string;
  readonly prefix: string;
}): string {
  const start = `${lastKey.slice(prefix.length)}\0`;
  return Buffer.from(JSON.stringify({ v: tokenVersion, rv: at, start })).toString('base64url');
}

/** Throws a 400 for what this server did not make; a start that leaves the collection is refused. */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const refused = (why: string): Error => newBadRequest(`invalid continue token: continue key is not valid: ${why}`);
  const bad = /[^A-Za-z0-9_-]/.exec(text);
  if (bad !== null) throw refused(`illegal base64 data at input byte ${bad.index}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw refused('it does not decode'); // whatever JSON.parse said is of no use to the client
  }
  const { v, rv, start } = (typeof parsed === 'object' ? (parsed ?? {}) : {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== tokenVersion) throw refused('server does not recognize this encoded version "meta.k8s.io/v1"');
  if (typeof start !== 'string' || start === '') throw refused('it has no start');
  if (`/${start}`.split('/').includes('..')) throw refused(start.startsWith('/') ? start : `/${start}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv < 1)
    throw refused(`incorrect encoded start resourceVersion (version ${tokenVersion}): ${String(rv)}`);
  return { revision: revisionOf(rv), after: prefix + start.replace(/\0$/, '') };
}
