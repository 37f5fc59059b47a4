import type { Frozen } from '@coracle/apimachinery';
import { type Process, unlessAborted } from '@coracle/kernel';
import { Fifo } from '../../util/fifo.ts';
import type { ResourceEventHandler } from './event-handlers.ts';
import type { DeletedFinalStateUnknown } from './keys.ts';
import { SingleFileTracker } from './synctrack.ts';

/** What `addEventHandler` gives back. Disposing it removes the handler. */
export interface HandlerRegistration extends Disposable {
  /** The informer has synced, and this handler has seen everything of the first list. */
  hasSynced(): boolean;
  /** Resolves when `hasSynced` becomes true; rejects when the handler is removed or the informer ends before, or with the signal's reason. */
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** No event comes after this; one that is being handled goes on. Idempotent. */
  remove(): void;
  /** As `remove`; resolves when nothing is handled any more. Must not be awaited by the handler itself. */
  removeAndWait(): Promise<void>;
}

type Notification<T> =
  | { readonly type: 'add'; readonly object: Frozen<T>; readonly isInInitialList: boolean }
  | { readonly type: 'update'; readonly old: Frozen<T>; readonly object: Frozen<T> }
  | { readonly type: 'delete'; readonly deleted: Frozen<T> | DeletedFinalStateUnknown<T> };

/** When one handler is to be told everything once more. */
class ResyncSchedule {
  readonly requestedMs: number;
  /** 0: never. */
  periodMs: number;
  /** The handler is told of events that change nothing: from the start, and then while its resync is due. */
  isSyncing = true;
  #nextMs: number;

  constructor(requestedMs: number, periodMs: number, nowMs: number) {
    this.requestedMs = requestedMs;
    this.periodMs = periodMs;
    this.#nextMs = nowMs + periodMs;
  }

  /** Asked at each check of the informer. */
  check(nowMs: number): boolean {
    this.isSyncing = this.periodMs > 0 && nowMs >= this.#nextMs;
    if (this.isSyncing) this.#nextMs = nowMs + this.periodMs;
    return this.isSyncing;
  }
}

/** So many events wait before a handler is warned of that takes so long for one (tools/cache processorListener run). */
const manyPending = 1024;
const longHandlingMs = 100;

/** For so long a handler is told of one thing after the other while nothing else runs; the rest of a list follows in further turns of the loop. */
const longestTurnMs = 8;
/** The clock is looked at once in so many notifications. */
const turnCheck = 16;

export interface ListenerOptions<T> {
  readonly process: Process;
  /** Of the informer, for traces. */
  readonly name: string;
  readonly handler: ResourceEventHandler<T>;
  readonly requestedResyncMs: number;
  readonly resyncPeriodMs: number;
  readonly onRemove: (listener: ProcessorListener<T>) => void;
}

/**
 * Gives events to one handler, in order and one at a time (tools/cache processorListener). It calls the handler at once while it keeps
 * up; what comes while a promise of the handler is open waits here, without a bound, as upstream, and is warned of.
 */
export class ProcessorListener<T> implements HandlerRegistration {
  readonly resync: ResyncSchedule;
  readonly #process: Process;
  readonly #name: string;
  readonly #handler: ResourceEventHandler<T>;
  readonly #onRemove: (listener: ProcessorListener<T>) => void;
  readonly #tracker = new SingleFileTracker();
  readonly #removed: PromiseWithResolvers<never> = Promise.withResolvers();
  // One for all who wait: a race of each one's own would be kept until the handler is removed.
  readonly #synced: Promise<void> = Promise.race([this.#tracker.whenSynced, this.#removed.promise]);
  // Undefined: the handler has kept up, and is called directly.
  #pending: Fifo<Notification<T>> | undefined;
  #running: Promise<void> | undefined;
  #warnedAtPending = 0;
  #isRemoved = false;
  // Undefined: what comes is no list.
  #listSinceMs: number | undefined;
  #untilTurnCheck = turnCheck;

  constructor(options: ListenerOptions<T>) {
    this.#process = options.process;
    this.#name = options.name;
    this.#handler = options.handler;
    this.#onRemove = options.onRemove;
    this.resync = new ResyncSchedule(options.requestedResyncMs, options.resyncPeriodMs, options.process.clock.monotonic());
    this.#synced.catch(() => undefined); // told to who waits; nobody has to
  }

  hasSynced(): boolean {
    return this.#tracker.hasSynced;
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    return unlessAborted(this.#synced, signal);
  }

  /** Events that wait for the handler. */
  get pending(): number {
    return this.#pending?.length ?? 0;
  }

  remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    this.#pending = undefined;
    this.#onRemove(this);
    this.#removed.reject(new Error(`The handler was removed from the informer of ${this.#name}`));
  }

  [Symbol.dispose](): void {
    this.remove();
  }

  async removeAndWait(): Promise<void> {
    this.remove();
    await this.#running;
  }

  /** The informer has handed over its first list. */
  informerHasSynced(): void {
    this.#tracker.upstreamHasSynced();
  }

  /** Adds `objects` as an initial list, in a step of its own; what happens meanwhile comes after them. */
  replay(objects: readonly Frozen<T>[]): void {
    if (objects.length === 0) return;
    const pending = new Fifo<Notification<T>>();
    this.#pending = pending;
    for (const object of objects) {
      this.#tracker.start();
      pending.push({ type: 'add', object, isInInitialList: true });
    }
    this.#drainLater('initial-list');
  }

  listBegins(): void {
    this.#listSinceMs = this.#process.clock.monotonic();
  }

  listEnds(): void {
    this.#listSinceMs = undefined;
  }

  onAdd(object: Frozen<T>, isInInitialList: boolean): void {
    if (this.#isRemoved) return;
    if (isInInitialList) this.#tracker.start();
    this.#maybeDefer();
    if (this.#pending !== undefined) this.#pending.push({ type: 'add', object, isInInitialList });
    else this.#add(object, isInInitialList);
  }

  onUpdate(old: Frozen<T>, object: Frozen<T>): void {
    if (this.#isRemoved) return;
    this.#maybeDefer();
    if (this.#pending !== undefined) this.#pending.push({ type: 'update', old, object });
    else this.#update(old, object);
  }

  onDelete(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): void {
    if (this.#isRemoved) return;
    this.#maybeDefer();
    if (this.#pending !== undefined) this.#pending.push({ type: 'delete', deleted });
    else this.#delete(deleted);
  }

  #add(object: Frozen<T>, isInInitialList: boolean): void {
    let result: unknown;
    try {
      result = this.#handler.onAdd?.(object, isInInitialList);
    } catch (error) {
      this.#failed(error);
    }
    if (result instanceof Promise) this.#wait(result, isInInitialList);
    else if (isInInitialList) this.#tracker.finished();
  }

  #update(old: Frozen<T>, object: Frozen<T>): void {
    try {
      const result: unknown = this.#handler.onUpdate?.(old, object);
      if (result instanceof Promise) this.#wait(result, false);
    } catch (error) {
      this.#failed(error);
    }
  }

  #delete(deleted: Frozen<T> | DeletedFinalStateUnknown<T>): void {
    try {
      const result: unknown = this.#handler.onDelete?.(deleted);
      if (result instanceof Promise) this.#wait(result, false);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** What comes from now on waits until the handler has finished. */
  #wait(result: Promise<unknown>, isInInitialList: boolean): void {
    this.#pending ??= new Fifo();
    const sinceMs = this.#process.clock.monotonic();
    const finished = (): void => {
      this.#running = undefined;
      this.#maybeWarn(this.#process.clock.monotonic() - sinceMs);
      if (isInInitialList) this.#tracker.finished();
      this.#drainLater('handler-done');
    };
    this.#running = result.then(finished, (error: unknown) => {
      this.#failed(error);
      finished();
    });
  }

  /** Nothing but memory bounds what waits for a handler: somebody has to know. */
  #maybeWarn(handlingMs: number): void {
    const { pending } = this;
    if (pending === 0) this.#warnedAtPending = 0;
    if (handlingMs < longHandlingMs || pending <= Math.max(manyPending, 2 * this.#warnedAtPending)) return;
    this.#warnedAtPending = pending;
    this.#process.log.warn('A handler does not keep up', { informer: this.#name, pending, handlingMs: Math.round(handlingMs) });
  }

  /** A list that keeps the handler busy for long waits as if it were slow. */
  #maybeDefer(): void {
    if (this.#listSinceMs === undefined || this.#pending !== undefined || !this.#isTurnOver(this.#listSinceMs)) return;
    this.#pending = new Fifo();
    this.#drainLater('rest-of-list');
  }

  #isTurnOver(sinceMs: number): boolean {
    if (--this.#untilTurnCheck > 0) return false;
    this.#untilTurnCheck = turnCheck;
    return this.#process.clock.monotonic() - sinceMs >= longestTurnMs;
  }

  #drainLater(op: string): void {
    this.#process.post({ lane: `informer ${this.#name}`, op }, () => this.#drain());
  }

  #drain(): void {
    const sinceMs = this.#process.clock.monotonic();
    while (this.#running === undefined && this.#pending !== undefined) {
      if (this.#isTurnOver(sinceMs)) {
        this.#drainLater('rest-of-list');
        return;
      }
      const next = this.#pending.shift();
      if (next === undefined) {
        this.#pending = undefined;
        return;
      }
      if (next.type === 'add') this.#add(next.object, next.isInInitialList);
      else if (next.type === 'update') this.#update(next.old, next.object);
      else this.#delete(next.deleted);
    }
  }

  /** Thrown from a post it is reported and stops the process, while the store and the other handlers stay consistent. */
  #failed(error: unknown): void {
    this.#process.post({ lane: `informer ${this.#name}`, op: 'handler-failed' }, () => {
      throw error;
    });
  }
}
