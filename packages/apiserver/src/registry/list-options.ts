import { newBadRequest } from '@coracle/apimachinery';
import { type Revision, revision } from '@coracle/etcd';

/** Query of a list or watch, parsed (meta/v1 ListOptions). */
export interface ListQuery {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** 0: all. */
  readonly limit: number;
  readonly continue: string;
  /** undefined: not given. */
  readonly resourceVersion: Revision | undefined;
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan';
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
}

/** What a continue token holds: the revision that the list shows and the key after which it goes on. */
export interface ContinueToken {
  readonly revision: Revision;
  readonly after: string;
}

/** Opaque to clients: base64url of JSON, as upstream's (pkg/storage/continue.go). */
export function encodeContinue(token: { readonly revision: Revision; readonly startKey: string }): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: token.startKey })).toString('base64url');
}

/** `start` is the name (or namespace/name) of the last item; keys that leave the prefix are refused. Throws a 400. */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const refused = (why: string): Error => newBadRequest(`continue key is not valid: ${why}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw refused('it does not decode'); // whatever JSON.parse said is of no use to the client
  }
  const { v, rv, start } = (parsed ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== 'meta.k8s.io/v1' || typeof rv !== 'number' || !Number.isSafeInteger(rv) || typeof start !== 'string') {
    throw refused('it has another form');
  }
  if (start.split('/').includes('..')) throw refused('it leaves the collection');
  return { revision: revision(rv), after: prefix + start };
}
