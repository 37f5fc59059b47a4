import {
  type Frozen,
  getOwn,
  isResourceExpired,
  isTimeout,
  isTooManyRequests,
  type Status,
  StatusError,
  TransportError,
  type WatchFrame,
  statusErrorOf,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { CallOptions, ListOptions, WatchOptions } from '../../rest/options.ts';
import type { ObjectList } from '../../rest/resource-client.ts';
import { Backoff } from '../../util/backoff.ts';
import { metaNamespaceKey, metaOf } from './keys.ts';

/** How a reflector reads; a `ResourceClient` is one. */
export interface ListWatch<T> {
  list(options?: ListOptions, io?: CallOptions): Promise<ObjectList<T>>;
  watch(options?: WatchOptions, io?: CallOptions): Promise<AsyncIterable<readonly WatchFrame[]>>;
}

/** Where a reflector writes. */
export interface ReflectorStore<T> {
  add(object: Frozen<T>): void;
  update(object: Frozen<T>): void;
  delete(object: Frozen<T>): void;
  replace(objects: readonly Frozen<T>[], resourceVersion: string): void;
}

export interface ReflectorOptions<T> {
  readonly process: Process;
  /** What is read, for logs: `pods`. */
  readonly name: string;
  readonly listWatch: ListWatch<T>;
  readonly store: ReflectorStore<T>;
  /** Called after the changes of a batch, or of a list, were written to the store. */
  readonly onBatch?: () => void;
  /** Told of every cycle that ended with an error. Default: the log. Must be quick. */
  readonly onError?: (error: Error) => void;
  /** False: list and watch without trying to stream the list. Default true. */
  readonly watchList?: boolean;
}

/** Ends the initial events of a stream that began with them. */
const initialEventsEnd = 'k8s.io/initial-events-end';
const pageSize = 500;
/** A watch that ends sooner, without an event, counts as a failure: else a broken server would be asked in a hot loop. */
const shortestWatchMs = 1000;

/** How a watch ended, when the reflector knows what to do about it. */
type WatchEnd = 'closed' | 'very-short' | 'unavailable' | 'expired';

/** Objects of a streamed list before its end; undefined once the end was seen. */
interface InitialEvents<T> {
  objects: Map<string, Frozen<T>> | undefined;
}

/**
 * Keeps a store equal to what the server holds (tools/cache reflector.go). It streams the list and goes on with the same
 * stream, or lists in pages and then watches; a broken watch goes on from the last version seen; a version that the server
 * has dropped leads to a new list. It never gives up: errors only make it wait, 800 ms to 30 s and jitter.
 */
export class Reflector<T> {
  readonly #process: Process;
  readonly #name: string;
  readonly #listWatch: ListWatch<T>;
  readonly #store: ReflectorStore<T>;
  readonly #onBatch: () => void;
  readonly #onError: (error: Error) => void;
  readonly #watchList: boolean;
  readonly #backoff: Backoff;
  #lastSyncResourceVersion = '';
  #isLastSyncResourceVersionUnavailable = false;
  #paginatesAlways = false;

  constructor(options: ReflectorOptions<T>) {
    this.#process = options.process;
    this.#name = options.name;
    this.#listWatch = options.listWatch;
    this.#store = options.store;
    this.#onBatch = options.onBatch ?? (() => {});
    this.#onError =
      options.onError ?? ((error) => this.#process.log.warn('Reflector failed', { resource: this.#name, error: error.message }));
    this.#watchList = options.watchList ?? true;
    this.#backoff = new Backoff(options.process, { baseMs: 800, factor: 2, capMs: 30_000, jitter: 1, resetAfterMs: 120_000 });
  }

  /** The version up to which the store is known to be complete; '' before the first list. */
  get lastSyncResourceVersion(): string {
    return this.#lastSyncResourceVersion;
  }

  /** Works until `signal` aborts; resolves then, whatever was going on. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#listAndWatch(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#onError(error instanceof Error ? error : new Error(String(error)));
      }
      await this.#pause(signal);
    }
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    let end = this.#watchList ? await this.#streamList(signal) : undefined;
    if (end === undefined) {
      await this.#list(signal);
      end = 'closed';
    }
    while (!signal.aborted) {
      if (end === 'expired') return;
      if (end === 'very-short') throw new Error(`Watch of ${this.#name} ended within ${shortestWatchMs} ms without an event`);
      if (end === 'unavailable') await this.#pause(signal);
      if (signal.aborted) return;
      end = await this.#watch({ resourceVersion: this.#lastSyncResourceVersion }, { objects: undefined }, signal);
    }
  }

  /** Streams the list and goes on watching. Undefined: the server would not; this cycle has to list. */
  async #streamList(signal: AbortSignal): Promise<WatchEnd | undefined> {
    while (!signal.aborted) {
      const initial: InitialEvents<T> = { objects: new Map() };
      const resourceVersion = this.#isLastSyncResourceVersionUnavailable ? '' : this.#lastSyncResourceVersion;
      const options: WatchOptions = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', resourceVersion };
      let end: WatchEnd;
      try {
        end = await this.#watch(options, initial, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (initial.objects === undefined) throw error;
        if (!isTooLargeResourceVersion(error) || this.#isLastSyncResourceVersionUnavailable) {
          this.#process.log.debug('Cannot stream the list, listing', { resource: this.#name, error: String(error) });
          return undefined;
        }
        end = 'expired';
      }
      if (initial.objects === undefined) return end;
      if (end === 'expired' && !this.#isLastSyncResourceVersionUnavailable) this.#isLastSyncResourceVersionUnavailable = true;
      else await this.#pause(signal);
    }
    return 'closed';
  }

  async #list(signal: AbortSignal): Promise<void> {
    const resourceVersion = this.#lastSyncResourceVersion === '' ? '0' : this.#lastSyncResourceVersion;
    let listed: ObjectList<T>;
    try {
      listed = await this.#listPages(this.#isLastSyncResourceVersionUnavailable ? '' : resourceVersion, signal);
    } catch (error) {
      if (!isResourceExpired(error) && !isTooLargeResourceVersion(error)) throw error;
      this.#isLastSyncResourceVersionUnavailable = true;
      listed = await this.#listPages('', signal);
    }
    this.#replace(listed.items, listed.metadata.resourceVersion ?? '');
    this.#onBatch();
  }

  async #listPages(resourceVersion: string, signal: AbortSignal): Promise<ObjectList<T>> {
    // At a version of its own a list can be served from the server's watch cache, which does not paginate.
    const paginates = this.#paginatesAlways || resourceVersion === '' || resourceVersion === '0';
    const first = await this.#listWatch.list({ resourceVersion, ...(paginates ? { limit: pageSize } : {}) }, { signal });
    let next = first.metadata.continue;
    if (next === undefined || next === '') return first;
    if (resourceVersion === '0') this.#paginatesAlways = true;
    const items = [...first.items];
    while (next !== undefined && next !== '') {
      try {
        const page: ObjectList<T> = await this.#listWatch.list({ limit: pageSize, continue: next }, { signal });
        items.push(...page.items);
        next = page.metadata.continue;
      } catch (error) {
        if (!isResourceExpired(error)) throw error;
        return this.#listWatch.list({ resourceVersion }, { signal }); // the pages became too old: all at once
      }
    }
    return { metadata: first.metadata, items };
  }

  /** One watch until it ends. Throws what the cycle cannot handle by itself. */
  async #watch(options: WatchOptions, initial: InitialEvents<T>, signal: AbortSignal): Promise<WatchEnd> {
    const { clock, random } = this.#process;
    const startedMs = clock.monotonic();
    let frames = 0;
    try {
      const timeoutSeconds = 300 + random.below(301);
      const events = await this.#listWatch.watch({ allowWatchBookmarks: true, timeoutSeconds, ...options }, { signal });
      for await (const batch of events) {
        for (const frame of batch) {
          frames++;
          this.#apply(frame, initial);
        }
        if (initial.objects === undefined) this.#onBatch();
        if (signal.aborted) return 'closed';
      }
    } catch (error) {
      if (signal.aborted) return 'closed';
      if (isResourceExpired(error)) return 'expired';
      if (isTooManyRequests(error)) return 'unavailable';
      if (!(error instanceof TransportError)) throw error;
      if (error.executed === 'no') return 'unavailable';
      if (initial.objects !== undefined) throw error;
      // Otherwise the connection broke: no different from an end.
    }
    return frames === 0 && clock.monotonic() - startedMs < shortestWatchMs ? 'very-short' : 'closed';
  }

  #apply(frame: WatchFrame, initial: InitialEvents<T>): void {
    if (frame.type === 'ERROR') throw new StatusError(frame.object as Status); // an ERROR frame carries a Status
    const { resourceVersion = '', annotations } = metaOf(frame.object);
    const object = frame.object as Frozen<T>; // what was watched is of the type that was asked for
    if (initial.objects !== undefined) {
      if (frame.type !== 'BOOKMARK') {
        const key = metaNamespaceKey({ metadata: metaOf(object) });
        if (frame.type === 'DELETED') initial.objects.delete(key);
        else initial.objects.set(key, object);
      } else if (getOwn(annotations, initialEventsEnd) === 'true') {
        const objects = [...initial.objects.values()];
        initial.objects = undefined;
        this.#replace(objects, resourceVersion);
      }
      return;
    }
    switch (frame.type) {
      case 'ADDED':
        this.#store.add(object);
        break;
      case 'MODIFIED':
        this.#store.update(object);
        break;
      case 'DELETED':
        this.#store.delete(object);
        break;
      case 'BOOKMARK':
        break;
    }
    this.#lastSyncResourceVersion = resourceVersion;
  }

  #replace(objects: readonly Frozen<T>[], resourceVersion: string): void {
    this.#store.replace(objects, resourceVersion);
    this.#lastSyncResourceVersion = resourceVersion;
    this.#isLastSyncResourceVersionUnavailable = false;
  }

  /** Foreground: a reflector that waits to try again has not reached its goal. */
  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#process.clock.sleep(this.#backoff.next(), { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** The server has not reached the version asked for: its storage was restored, or we talk to another one now. */
function isTooLargeResourceVersion(error: unknown): boolean {
  if (!isTimeout(error)) return false;
  const status = statusErrorOf(error)?.status;
  const causes = status?.details?.causes ?? [];
  return causes.some((cause) => cause.reason === 'ResourceVersionTooLarge') || status?.message?.includes('Too large resource version') === true;
}
