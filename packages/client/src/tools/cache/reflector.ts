import {
  type Frozen,
  getOwn,
  isInternalError,
  isTooManyRequests,
  type Status,
  StatusError,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { WatchOptions } from '../../rest/options.ts';
import { Backoff, type BackoffOptions } from '../../util/backoff.ts';
import { ListPager } from '../pager/list-pager.ts';
import { checkStreamedList, isDetectorOn } from './consistency-detector.ts';
import { Store } from './indexer.ts';
import { metaOf } from './keys.ts';
import { doesNotSupportWatchList, type ListResult, type ListWatch } from './list-watch.ts';
import { isExpired, isRetriableWatchError, isTooLargeResourceVersion, VeryShortWatchError } from './reflector-errors.ts';
import type { ReflectorStore } from './reflector-store.ts';
import { RetryWithDeadline } from './retry-with-deadline.ts';
import { WatchStream } from './watch-stream.ts';

/** What a `Reflector` reads, and how (tools/cache ReflectorOptions). */
export interface ReflectorOptions<T> {
  readonly process: Process;
  /** What is read, for logs: `pods`. */
  readonly name: string;
  readonly listWatch: ListWatch<T>;
  readonly store: ReflectorStore<T>;
  /** What the events have to be of; others are reported and skipped. Default: anything. */
  readonly expected?: { readonly apiVersion: string; readonly kind: string } | undefined;
  /** Called after the changes of a batch, or of a list, were written to the store. */
  readonly onBatch?: () => void;
  /** Told of every cycle that ended with an error. Default: the log. Must be quick. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** False: list and watch without trying to stream the list. Default true, unless the `listWatch` cannot. */
  readonly watchList?: boolean | undefined;
  /**
   * Lists what was streamed once more and stops the process when that is something else. Default: as the environment variable
   * KUBE_WATCHLIST_INCONSISTENCY_DETECTOR says, as upstream; off.
   */
  readonly detectsInconsistency?: boolean | undefined;
  /** How often `shouldResync` is asked whether to resync the store. 0: never, the default. */
  readonly resyncPeriodMs?: number | undefined;
  /** Default: always. */
  readonly shouldResync?: () => boolean;
  /** Objects of one page of a list. Default: 500 where a list is not served from the server's cache anyway, else all at once. */
  readonly pageSize?: number | undefined;
  /** A watch lasts between this and twice this at most; less than 300, the default, is not honoured. */
  readonly minWatchTimeoutSeconds?: number | undefined;
  /** How long a watch that ends with InternalError is simply made again. Default 0: never. */
  readonly maxInternalErrorRetryMs?: number | undefined;
  /** Waits between cycles. Default: 800 ms, doubling to 30 s, jitter 1, as the first again after two minutes without one. */
  readonly backoff?: BackoffOptions | undefined;
}

/** Ends the initial events of a stream that began with them. */
const initialEventsEnd = 'k8s.io/initial-events-end';
const defaultWatchTimeoutSeconds = 300;
const shortestWatchMs = 1000;
const missingMarkWarningMs = 10_000;
const defaultBackoff: BackoffOptions = { baseMs: 800, factor: 2, capMs: 30_000, jitter: 1, resetAfterMs: 120_000 };

/**
 * Keeps a store equal to what the server holds (tools/cache reflector.go). It streams the list and goes on with the same
 * stream, or lists in pages and then watches; a broken watch goes on from the last version seen; a version that the server
 * has dropped leads to a new list. It never gives up: errors only make it wait.
 *
 * Two differences from upstream, both against hot loops: a streamed list that ended too early is asked for again after a wait, and waits
 * grow without being reset in the midst of a long trouble.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #process: Process;
  readonly #store: ReflectorStore<T>;
  readonly #watchList: boolean;
  readonly #backoff: Backoff;
  readonly #detectsInconsistency: boolean;
  #lastSyncResourceVersion = '';
  #isLastSyncResourceVersionUnavailable = false;
  #isPaginated = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#process = options.process;
    this.#store = options.store;
    this.#watchList = (options.watchList ?? true) && !doesNotSupportWatchList(options.listWatch);
    this.#detectsInconsistency = options.detectsInconsistency ?? isDetectorOn(globalThis.process.env);
    this.#backoff = new Backoff(options.process, options.backoff ?? defaultBackoff);
  }

  get name(): string {
    return this.#options.name;
  }

  /** The version up to which the store is known to be complete; '' before the first list. */
  get lastSyncResourceVersion(): string {
    return this.#lastSyncResourceVersion;
  }

  /** Works until `signal` aborts; resolves then, whatever was going on. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.listAndWatch(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error instanceof Error ? error : new Error(String(error)));
      }
      await this.#pause(signal);
    }
  }

  /** One cycle: a list, and watches until one ends in a way that asks for a new list. Throws when nothing could be read. */
  async listAndWatch(signal: AbortSignal): Promise<void> {
    let stream: WatchStream | undefined;
    if (this.#watchList) stream = await this.#streamList(signal);
    if (stream === undefined && !signal.aborted) await this.#list(signal);
    await this.#follow(stream, signal);
  }

  #failed(error: Error): void {
    const { onError, name } = this.#options;
    if (onError !== undefined) onError(error);
    else if (isExpired(error)) this.#process.log.debug('Watch closed', { resource: name, error: error.message });
    else this.#process.log.warn('Reflector failed', { resource: name, error: error.message });
  }

  /** Streams the list; the stream goes on with what happens next. Undefined: this cycle has to list, or is over. */
  async #streamList(signal: AbortSignal): Promise<WatchStream | undefined> {
    while (!signal.aborted) {
      const wasUnavailable = this.#isLastSyncResourceVersionUnavailable;
      const gathered = new Store<T>({ transform: this.#store.transform });
      const stream = new WatchStream(this.#process.clock, signal);
      let isComplete = false;
      try {
        await stream.open(this.#options.listWatch, {
          ...this.#watchOptions(wasUnavailable ? '' : this.#lastSyncResourceVersion),
          sendInitialEvents: true,
          resourceVersionMatch: 'NotOlderThan',
        });
        let resourceVersion = '';
        isComplete = await this.#readToMark(stream, gathered, (version) => {
          resourceVersion = version;
        });
        if (isComplete && this.#detectsInconsistency) await this.#check(gathered, resourceVersion, signal);
        if (isComplete && !signal.aborted) {
          this.#isLastSyncResourceVersionUnavailable = false;
          this.#store.replace(gathered.list(), resourceVersion, true);
          this.#lastSyncResourceVersion = resourceVersion;
          this.#options.onBatch?.();
        }
      } catch (error) {
        await stream.end();
        if (signal.aborted) return undefined;
        if (isExpired(error) || isTooLargeResourceVersion(error)) {
          this.#isLastSyncResourceVersionUnavailable = true;
          if (wasUnavailable) await this.#pause(signal);
        } else if (isRetriableWatchError(error)) await this.#waitOut(error, signal);
        else {
          this.#process.log.debug('Cannot stream the list, listing', { resource: this.name, error: String(error) });
          return undefined;
        }
        continue;
      }
      if (isComplete) return stream;
      await stream.end();
      await this.#pause(signal);
    }
    return undefined;
  }

  /** An inconsistency is reported like a throw that nobody takes. */
  async #check(gathered: Store<T>, resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { listWatch } = this.#options;
    const { transform } = this.#store;
    try {
      await checkStreamedList(
        { process: this.#process, name: this.name, listWatch, transform, objects: gathered.list(), resourceVersion },
        signal,
      );
    } catch (error) {
      this.#process.post({ lane: `informer ${this.name}`, op: 'inconsistent' }, () => {
        throw error;
      });
    }
  }

  /** Watches from the last version again and again. Resolves when only a new list can help. */
  async #follow(opened: WatchStream | undefined, signal: AbortSignal): Promise<void> {
    const { clock } = this.#process;
    const retry = new RetryWithDeadline({ clock, maxRetryMs: this.#options.maxInternalErrorRetryMs ?? 0, isRetryable: isInternalError });
    let stream = opened;
    using resync = new ResyncTimer(this.#options, () => stream);
    while (!signal.aborted || stream !== undefined) {
      // A stream that goes on after its list is past the objects that do not come in order of their versions.
      let isInOrder = true;
      try {
        if (resync.error !== undefined) throw resync.error;
        if (stream === undefined) {
          isInOrder = this.#lastSyncResourceVersion !== '' && this.#lastSyncResourceVersion !== '0';
          stream = new WatchStream(clock, signal);
          try {
            await stream.open(this.#options.listWatch, this.#watchOptions(this.#lastSyncResourceVersion));
          } catch (error) {
            if (signal.aborted) return;
            if (!isRetriableWatchError(error)) throw error;
            await this.#waitOut(error, signal);
            continue;
          }
        }
        const end = signal.aborted ? undefined : await this.#readToEnd(stream, isInOrder);
        if (signal.aborted) return;
        if (resync.error !== undefined) throw resync.error;
        if (end === undefined) continue;
        retry.after(end);
        if (isTooManyRequests(end)) await this.#waitOut(end, signal);
        else if (isExpired(end)) return;
        else if (!(isInternalError(end) && retry.shouldRetry())) {
          this.#process.log.warn('Watch ended with an error', { resource: this.name, error: end.message });
          return;
        }
      } finally {
        await stream?.end();
        stream = undefined;
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const version = this.#lastSyncResourceVersion === '' ? '0' : this.#lastSyncResourceVersion;
    const resourceVersion = this.#isLastSyncResourceVersionUnavailable ? '' : version;
    const listWatch = this.#options.listWatch;
    const pager = new ListPager<T>((options, io) => listWatch.list(options, io), { pageSize: this.#pageSize(resourceVersion) });
    let listed: ListResult<T>;
    try {
      const { list, isPaginated } = await pager.list({ resourceVersion }, { signal });
      listed = list;
      if (resourceVersion === '0' && isPaginated) this.#isPaginated = true;
    } catch (error) {
      if (signal.aborted) return;
      if (!isExpired(error) && !isTooLargeResourceVersion(error)) throw this.#cannotList(error);
      // At once: whatever the version was, the newest can be read.
      this.#isLastSyncResourceVersionUnavailable = true;
      try {
        listed = (await pager.list({ resourceVersion: '' }, { signal })).list;
      } catch (again) {
        if (signal.aborted) return;
        throw this.#cannotList(again);
      }
    }
    if (signal.aborted) return;
    if (listed.kind === 'Table') throw new TypeError(`Cannot list ${this.name}: got a Table, which holds no objects`);
    this.#isLastSyncResourceVersionUnavailable = false;
    this.#store.replace(
      listed.items.filter((item) => this.#isObject(item)),
      listed.metadata.resourceVersion ?? '',
    );
    this.#lastSyncResourceVersion = listed.metadata.resourceVersion ?? '';
    this.#options.onBatch?.();
  }

  #isObject(item: unknown): boolean {
    if (typeof item === 'object' && item !== null && 'metadata' in item && typeof item.metadata === 'object' && item.metadata !== null)
      return true;
    this.#process.log.error('Skipping an item of a list', { resource: this.name, error: 'it has no metadata' });
    return false;
  }

  #cannotList(cause: unknown): Error {
    return new Error(`Failed to list ${this.name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }

  /** At a version of its own a list can be served from the server's watch cache, unless it is asked for pages. */
  #pageSize(resourceVersion: string): number {
    const { pageSize = 0 } = this.#options;
    if (pageSize > 0) return pageSize;
    return this.#isPaginated || resourceVersion === '' || resourceVersion === '0' ? 500 : 0;
  }

  /** Reads initial events into `store`. True at the mark; false when the stream ended before. */
  async #readToMark(stream: WatchStream, store: ReflectorStore<T>, onVersion: (version: string) => void): Promise<boolean> {
    using warning = new MissingMarkWarning(this.#options, stream.startedMs);
    try {
      for (let frames = await stream.next(); frames !== undefined; frames = await stream.next()) {
        warning.lastEventMs = this.#process.clock.monotonic();
        for (const [at, frame] of frames.entries()) {
          const metadata = this.#apply(frame, store);
          if (metadata === undefined) continue;
          stream.count++;
          if (frame.type !== 'ADDED') onVersion(metadata.resourceVersion ?? '');
          if (frame.type !== 'BOOKMARK' || getOwn(metadata.annotations, initialEventsEnd) !== 'true') continue;
          stream.unread(frames.slice(at + 1));
          return true;
        }
      }
    } catch (error) {
      if (!(error instanceof TransportError)) throw error; // a connection that broke is no different from one that ended
    }
    this.#assertLongEnough(stream);
    return false;
  }

  /** Applies events until the watch ends; undefined when it did so as watches do. Rethrows nothing of the watch. */
  async #readToEnd(stream: WatchStream, isInOrder: boolean): Promise<Error | undefined> {
    let movesVersion = isInOrder;
    try {
      for (let frames = await stream.next(); frames !== undefined; frames = await stream.next()) {
        try {
          for (const frame of frames) {
            const metadata = this.#apply(frame, this.#store);
            if (metadata === undefined) continue;
            stream.count++;
            if (frame.type !== 'ADDED') movesVersion = true;
            if (movesVersion) this.#lastSyncResourceVersion = metadata.resourceVersion ?? '';
          }
        } finally {
          this.#options.onBatch?.(); // what came before an ERROR counts
        }
      }
    } catch (error) {
      // A connection that broke is no different from one that ended.
      if (!(error instanceof TransportError)) return error instanceof Error ? error : new Error(String(error));
    }
    try {
      this.#assertLongEnough(stream);
    } catch (error) {
      return error as VeryShortWatchError; // nothing else is thrown there
    }
    return undefined;
  }

  #assertLongEnough(stream: WatchStream): void {
    const ms = this.#process.clock.monotonic() - stream.startedMs;
    if (stream.count === 0 && ms < shortestWatchMs) throw new VeryShortWatchError(this.name);
  }

  /** Writes one event. Undefined when it was no event of ours: reported, and skipped. Throws what an ERROR says. */
  #apply(frame: WatchFrame, store: ReflectorStore<T>): ReturnType<typeof metaOf> | undefined {
    if (frame.type === 'ERROR') throw new StatusError(frame.object as Status); // an ERROR frame carries a Status
    const fault = this.#faultOf(frame);
    if (fault !== undefined) {
      this.#process.log.error('Skipping a watch event', { resource: this.name, error: fault });
      return undefined;
    }
    const object = frame.object as Frozen<T>; // of the kind that was asked for
    const metadata = metaOf(object);
    try {
      if (frame.type === 'ADDED') store.add(object);
      else if (frame.type === 'MODIFIED') store.update(object);
      else if (frame.type === 'DELETED') store.delete(object);
      else store.bookmark?.(metadata.resourceVersion ?? '');
    } catch (error) {
      this.#process.log.error('Cannot write a watch event to the store', { resource: this.name, error: String(error) });
    }
    return metadata;
  }

  #faultOf({ type, object }: WatchFrame): string | undefined {
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED' && type !== 'BOOKMARK') return `unknown type ${JSON.stringify(type)}`;
    const { apiVersion = '', kind = '', metadata } = object as { apiVersion?: string; kind?: string; metadata?: unknown }; // checked below
    const { expected } = this.#options;
    if (expected !== undefined && (apiVersion !== expected.apiVersion || kind !== expected.kind)) {
      return `expected ${expected.apiVersion} ${expected.kind}, got ${JSON.stringify(apiVersion)} ${JSON.stringify(kind)}`;
    }
    if (kind === 'Table' && apiVersion.startsWith('meta.k8s.io/')) return 'got a Table, which holds no objects';
    return typeof metadata === 'object' && metadata !== null ? undefined : 'an object without metadata';
  }

  #watchOptions(resourceVersion: string): WatchOptions {
    const least = Math.max(defaultWatchTimeoutSeconds, this.#options.minWatchTimeoutSeconds ?? 0);
    // All watches of a component would else end together.
    return { resourceVersion, allowWatchBookmarks: true, timeoutSeconds: least + this.#process.random.below(least + 1) };
  }

  /** Waits after a failure that passes by itself, and says so: a server that is away must not look like one with nothing to tell. */
  async #waitOut(error: unknown, signal: AbortSignal): Promise<void> {
    if (!signal.aborted)
      this.#process.log.warn('Cannot watch, trying again', {
        resource: this.name,
        error: error instanceof Error ? error.message : String(error),
      });
    await this.#pause(signal);
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

type TimerOwner = Pick<ReflectorOptions<unknown>, 'process' | 'name' | 'onBatch' | 'resyncPeriodMs' | 'shouldResync'> & {
  readonly store: Pick<ReflectorStore<unknown>, 'resync'>;
};

/** Resyncs while a cycle watches. It never talks to the server; an error ends the watch. */
class ResyncTimer implements Disposable {
  error: Error | undefined;
  readonly #owner: TimerOwner;
  readonly #stream: () => WatchStream | undefined;
  #timer: Disposable | undefined;

  constructor(owner: TimerOwner, stream: () => WatchStream | undefined) {
    this.#owner = owner;
    this.#stream = stream;
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #arm(): void {
    const { process, resyncPeriodMs = 0 } = this.#owner;
    if (resyncPeriodMs > 0) this.#timer = process.clock.timer(resyncPeriodMs, () => this.#fire(), { background: true });
  }

  #fire(): void {
    const { shouldResync, store, onBatch } = this.#owner;
    try {
      if (shouldResync?.() ?? true) {
        store.resync();
        onBatch?.();
      }
      this.#arm();
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
      this.#stream()?.abort(this.error);
    }
  }
}

/** Says every ten seconds that the end of a streamed list has not come, when nothing else came meanwhile. */
class MissingMarkWarning implements Disposable {
  lastEventMs: number | undefined;
  readonly #owner: TimerOwner;
  readonly #startedMs: number;
  #timer: Disposable | undefined;

  constructor(owner: TimerOwner, startedMs: number) {
    this.#owner = owner;
    this.#startedMs = startedMs;
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #arm(): void {
    this.#timer = this.#owner.process.clock.timer(missingMarkWarningMs, () => this.#warn(), { background: true });
  }

  #warn(): void {
    const { process, name } = this.#owner;
    const quietMs = process.clock.monotonic() - (this.lastEventMs ?? this.#startedMs);
    if (quietMs >= missingMarkWarningMs) {
      process.log.warn('The bookmark that ends a streamed list has not come', {
        resource: name,
        quietMs,
        gotEvents: this.lastEventMs !== undefined,
      });
    }
    this.#arm();
  }
}
