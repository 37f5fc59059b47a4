import type { WatchFrame } from '@coracle/apimachinery';
import type { CallOptions, ListOptions, WatchOptions } from '../../rest/options.ts';
import type { ObjectList } from '../../rest/resource-client.ts';

/** A list as it is read; what names its kind is needed only to refuse a Table. */
export interface ListResult<T> extends ObjectList<T> {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
}

/** How a reflector reads (tools/cache ListerWatcher); a `ResourceClient` is one. A watch ends when its signal aborts. */
export interface ListWatch<T> {
  list(options?: ListOptions, io?: CallOptions): Promise<ListResult<T>>;
  watch(options?: WatchOptions, io?: CallOptions): Promise<AsyncIterable<readonly WatchFrame[]>>;
  /** True: it cannot begin a watch with the present objects. Clients of fakes say so. */
  isWatchListSemanticsUnsupported?(): boolean;
}

/** The half of a `ListWatch` that watches (tools/cache Watcher). */
export type Watcher = Pick<ListWatch<unknown>, 'watch'>;

/** `listWatch` with options that `tweak` has changed: a selector, for example (tools/cache NewFilteredListWatchFromClient). */
export function tweakedListWatch<T>(listWatch: ListWatch<T>, tweak: (options: WatchOptions) => WatchOptions): ListWatch<T> {
  return {
    list: (options = {}, io = {}) => listWatch.list(tweak(options), io),
    watch: (options = {}, io = {}) => listWatch.watch(tweak(options), io),
    isWatchListSemanticsUnsupported: () => doesNotSupportWatchList(listWatch),
  };
}

/** `listWatch` that is told what the caller has and needs of the objects. */
export function readingListWatch<T>(listWatch: ListWatch<T>, reading: Omit<CallOptions, 'signal'>): ListWatch<T> {
  return {
    list: (options, io) => listWatch.list(options, { ...io, ...reading }),
    watch: (options, io) => listWatch.watch(options, { ...io, ...reading }),
    isWatchListSemanticsUnsupported: () => doesNotSupportWatchList(listWatch),
  };
}

/** Whether lists have to be read page by page (client-go util/watchlist DoesClientNotSupportWatchListSemantics). */
export function doesNotSupportWatchList(client: object): boolean {
  return (client as Partial<ListWatch<unknown>>).isWatchListSemanticsUnsupported?.() ?? false; // whatever it is, it may say so
}

/**
 * The watch that streams what `list` would read; undefined when no watch means the same (client-go util/watchlist
 * PrepareWatchListOptionsFromListOptions). A limit is dropped only at resourceVersion "0", where servers' caches ignore it.
 */
export function watchListOptions(list: ListOptions): WatchOptions | undefined {
  const { limit = 0, continue: token = '', resourceVersion = '', resourceVersionMatch: match = '' } = list;
  if (token !== '' || match === 'Exact') return undefined;
  if (match !== '' && (resourceVersion === '' || match !== 'NotOlderThan')) return undefined;
  if (limit > 0 && resourceVersion !== '0') return undefined;
  const { limit: _limit, continue: _continue, ...rest } = list;
  return { ...rest, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true, sendInitialEvents: true };
}
