import { Heap, type Process } from '@coracle/kernel';
import { Fifo } from '../fifo.ts';
import { type Got, nobody, type WorkQueue } from './queue.ts';
import { type ItemTimes, noTimes, QueueMetrics } from './queue-metrics.ts';
import { ItemExponentialFailureRateLimiter, type RateLimiter } from './rate-limiter.ts';

/** Priority of what came of an initial list or a resync: new changes overtake it (controller-runtime handler.LowPriority). */
export const lowPriority = -100;

/** When and how urgently an item is handed out (controller-runtime priorityqueue.AddOpts). */
export interface AddOptions {
  /** The soonest it is handed out, from now on. Default: at once. */
  readonly afterMs?: number;
  /** Wait as long as the item's failures have earned; the shorter of both waits counts. */
  readonly rateLimited?: boolean;
  /** Higher goes first. Default 0. */
  readonly priority?: number;
}

/** An item with the priority that it had; `shutdown` once the queue is shut down and empty. */
export type GotWithPriority<T> = { readonly item: T; readonly priority: number; readonly shutdown: false } | { readonly shutdown: true };

/** What a `PriorityQueue` is made with. */
export interface PriorityQueueOptions<T> {
  readonly process: Process;
  /** As of `Queue`. */
  readonly name: string;
  /** See `QueueLabels.controller`. */
  readonly controller?: string | undefined;
  /** Default: 5 ms doubling to 1,000 s for each item. */
  readonly rateLimiter?: RateLimiter<T>;
}

/** One entry of a heap; stale once its item moved to another place or priority. */
interface Entry<T> {
  readonly item: T;
  readonly state: State<T>;
  readonly priority: number;
  /** Order of arrival at this priority. */
  readonly sequence: number;
  /** When a waiting item becomes ready; undefined for a ready one. */
  readonly readyMs: number | undefined;
}

/** What is known of an item that is ready, waits for its time or is worked on. */
interface State<T> extends ItemTimes {
  /** The entry that counts; undefined: it is worked on, and was not added since. */
  current: Entry<T> | undefined;
  /** The entry that counts came out of the heap while the item was worked on; it goes back when that is done. */
  isHeld: boolean;
  /** Undefined: it is not worked on. */
  busy: Disposable | undefined;
}

const atOnce: AddOptions = {};

const precedes = (a: Entry<unknown>, b: Entry<unknown>): boolean =>
  a.priority === b.priority ? a.sequence < b.sequence : a.priority > b.priority;

const counts = (entry: Entry<unknown>): boolean => entry.state.current === entry;

/**
 * A work queue that hands out by priority, and within one in the order of arrival (controller-runtime pkg/controller/priorityqueue). Of
 * several adds of one item the highest priority and the shortest wait count; a raised priority goes behind what is there. An item that
 * is worked on is not handed out before `done`.
 */
export class PriorityQueue<T> implements WorkQueue<T> {
  readonly #process: Process;
  readonly #busyWith: string;
  readonly #lane: string;
  readonly #limiter: RateLimiter<T>;
  readonly #metrics: QueueMetrics | undefined;
  // Only what is ready, waits or is worked on: an item at rest costs nothing.
  readonly #states = new Map<T | typeof nobody, State<T>>([[nobody, unknownState()]]);
  readonly #ready = new Heap<Entry<T>>(precedes);
  readonly #waiting = new Heap<Entry<T>>((a, b) => (a.readyMs ?? 0) < (b.readyMs ?? 0) || (a.readyMs === b.readyMs && precedes(a, b)));
  readonly #getters = new Fifo<(got: GotWithPriority<T>) => void>();
  // One state that is not in use: a hot queue makes none.
  #spare: State<T> | undefined;
  #readyCount = 0;
  #sequence = 0;
  #timer: { readonly atMs: number; readonly handle: Disposable } | undefined;
  #isShuttingDown = false;

  constructor(options: PriorityQueueOptions<T>) {
    this.#process = options.process;
    this.#busyWith = `${options.name}: `;
    this.#lane = `worker ${options.name}`;
    this.#limiter = options.rateLimiter ?? new ItemExponentialFailureRateLimiter<T>(5, 1_000_000);
    this.#metrics = options.name === '' ? undefined : new QueueMetrics(options.process, options);
  }

  /** Items that could be handed out now, or once they are done; what waits for its time does not count. */
  get length(): number {
    return this.#readyCount;
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  add(item: T): void {
    if (this.#isShuttingDown) return;
    this.#add(item, atOnce);
    this.#dispatch();
  }

  addAfter(item: T, ms: number): void {
    this.addWithOptions({ afterMs: ms }, item);
  }

  addRateLimited(item: T): void {
    this.addWithOptions({ rateLimited: true }, item);
  }

  forget(item: T): void {
    this.#limiter.forget(item);
  }

  numRequeues(item: T): number {
    return this.#limiter.retries(item);
  }

  addWithOptions(options: AddOptions, ...items: readonly T[]): void {
    if (this.#isShuttingDown) return;
    for (const item of items) this.#add(item, options);
    this.#dispatch();
  }

  async get(): Promise<Got<T>> {
    return this.getWithPriority();
  }

  tryGet(): GotWithPriority<T> | undefined {
    if (this.#isShuttingDown) return { shutdown: true };
    const entry = this.#next();
    return entry === undefined ? undefined : { item: entry.item, priority: entry.priority, shutdown: false };
  }

  getWithPriority(): Promise<GotWithPriority<T>> {
    if (this.#isShuttingDown) return Promise.resolve({ shutdown: true });
    return new Promise((resolve) => {
      this.#getters.push(resolve);
      this.#dispatch();
    });
  }

  done(item: T): void {
    const state = this.#states.get(item);
    if (state?.busy === undefined) return;
    state.busy[Symbol.dispose]();
    state.busy = undefined;
    this.#metrics?.done(state);
    if (state.current === undefined) {
      this.#states.delete(item);
      this.#spare = state;
    } else if (state.isHeld) {
      state.isHeld = false;
      this.#ready.push(state.current);
      this.#dispatch();
    }
  }

  /** Takes and hands out nothing more; what is queued is dropped, as upstream. */
  shutDown(): void {
    this.#isShuttingDown = true;
    this.#timer?.handle[Symbol.dispose]();
    this.#timer = undefined;
    this.#metrics?.stop();
    for (let getter = this.#getters.shift(); getter !== undefined; getter = this.#getters.shift()) getter({ shutdown: true });
  }

  /** Nothing is drained, as upstream. */
  async shutDownWithDrain(): Promise<void> {
    this.shutDown();
  }

  #add(item: T, { afterMs: wantedMs = 0, rateLimited = false, priority: wanted = 0 }: AddOptions): void {
    let afterMs = wantedMs;
    if (rateLimited) {
      const earnedMs = this.#limiter.when(item);
      if (afterMs <= 0 || earnedMs < afterMs) afterMs = earnedMs;
    }
    if (afterMs > 0) this.#metrics?.retried();
    let readyMs = afterMs > 0 ? this.#process.clock.monotonic() + afterMs : undefined;
    const state = this.#states.get(item) ?? this.#newState(item);
    const known = state.current;
    if (known === undefined) {
      this.#place({ item, state, priority: wanted, sequence: this.#sequence++, readyMs });
      if (readyMs === undefined) this.#becameReady(state, wanted);
      return;
    }
    if (known.readyMs === undefined) readyMs = undefined;
    else if (readyMs !== undefined) readyMs = Math.min(readyMs, known.readyMs);
    const isRaised = wanted > known.priority;
    if (!isRaised && readyMs === known.readyMs) return;
    const priority = isRaised ? wanted : known.priority;
    this.#place({ item, state, priority, sequence: isRaised ? this.#sequence++ : known.sequence, readyMs });
    if (readyMs !== undefined) return;
    if (known.readyMs === undefined) this.#metrics?.moved(known.priority, priority);
    else this.#becameReady(state, priority);
  }

  #newState(item: T): State<T> {
    const state = this.#spare ?? unknownState();
    this.#spare = undefined;
    this.#states.set(item, state);
    return state;
  }

  #becameReady(state: State<T>, priority: number): void {
    this.#readyCount++;
    this.#metrics?.added(state, priority);
  }

  /** `entry` counts for its item from now on. */
  #place(entry: Entry<T>): void {
    entry.state.current = entry;
    if (entry.readyMs !== undefined) {
      this.#waiting.push(entry);
      if (this.#waiting.size > 2 * this.#states.size + 16) this.#waiting.retain(counts);
      this.#arm();
    } else if (!entry.state.isHeld) {
      this.#ready.push(entry);
      if (this.#ready.size > 2 * this.#states.size + 16) this.#ready.retain(counts);
    }
  }

  /** Takes the first item that is not worked on; it is worked on from now on. */
  #next(): Entry<T> | undefined {
    for (let entry = this.#ready.pop(); entry !== undefined; entry = this.#ready.pop()) {
      const { state } = entry;
      if (!counts(entry)) continue;
      if (state.busy !== undefined) {
        state.isHeld = true;
        continue;
      }
      state.current = undefined;
      this.#readyCount--;
      this.#metrics?.taken(state, entry.priority);
      state.busy = this.#process.busy(this.#busyWith + String(entry.item));
      return entry;
    }
    return undefined;
  }

  /** Hands out in a step of its own: which worker runs when is a choice of the runtime. */
  #dispatch(): void {
    while (this.#getters.length > 0) {
      const entry = this.#next();
      if (entry === undefined) return;
      const { item, priority } = entry;
      const getter = this.#getters.shift();
      this.#process.post({ lane: this.#lane, op: 'get', key: String(item) }, () => {
        getter?.({ item, priority, shutdown: false });
      });
    }
  }

  #arm(): void {
    let next = this.#waiting.peek();
    while (next !== undefined && !counts(next)) {
      this.#waiting.pop();
      next = this.#waiting.peek();
    }
    if (next?.readyMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= next.readyMs)) return;
    this.#timer?.handle[Symbol.dispose]();
    const inMs = next.readyMs - this.#process.clock.monotonic();
    this.#timer = { atMs: next.readyMs, handle: this.#process.clock.timer(inMs, () => this.#fire()) };
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.#process.clock.monotonic();
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (counts(next) && (next.readyMs ?? 0) > nowMs) break;
      this.#waiting.pop();
      if (!counts(next)) continue;
      // It joins the back of its priority: what was ready before goes first.
      this.#place({ item: next.item, state: next.state, priority: next.priority, sequence: this.#sequence++, readyMs: undefined });
      this.#becameReady(next.state, next.priority);
    }
    this.#arm();
    this.#dispatch();
  }
}

function unknownState<T>(): State<T> {
  return { current: undefined, isHeld: false, busy: undefined, ...noTimes() };
}
