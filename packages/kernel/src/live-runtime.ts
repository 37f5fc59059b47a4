import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';
// The global is behind a getter, which costs a third of a reading.
import { performance } from 'node:perf_hooks';
import type { Cause } from './cause.ts';
import { type Clock, deadlineWith, delayOf, sleepWith, type TimerOptions } from './clock.ts';
import { type Logger, type LogSink, loggerFor } from './log.ts';
import { MetricsRegistry } from './metrics.ts';
import type { Failure, Point, Process, Runtime, Task } from './process.ts';
import { type Random, randomFrom } from './random.ts';

/** Where lines and failures go. Lines go nowhere by default. */
export interface LiveRuntimeOptions {
  readonly log?: LogSink;
  /** Called for a throw that nobody awaited; the process is being stopped. Default: the log, at level error. */
  readonly onFailure?: (failure: Failure) => void;
}

/** The runtime of production: real time, the operating system's chance, steps at the cost of one microtask. */
export class LiveRuntime implements Runtime {
  readonly simulated = false;
  readonly #incarnations = new Map<string, number>();
  readonly #log: LogSink;
  readonly #onFailure: ((failure: Failure) => void) | undefined;
  readonly #causes = new AsyncLocalStorage<Cause>();
  readonly #turn = new Turn();

  constructor(options: LiveRuntimeOptions = {}) {
    this.#log = options.log ?? (() => {});
    this.#onFailure = options.onFailure;
  }

  process(name: string): Process {
    const incarnation = this.#incarnations.get(name) ?? 0;
    this.#incarnations.set(name, incarnation + 1);
    return new LiveProcess({ name, incarnation, log: this.#log, causes: this.#causes, turn: this.#turn, onFailure: this.#onFailure });
  }
}

interface LiveProcessOptions {
  readonly name: string;
  readonly incarnation: number;
  readonly log: LogSink;
  readonly causes: AsyncLocalStorage<Cause>;
  readonly turn: Turn;
  readonly onFailure: ((failure: Failure) => void) | undefined;
}

const nothingOpen: Disposable = { [Symbol.dispose]() {} };
const settled: Promise<void> = Promise.resolve();

/** How long steps and posts may go on before sockets and timers get a turn, in milliseconds. */
const longestTurnMs = 2;

/**
 * Microtasks that make microtasks keep the event loop from sockets and timers for as long as they go on: for a whole start of
 * controllers, for instance. When steps have gone on for too long, all further ones wait, in their order, until the loop has turned.
 */
class Turn {
  /** By `performance.now()`. Undefined: there was no step yet since the loop last turned. */
  #startedMs: number | undefined;
  #over: Promise<void> | undefined;
  #end: () => void = () => {};

  /** What the next step has to wait for. Undefined: nothing. */
  next(): Promise<void> | undefined {
    if (this.#over !== undefined) return this.#over;
    const nowMs = performance.now();
    if (this.#startedMs === undefined) {
      this.#startedMs = nowMs;
      setImmediate(this.#turned);
      return undefined;
    }
    if (nowMs - this.#startedMs < longestTurnMs) return undefined;
    this.#over = new Promise((resolve) => {
      this.#end = resolve;
    });
    return this.#over;
  }

  readonly #turned = (): void => {
    this.#startedMs = undefined;
    if (this.#over === undefined) return;
    this.#over = undefined;
    this.#end(); // who waits is now in the queue of microtasks, before anything that comes later
  };
}

class LiveProcess implements Process {
  readonly name: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly random: Random = liveRandom;
  readonly log: Logger;
  readonly metrics: MetricsRegistry = new MetricsRegistry();
  readonly #controller = new AbortController();
  readonly #timers = new Set<LiveTimer>();
  readonly #tasks = new Set<Task>();
  readonly #causes: AsyncLocalStorage<Cause>;
  readonly #turn: Turn;
  readonly #onFailure: ((failure: Failure) => void) | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: LiveProcessOptions) {
    this.name = options.name;
    this.incarnation = options.incarnation;
    this.#causes = options.causes;
    this.#turn = options.turn;
    this.#onFailure = options.onFailure;
    this.clock = liveClock(this.#timers);
    this.log = loggerFor(options.name, () => this.clock.now(), options.log);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  step<T>(_at: Point, run: () => T): Promise<T> {
    return (this.#turn.next() ?? settled).then(run);
  }

  post(at: Point, run: () => void): void {
    // Microtasks run in order, so the posts of a lane do; a throw must not become an unhandled rejection.
    const guarded = (): void => {
      try {
        run();
      } catch (error) {
        this.#fail(`${at.lane} ${at.op}`, error);
      }
    };
    const turn = this.#turn.next();
    if (turn === undefined) queueMicrotask(guarded);
    else turn.then(guarded).catch(() => undefined); // neither rejects
  }

  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): Task {
    const task: { name: string; done: Promise<void> } = { name, done: settled };
    task.done = this.#run(task, run);
    this.#tasks.add(task);
    return task;
  }

  async #run(task: Task, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await settled; // not before spawn has returned
    try {
      await run(this.signal);
    } catch (error) {
      if (!(this.signal.aborted && error === this.signal.reason)) this.#fail(task.name, error);
    } finally {
      this.#tasks.delete(task);
    }
  }

  context<T>(cause: Cause, run: () => T): T {
    return this.#causes.run(cause, run);
  }

  cause(): Cause | undefined {
    return this.#causes.getStore();
  }

  busy(_what: string): Disposable {
    return nothingOpen;
  }

  stop(reason: Error = new Error(`Process "${this.name}" was stopped`)): Promise<void> {
    this.#stopped ??= this.#stop(reason);
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(reason: Error): Promise<void> {
    this.#controller.abort(reason);
    // A task may spawn another while it ends, hence the loop.
    while (this.#tasks.size > 0) await Promise.all([...this.#tasks].map(({ done }) => done));
    for (const timer of this.#timers) clearTimeout(timer.handle);
    this.#timers.clear();
  }

  #fail(task: string, error: unknown): void {
    this.log.error('Task failed', { task, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    this.#onFailure?.({ process: this.name, incarnation: this.incarnation, task, error });
    const reason = error instanceof Error ? error : new Error(String(error));
    queueMicrotask(() => {
      this.stop(reason).catch(() => undefined); // #stop never rejects: tasks cannot
    });
  }
}

/** The longest delay that setTimeout takes; anything above becomes 1 ms there. */
const longestDelayMs = 0x7fff_ffff;

/** A timer that is not over before it fires or is disposed, however long that takes. */
interface LiveTimer {
  handle: NodeJS.Timeout;
}

function liveClock(timers: Set<LiveTimer>): Clock {
  const timer = (ms: number, fire: () => void, options?: TimerOptions): Disposable => {
    const arm = (restMs: number): NodeJS.Timeout => {
      const stageMs = Math.min(restMs, longestDelayMs);
      const handle = setTimeout(() => {
        if (restMs > stageMs) {
          live.handle = arm(restMs - stageMs);
          return;
        }
        timers.delete(live);
        fire();
      }, stageMs);
      if (options?.background === true) handle.unref();
      return handle;
    };
    const live: LiveTimer = { handle: arm(delayOf(ms)) };
    timers.add(live);
    return {
      [Symbol.dispose]() {
        timers.delete(live);
        clearTimeout(live.handle);
      },
    };
  };
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    timer,
    sleep: (ms, options) => sleepWith(timer, ms, options),
    deadline: (ms, options) => deadlineWith(timer, ms, options),
  };
}

/** Words of the operating system's generator, fetched 4 KiB at a time: one system call per draw would dominate. */
function systemWords(): () => number {
  const pool = new Uint32Array(1024);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const word = pool[next] ?? 0;
    pool[next++] = 0; // a drawn word may be part of a key: do not keep it
    return word;
  };
}

function newLiveRandom(): Random {
  return randomFrom(systemWords(), newLiveRandom);
}

// Not mutable state of a cluster: the operating system's generator is one for all.
const liveRandom: Random = newLiveRandom();
