import type { Process } from '@coracle/kernel';
import { Fifo } from '../fifo.ts';
import { type ItemTimes, noTimes, QueueMetrics } from './queue-metrics.ts';

/** One item handed out by `get`; it is being processed until `done`. */
export type Got<T> = { readonly item: T; readonly shutdown: false } | { readonly shutdown: true };

/**
 * A queue of keys to work on (client-go util/workqueue). A key that waits is in it once, however often it is added; a key
 * that is added while it is being processed waits until it is done, and is then handed out again. So one key is never
 * worked on twice at a time, and no change is lost.
 */
export interface WorkQueue<T> {
  add(item: T): void;
  readonly length: number;
  /** Waits for an item, oldest first. `shutdown` once the queue is shut down and empty. */
  get(): Promise<Got<T>>;
  /** As `get`, without a wait and in the same step; undefined when nothing is there to take. */
  tryGet(): Got<T> | undefined;
  /** Must follow every `get`. */
  done(item: T): void;
  /** Takes no more items; those that wait are still handed out. */
  shutDown(): void;
  /** As `shutDown`; resolves when everything was handed out and is done. A later `shutDown` ends the wait. */
  shutDownWithDrain(): Promise<void>;
  readonly isShuttingDown: boolean;
}

/** The order in which a queue hands out (client-go util/workqueue Queue). Each item is in it at most once. */
export interface QueueOrder<T> {
  readonly length: number;
  push(item: T): void;
  /** The next item; undefined when there is none. */
  shift(): T | undefined;
  /** An item that waits was added again. */
  touch?(item: T): void;
}

/** What every queue is made with. */
export interface QueueOptions<T> {
  readonly process: Process;
  /** Appears in traces, in reports of stuck work, and labels the metrics. '': the queue has no metrics, as upstream. */
  readonly name: string;
  /** See `QueueLabels.controller`. */
  readonly controller?: string | undefined;
  /** Default: first in, first out. */
  readonly order?: QueueOrder<T>;
}

/** What is known of an item that waits or is processed. */
interface State extends ItemTimes {
  /** It needs work: it waits, or changed while it was processed. */
  isDirty: boolean;
  isProcessing: boolean;
  busy: Disposable | undefined;
}

/**
 * Not an item: a Map makes itself a new table whenever it becomes empty, which a queue that keeps up does with each item. This one stays.
 */
export const nobody: unique symbol = Symbol('nobody');

/** A work queue without waits (client-go util/workqueue Typed). Not bounded: it holds each key once. */
export class Queue<T> implements WorkQueue<T> {
  readonly #process: Process;
  readonly #name: string;
  readonly #busyWith: string;
  readonly #lane: string;
  readonly #waiting: QueueOrder<T>;
  // Only what is dirty or processed: an item at rest costs nothing.
  readonly #states = new Map<T | typeof nobody, State>([[nobody, newState()]]);
  readonly #getters = new Fifo<(got: Got<T>) => void>();
  readonly #drainers: (() => void)[] = [];
  readonly #metrics: QueueMetrics | undefined;
  // One state that is not in use: a hot queue makes none.
  #spare: State | undefined;
  #processing = 0;
  #isShuttingDown = false;

  constructor(options: QueueOptions<T>) {
    this.#process = options.process;
    this.#name = options.name;
    this.#busyWith = `${options.name}: `;
    this.#lane = `worker ${options.name}`;
    this.#waiting = options.order ?? new Fifo<T>();
    this.#metrics = options.name === '' ? undefined : new QueueMetrics(options.process, options);
  }

  get length(): number {
    return this.#waiting.length;
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  add(item: T): void {
    if (this.#isShuttingDown) return;
    const state = this.#states.get(item);
    if (state === undefined) {
      const added = this.#newState();
      this.#states.set(item, added);
      this.#metrics?.added(added);
      this.#offer(item);
    } else if (state.isDirty) {
      if (!state.isProcessing) this.#waiting.touch?.(item);
    } else {
      state.isDirty = true;
      this.#metrics?.added(state);
    }
  }

  get(): Promise<Got<T>> {
    return new Promise((resolve) => {
      this.#getters.push(resolve);
      this.#dispatch();
    });
  }

  tryGet(): Got<T> | undefined {
    const item = this.#waiting.shift();
    if (item === undefined) return this.#isShuttingDown ? { shutdown: true } : undefined;
    this.#take(item);
    return { item, shutdown: false };
  }

  done(item: T): void {
    const state = this.#states.get(item);
    if (state?.isProcessing === true) {
      state.isProcessing = false;
      state.busy?.[Symbol.dispose]();
      this.#processing--;
      this.#metrics?.done(state);
      if (state.isDirty) this.#offer(item);
      else {
        this.#states.delete(item);
        state.busy = undefined;
        this.#spare = state;
      }
    }
    if (this.#drainers.length > 0 && this.#isDrained()) this.#endDrains();
  }

  shutDown(): void {
    this.#isShuttingDown = true;
    this.#metrics?.stop();
    this.#dispatch();
    this.#endDrains();
  }

  shutDownWithDrain(): Promise<void> {
    this.#isShuttingDown = true;
    this.#dispatch();
    return new Promise((resolve) => {
      this.#drainers.push(resolve);
      if (this.#isDrained()) this.#endDrains();
    });
  }

  /** Tells the metrics that an item comes back after a failure. */
  retried(): void {
    this.#metrics?.retried();
  }

  #newState(): State {
    const state = this.#spare ?? newState();
    this.#spare = undefined;
    state.isDirty = true;
    return state;
  }

  #isDrained(): boolean {
    return this.#processing === 0 && this.#waiting.length === 0;
  }

  #endDrains(): void {
    this.#metrics?.stop();
    for (const drained of this.#drainers.splice(0)) drained();
  }

  #offer(item: T): void {
    this.#waiting.push(item);
    if (this.#getters.length > 0) this.#dispatch();
  }

  #take(item: T): void {
    const state = this.#states.get(item);
    if (state === undefined) throw new Error(`Queue "${this.#name}" handed out ${String(item)}, which was not added`);
    state.isDirty = false;
    state.isProcessing = true;
    state.busy = this.#process.busy(this.#busyWith + String(item));
    this.#processing++;
    this.#metrics?.taken(state);
  }

  /** Hands out in a step of its own: which worker runs when is a choice of the runtime. */
  #dispatch(): void {
    while (this.#getters.length > 0) {
      const item = this.#waiting.shift();
      if (item === undefined) {
        if (this.#isShuttingDown)
          for (let getter = this.#getters.shift(); getter !== undefined; getter = this.#getters.shift()) getter({ shutdown: true });
        return;
      }
      const getter = this.#getters.shift();
      this.#take(item);
      this.#process.post({ lane: this.#lane, op: 'get', key: String(item) }, () => {
        getter?.({ item, shutdown: false });
      });
    }
  }
}

function newState(): State {
  return { isDirty: true, isProcessing: false, busy: undefined, ...noTimes() };
}
