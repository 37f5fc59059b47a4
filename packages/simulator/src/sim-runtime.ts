import {
  assert,
  type Cause,
  delayOf,
  type Failure,
  Heap,
  type LogSink,
  type Point,
  type Random,
  type Runtime,
  type TimerOptions,
} from '@coracle/kernel';
import { microtaskDrain, realSetImmediate } from './drain.ts';
import type { Lane, Operation } from './lane.ts';
import { mix, seededRandom } from './seeded-random.ts';
import { errorText, type SimPorts, SimProcess, type Timer } from './sim-process.ts';
import { contexts, enter, type StepContext } from './step-context.ts';
import { fifo, type Strategy, type StrategyView } from './strategy.ts';

export interface SimRuntimeOptions {
  readonly seed?: number;
  readonly strategy?: Strategy;
  /** Keeps every step as a line of text: for replays, half as fast. */
  readonly trace?: boolean;
  /** Wall time of the start, ms since the epoch. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
  readonly log?: LogSink;
  /** `setImmediate` drains microtasks by turning the event loop: slower, for proving the fast way equal. */
  readonly driver?: 'synchronous' | 'setImmediate';
}

export interface SettleOptions {
  /** Virtual time after which not having settled is a failure. Default 10 minutes. */
  readonly maxVirtualMs?: number;
  /** Steps after which not having settled is a failure. Default 200,000. */
  readonly maxSteps?: number;
}

export interface RunReport {
  readonly steps: number;
  readonly virtualMs: number;
}

/** The simulation did not come to rest: a hot loop, or a timer that re-arms itself for ever. */
export class NotQuiet extends Error {
  override readonly name = 'NotQuiet';
}

/** The simulation came to rest while work was still open: somebody awaits what nobody will do. */
export class Stuck extends Error {
  override readonly name = 'Stuck';
}

/** A component threw where nobody caught it. */
export class ComponentFailed extends Error {
  override readonly name = 'ComponentFailed';
}

const defaultStartMs = 1_767_225_600_000;
const stepsPerTurn = 4_000;

/**
 * One virtual clock and one seeded order over any number of processes. A step is one pending operation and all the
 * microtasks that follow from it; promises need no instrumentation. Time moves only when nothing is ready.
 *
 * The code that drives it (a test) stands outside: between `settle`, `advance` and `until` no time passes.
 */
export class SimRuntime implements Runtime {
  readonly simulated = true;
  readonly random: Random;
  readonly seed: number;
  readonly failures: Failure[] = [];
  readonly #strategy: Strategy;
  readonly #view: StrategyView;
  readonly #startMs: number;
  readonly #ready: Lane[] = [];
  readonly #held = new Set<Lane>();
  readonly #timers = new Heap<Timer>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence));
  readonly #incarnations = new Map<string, number>();
  readonly #open = new Map<object, { readonly process: SimProcess; readonly what: string }>();
  readonly #log: LogSink;
  readonly #driver: 'synchronous' | 'setImmediate';
  readonly trace: string[] | undefined;
  #nowMs: number;
  #sequence = 0;
  #steps = 0;
  #hash = 0;
  #foregroundTimers = 0;
  #cancelledTimers = 0; // roughly: those cancelled while they waited for their step were not in the heap
  #driving = false;

  constructor(options: SimRuntimeOptions = {}) {
    this.seed = options.seed ?? 1;
    this.random = seededRandom(this.seed);
    this.#strategy = options.strategy ?? fifo();
    this.#startMs = options.startMs ?? defaultStartMs;
    this.#nowMs = this.#startMs;
    this.#log = options.log ?? (() => {});
    this.#driver = options.driver ?? 'synchronous';
    this.trace = options.trace === true ? [] : undefined;
    const runtime = this;
    this.#view = {
      random: this.random.fork('strategy'),
      get steps() {
        return runtime.#steps;
      },
      hold: (lane, ms) => this.#hold(lane, ms),
    };
  }

  /** Steps executed since the start. */
  get steps(): number {
    return this.#steps;
  }

  /** Hash over every step so far: lane, operation, key and time. Equal runs have equal hashes. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Virtual wall time, ms since the epoch. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The process whose code is running: undefined outside of every step, in a test's own lines. */
  current(): SimProcess | undefined {
    return this.#context()?.process;
  }

  #context(): StepContext | undefined {
    const context = contexts.getStore();
    return context?.runtime === this ? context : undefined;
  }

  process(name: string): SimProcess {
    const incarnation = this.#incarnations.get(name) ?? 0;
    this.#incarnations.set(name, incarnation + 1);
    return new SimProcess(this.#ports, name, incarnation, this.random.fork(`${name}#${incarnation}`), this.#log);
  }

  /** A runtime at the same virtual time and with the same seed, without processes: the ground for a fork of a cluster. */
  fork(options: Pick<SimRuntimeOptions, 'strategy' | 'trace' | 'log'> & { readonly label?: string } = {}): SimRuntime {
    return new SimRuntime({
      log: this.#log,
      ...options,
      seed: options.label === undefined ? this.seed : mix(this.seed, options.label),
      startMs: this.#nowMs,
      driver: this.#driver,
    });
  }

  /** Runs until nothing is ready and no foreground timer is left. Throws NotQuiet, Stuck or ComponentFailed. */
  settle(options: SettleOptions = {}): Promise<RunReport> {
    const maxSteps = this.#steps + (options.maxSteps ?? 200_000);
    const horizonMs = this.#nowMs + (options.maxVirtualMs ?? 600_000);
    return this.#drive('settle', () => {
      if (this.#steps >= maxSteps) throw this.#notQuiet(`after ${options.maxSteps ?? 200_000} steps`);
      if (this.#ready.length > 0) return 'step';
      if (this.#foregroundTimers === 0) {
        this.#assertNothingOpen();
        return 'stop';
      }
      const next = this.#nextTimer();
      assert(next !== undefined, 'foreground timers are counted but none is in the heap');
      if (next.atMs > horizonMs) throw this.#notQuiet(`after ${options.maxVirtualMs ?? 600_000} virtual ms`);
      return 'time';
    });
  }

  /** Runs all that is due within `ms` of virtual time, background timers too, and leaves the clock there. */
  async advance(ms: number, options: { readonly maxSteps?: number } = {}): Promise<RunReport> {
    const horizonMs = this.#nowMs + ms;
    const maxSteps = this.#steps + (options.maxSteps ?? 10_000_000);
    const report = await this.#drive('advance', () => {
      if (this.#steps >= maxSteps) throw this.#notQuiet(`after ${options.maxSteps ?? 10_000_000} steps`);
      if (this.#ready.length > 0) return 'step';
      const next = this.#nextTimer();
      return next === undefined || next.atMs > horizonMs ? 'stop' : 'time';
    });
    if (horizonMs > this.#nowMs) this.#nowMs = horizonMs;
    return report;
  }

  /** Runs until `holds()` is true, checked after each step; throws NotQuiet when `maxVirtualMs` (default 10 min) pass. */
  until(holds: () => boolean, options: SettleOptions = {}): Promise<RunReport> {
    const horizonMs = this.#nowMs + (options.maxVirtualMs ?? 600_000);
    const maxSteps = this.#steps + (options.maxSteps ?? 10_000_000);
    return this.#drive('until', () => {
      if (holds()) return 'stop';
      if (this.#steps >= maxSteps) throw this.#notQuiet('without the condition having held');
      if (this.#ready.length > 0) return 'step';
      const next = this.#nextTimer();
      if (next === undefined || next.atMs > horizonMs) throw this.#notQuiet('without the condition having held');
      return 'time';
    });
  }

  /** Runs steps and time until `work` settles, and returns its value. For calls from outside that need answers. */
  async drive<T>(work: Promise<T>, options: SettleOptions = {}): Promise<T> {
    let done = false;
    const finished = work.then(
      () => {
        done = true;
      },
      () => {
        done = true;
      },
    );
    await this.until(() => done, options);
    await finished;
    return work;
  }

  readonly #ports: SimPorts = {
    runtime: this,
    now: () => this.#nowMs,
    monotonic: () => this.#nowMs - this.#startMs,
    ask: (process, at, run) => this.#ask(process, at, run),
    timer: (process, ms, fire, options) => this.#timer(process, ms, fire, options),
    cause: () => this.#context()?.cause,
    within: (process, cause, run) => {
      const context = this.#contextOf(process, cause);
      return enter(context, run, context === process.withoutCause);
    },
    failed: (failure) => this.failures.push(failure),
    open: (process, what) => {
      const token = { process, what };
      this.#open.set(token, token);
      return { [Symbol.dispose]: () => void this.#open.delete(token) };
    },
    forget: (process) => {
      for (const [key, open] of this.#open) if (open.process === process) this.#open.delete(key);
    },
    unready: (lane) => this.#unready(lane),
    cancel: (timer) => this.#cancel(timer),
  };

  #ask(process: SimProcess, at: Point, run: () => void): void {
    const lane = process.lane(at.lane);
    const asking = this.#context();
    // What runs in the step is the process's own, whoever asked; the cause stays that of the asker.
    const context = asking?.process === process ? asking : this.#contextOf(process, asking?.cause);
    const operation: Operation = { sequence: this.#sequence++, at, context, run };
    lane.push(operation);
    this.#strategy.asked?.(lane, operation, this.#view);
    if (lane.readyIndex < 0 && !this.#held.has(lane)) this.#makeReady(lane);
  }

  #contextOf(process: SimProcess, cause: Cause | undefined): StepContext {
    return cause === undefined ? process.withoutCause : { runtime: this, process, cause };
  }

  #makeReady(lane: Lane): void {
    lane.readyIndex = this.#ready.length;
    this.#ready.push(lane);
  }

  #unready(lane: Lane): void {
    this.#held.delete(lane);
    if (lane.readyIndex < 0) return;
    const last = this.#ready.pop();
    if (last !== undefined && last !== lane) {
      this.#ready[lane.readyIndex] = last;
      last.readyIndex = lane.readyIndex;
    }
    lane.readyIndex = -1;
  }

  #hold(lane: Lane, ms: number): void {
    lane.heldUntilMs = Math.max(lane.heldUntilMs, this.#nowMs + ms);
    this.#unready(lane);
    this.#held.add(lane);
    this.#addTimer({
      atMs: lane.heldUntilMs,
      sequence: this.#sequence++,
      process: undefined,
      keepsAwake: true,
      fire: () => {
        if (!this.#held.has(lane) || lane.heldUntilMs > this.#nowMs) return;
        this.#held.delete(lane);
        if (!lane.isEmpty) this.#makeReady(lane);
      },
    });
  }

  #timer(process: SimProcess, ms: number, fire: () => void, options?: TimerOptions): Timer {
    const timer: Timer = {
      atMs: this.#nowMs + Math.ceil(delayOf(ms)),
      sequence: this.#sequence++,
      process,
      keepsAwake: options?.background !== true,
      fire,
    };
    this.#addTimer(timer);
    return timer;
  }

  #addTimer(timer: Timer): void {
    this.#timers.push(timer);
    if (timer.keepsAwake) this.#foregroundTimers++;
  }

  #cancel(timer: Timer): void {
    if (timer.fire === undefined) return;
    timer.fire = undefined;
    if (timer.keepsAwake) this.#foregroundTimers--;
    timer.keepsAwake = false;
    this.#cancelledTimers++;
    // Deadlines are cancelled long before they are due: without this they would pile up until then.
    if (this.#cancelledTimers > 1_000 && this.#cancelledTimers * 2 > this.#timers.size) {
      this.#timers.retain(({ fire }) => fire !== undefined);
      this.#cancelledTimers = 0;
    }
  }

  #nextTimer(): Timer | undefined {
    for (;;) {
      const next = this.#timers.peek();
      if (next === undefined || next.fire !== undefined) return next;
      this.#timers.pop();
      this.#cancelledTimers--;
    }
  }

  /** Moves time to the next timer and makes all timers of that instant ready together: their order is a choice too. */
  #moveTime(): void {
    const first = this.#nextTimer();
    if (first === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, first.atMs);
    for (let timer = this.#nextTimer(); timer !== undefined && timer.atMs <= this.#nowMs; timer = this.#nextTimer()) {
      this.#timers.pop();
      this.#release(timer);
    }
  }

  #release(timer: Timer): void {
    const { process } = timer;
    const run = (): void => {
      const fire = timer.fire;
      timer.fire = undefined;
      process?.forget(timer);
      fire?.();
    };
    if (timer.keepsAwake) this.#foregroundTimers--; // from here on the queued step keeps the simulation awake
    timer.keepsAwake = false;
    if (process === undefined) run();
    else this.#ask(process, { lane: 'timer', op: 'timer' }, run); // until it runs, disposing still cancels
  }

  #runOne(): void {
    const ready = this.#ready;
    const index = ready.length === 1 ? 0 : this.#strategy.pick(ready, this.#view);
    const lane = ready[index];
    assert(lane !== undefined, `strategy ${this.#strategy.name} picked lane ${index} of ${ready.length}`);
    const operation = lane.shift();
    assert(operation !== undefined, `lane ${lane.name} is ready but empty`);
    if (lane.isEmpty) this.#unready(lane);
    this.#steps++;
    const { op, key } = operation.at;
    let hash = Math.imul(this.#hash ^ lane.hash, 0x01000193);
    for (let i = 0; i < op.length; i++) hash = Math.imul(hash ^ op.charCodeAt(i), 0x01000193);
    if (key !== undefined) for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    this.#hash = Math.imul(hash ^ (this.#nowMs | 0), 0x01000193);
    this.trace?.push(`${this.#nowMs - this.#startMs} ${lane.name} ${op}${key === undefined ? '' : ` ${key}`}`);
    enter(operation.context, operation.run, operation.context === operation.context.process.withoutCause);
  }

  #drive(what: string, next: () => 'step' | 'time' | 'stop'): Promise<RunReport> {
    assert(!this.#driving, `${what}() was called while the simulation was already running`);
    this.#driving = true;
    const startSteps = this.#steps;
    const startMs = this.#nowMs;
    const failuresBefore = this.failures.length;
    return new Promise<RunReport>((resolve, reject) => {
      let drain: (() => void) | undefined;
      const finish = (error?: unknown): void => {
        this.#driving = false;
        const failure = this.failures[failuresBefore];
        if (failure !== undefined) {
          const name = `Process "${failure.process}" failed in "${failure.task}"`;
          reject(new ComponentFailed(`${name}: ${errorText(failure.error)}`, { cause: failure.error }));
        } else if (error !== undefined) reject(error);
        else resolve({ steps: this.#steps - startSteps, virtualMs: this.#nowMs - startMs });
      };
      // Runs in a macrotask: draining from inside a microtask would do nothing.
      const turn = (): void => {
        try {
          drain?.();
          for (let i = 0; i < (drain === undefined ? 1 : stepsPerTurn); i++) {
            const decision = this.failures.length > failuresBefore ? 'stop' : next();
            if (decision === 'stop') {
              finish();
              return;
            }
            if (decision === 'step') this.#runOne();
            else this.#moveTime();
            drain?.();
          }
        } catch (error) {
          finish(error);
          return;
        }
        realSetImmediate(turn);
      };
      realSetImmediate(() => {
        drain = this.#driver === 'synchronous' ? microtaskDrain() : undefined;
        turn();
      });
    });
  }

  #notQuiet(how: string): NotQuiet {
    const busiest = [...this.#ready].sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, 5);
    const lanes = busiest.map((lane) => `${lane.name} (${lane.count} steps)`).join(', ');
    const timer = this.#nextTimer();
    const timers = timer === undefined ? 'none' : `next in ${timer.atMs - this.#nowMs} ms of ${timer.process?.name ?? 'a held lane'}`;
    return new NotQuiet(`The simulation did not come to rest ${how}: ready lanes: ${lanes || 'none'}; timers: ${timers}`);
  }

  #assertNothingOpen(): void {
    if (this.#open.size === 0) return;
    const open = [...this.#open.values()].slice(0, 10).map(({ process, what }) => `${process.name}: ${what}`);
    throw new Stuck(`Nothing is left to run, but this work is open: ${open.join('; ')}`);
  }
}
