import { newExpired, newNotFound, newTimeout } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import { CompactedRevisionError, FutureRevisionError, type Key, type Storage, type Stored } from '../storage/storage.ts';
import type { ResourceDefinition } from './definition.ts';
import { decodeContinue, encodeContinue, type ListQuery } from './list-options.ts';
import { type Selection, selectionOf } from './selection.ts';

/** One page of a collection. */
export interface Listed {
  readonly items: readonly Stored[];
  readonly revision: Revision;
  /** '' on the last page. */
  readonly continue: string;
  /** Known only where nothing was filtered. */
  readonly remaining: number | undefined;
}

/** Keys read at once while a limited list looks for matches. */
const chunkSize = 1_000;

/** Prefix of a namespace's objects, or of all when `namespace` is ''. */
export function collectionPrefix({ storage, namespaced }: ResourceDefinition, namespace: string): Key {
  return namespaced && namespace !== '' ? `${storage.prefix}${namespace}/` : storage.prefix;
}

export async function readOne(
  storage: Storage,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  at?: Revision,
): Promise<Stored> {
  const key = collectionPrefix(definition, namespace) + name;
  const { stored, revision } = await storage.get(key);
  if (at !== undefined && at > revision) throw tooLarge(at, revision);
  if (stored === undefined) throw newNotFound(definition, name);
  return stored;
}

/** Lists as k8s.io/apiserver pkg/storage/etcd3 does: exact versions, pages, and the newest state for everything else. */
export async function readList(storage: Storage, definition: ResourceDefinition, namespace: string, query: ListQuery): Promise<Listed> {
  const selection = selectionOf(definition, query);
  const prefix = collectionPrefix(definition, namespace);
  const token = query.continue === '' ? undefined : decodeContinue(query.continue, prefix);
  const exact = token?.revision ?? exactVersion(query);
  if (query.resourceVersion !== undefined && token === undefined) await requireReached(storage, query.resourceVersion);
  try {
    if (selection.name !== undefined && (namespace !== '' || !definition.namespaced) && token === undefined) {
      return await readNamed(storage, prefix + selection.name, selection, exact);
    }
    return await readPage(storage, prefix, selection, { limit: query.limit, at: exact, after: token?.after });
  } catch (error) {
    throw asStatus(error, exact, token !== undefined);
  }
}

function exactVersion({ resourceVersion, resourceVersionMatch, limit }: ListQuery): Revision | undefined {
  if (resourceVersion === undefined || resourceVersionMatch === 'NotOlderThan') return undefined;
  // A limited list with a version and no match is upstream's old way of asking for that very version.
  return resourceVersionMatch === 'Exact' || limit > 0 ? resourceVersion : undefined;
}

async function requireReached(storage: Storage, wanted: Revision): Promise<void> {
  const current = await storage.currentRevision();
  if (wanted > current) throw tooLarge(wanted, current);
}

export function tooLarge(wanted: number, current: number): Error {
  return newTimeout(`Too large resource version: ${wanted}, current: ${current}`, 1, [
    { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' },
  ]);
}

async function readNamed(storage: Storage, key: Key, selection: Selection, at: Revision | undefined): Promise<Listed> {
  const { stored, revision } = await storage.get(key, at === undefined ? {} : { at });
  const items = stored !== undefined && selection.matches(stored.object) ? [stored] : [];
  return { items, revision, continue: '', remaining: undefined };
}

async function readPage(
  storage: Storage,
  prefix: Key,
  selection: Selection,
  page: { readonly limit: number; readonly at: Revision | undefined; readonly after: Key | undefined },
): Promise<Listed> {
  const { limit } = page;
  const items: Stored[] = [];
  let { at, after } = page;
  for (;;) {
    const chunk = limit === 0 ? {} : { limit: selection.everything ? limit : Math.max(limit, chunkSize) };
    const listed = await storage.list(prefix, { ...chunk, ...(at === undefined ? {} : { at }), ...(after === undefined ? {} : { after }) });
    at = listed.revision;
    if (limit === 0 && selection.everything) return { items: listed.items, revision: at, continue: '', remaining: undefined };
    for (let i = 0; i < listed.items.length; i++) {
      const item = listed.items[i];
      if (item === undefined || (!selection.everything && !selection.matches(item.object))) continue;
      items.push(item);
      const unread = listed.items.length - i - 1 + listed.remaining;
      if (limit > 0 && items.length === limit && unread > 0) {
        return {
          items,
          revision: at,
          continue: encodeContinue({ revision: at, lastKey: item.key, prefix }),
          remaining: selection.everything ? unread : undefined,
        };
      }
    }
    after = listed.items.at(-1)?.key;
    if (listed.remaining === 0 || after === undefined) return { items, revision: at, continue: '', remaining: undefined };
  }
}

/** Refusals of the store in the words of the API. */
function asStatus(error: unknown, wanted: Revision | undefined, continued: boolean): unknown {
  if (error instanceof CompactedRevisionError) {
    if (!continued) return newExpired(`The resourceVersion for the provided list is too old.`);
    return newExpired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    );
  }
  if (error instanceof FutureRevisionError && wanted !== undefined) return tooLarge(wanted, error.current);
  return error;
}
