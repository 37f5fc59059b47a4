import { deepFreeze, type Frozen, newExpired, newInternalError } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';
import type { Process } from '@coracle/kernel';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { ListQuery } from '../registry/list-options.ts';
import { collectionPrefix, tooLarge } from '../registry/reader.ts';
import { type Selection, selectionOf } from '../registry/selection.ts';
import { CompactedRevisionError, type Storage, type StorageChange, type Stored } from '../storage/storage.ts';
import { EventQueue } from './event-queue.ts';

/** One event before it is given a form. `bytes` and `object` are those of the stored version. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly stored: Stored }
  | { readonly type: 'BOOKMARK'; readonly revision: Revision; readonly isEndOfInitial: boolean }
  | { readonly type: 'ERROR'; readonly status: Frozen<unknown> };

export interface WatchRequest {
  readonly process: Process;
  readonly storage: Storage;
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly query: ListQuery;
  readonly signal: AbortSignal;
}

/** Events that wait for a watcher that does not read; one more and it is cut off. */
const maxWaiting = 10_000;
/** Bookmarks come about once a minute (upstream's cacher), watches end between 30 and 60 minutes (--min-request-timeout). */
const bookmarkPeriodMs = 60_000;
const minTimeoutSeconds = 1_800;

/**
 * Events of a collection from a revision on (apiserver pkg/storage/cacher, watch_cache.go): what is there already where the
 * client asks for it, then every change of what it selects. Throws the Status of what cannot be served.
 */
export async function watchCollection(request: WatchRequest): Promise<AsyncIterable<readonly WatchEvent[]>> {
  const { process, storage, definition, query, signal } = request;
  const selection = selectionOf(definition, query);
  const prefix = collectionPrefix(definition, request.namespace);
  const narrow = selection.name !== undefined && (request.namespace !== '' || !definition.namespaced);
  const current = await storage.currentRevision();
  const wantsInitial = query.sendInitialEvents ?? query.resourceVersion === undefined;
  if (query.resourceVersion !== undefined && query.resourceVersion > current && query.sendInitialEvents === true)
    throw tooLarge(query.resourceVersion, current);
  const initial = wantsInitial ? await storage.list(prefix) : undefined;
  const from = initial?.revision ?? query.resourceVersion ?? current;

  const parts: Disposable[] = [];
  const queue = new EventQueue<WatchEvent>({
    limit: maxWaiting,
    onEnd: () => {
      for (const part of parts.splice(0)) part[Symbol.dispose]();
      signal.removeEventListener('abort', onAbort);
    },
  });
  const onAbort = (): void => queue.end('cancelled');
  if (initial !== undefined) {
    queue.start(
      initial.items.filter((item) => selection.everything || selection.matches(item.object)).map((stored) => ({ type: 'ADDED', stored })),
    );
    if (query.sendInitialEvents === true && query.allowWatchBookmarks)
      queue.push([{ type: 'BOOKMARK', revision: initial.revision, isEndOfInitial: true }]);
  }
  try {
    parts.push(
      storage.watch(narrow ? prefix + (selection.name ?? '') : prefix, from, {
        changes(batch) {
          const events: WatchEvent[] = [];
          for (const change of batch) {
            const event = eventOf(change, selection);
            if (event !== undefined) events.push(event);
          }
          if (events.length > 0) queue.push(events);
        },
        ended(why) {
          queue.push([
            {
              type: 'ERROR',
              status: (why === 'compacted'
                ? newExpired('The resourceVersion for the provided watch is too old.')
                : newInternalError('the watch was lost')
              ).status,
            },
          ]);
          queue.end('finished');
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof CompactedRevisionError)) throw error;
    queue.push([{ type: 'ERROR', status: newExpired(`too old resource version: ${from} (${error.compactRevision})`).status }]);
    queue.end('finished');
    return queue;
  }
  const seconds = query.timeoutSeconds ?? minTimeoutSeconds + process.random.below(minTimeoutSeconds);
  // Both drive nothing that is awaited: a watch that is open has reached its goal.
  if (seconds > 0) parts.push(process.clock.timer(seconds * 1000, () => queue.end('finished'), { background: true }));
  if (query.allowWatchBookmarks) parts.push(bookmarks(process, storage, queue));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return queue;
}

/** Tells an idle watcher how far it has seen, so that it can go on from there. */
function bookmarks(process: Process, storage: Storage, queue: EventQueue<WatchEvent>): Disposable {
  let timer: Disposable | undefined;
  let told: Revision = storage.progress();
  const next = (): void => {
    timer = process.clock.timer(
      bookmarkPeriodMs,
      () => {
        const at = storage.progress();
        if (at > told) queue.push([{ type: 'BOOKMARK', revision: at, isEndOfInitial: false }]);
        told = at;
        next();
      },
      { background: true },
    );
  };
  next();
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
}

/** What a change is for a watcher that selects some objects: entering is ADDED, leaving is DELETED. */
function eventOf(change: StorageChange, selection: Selection): WatchEvent | undefined {
  const { current, previous, last } = change;
  const is = current !== undefined && (selection.everything || selection.matches(current.object));
  const was = previous !== undefined && (selection.everything || selection.matches(previous.object));
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', stored: current };
  return was && last !== undefined ? { type: 'DELETED', stored: last } : undefined;
}

/** An object of the collection that says only how far the watcher has seen. */
export function bookmarkObject(
  kind: { readonly kind: string; readonly apiVersion: string },
  at: Revision,
  isEndOfInitial: boolean,
): Frozen<unknown> {
  const annotations = isEndOfInitial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return deepFreeze({ kind: kind.kind, apiVersion: kind.apiVersion, metadata: { resourceVersion: String(at), ...annotations } });
}
