import {
  type Cause,
  type Clock,
  deadlineWith,
  type Failure,
  type Logger,
  loggerFor,
  type LogSink,
  MetricsRegistry,
  type Point,
  type Process,
  type Random,
  sleepWith,
  type Task,
  type TimerOptions,
} from '@coracle/kernel';
import { Lane } from './lane.ts';
import type { StepContext } from './step-context.ts';

/** One pending call of a timer. */
export interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly process: SimProcess | undefined;
  fire: (() => void) | undefined; // undefined once fired or cancelled
  keepsAwake: boolean; // counted among the foreground timers
}

/** What a process needs of its runtime. */
export interface SimPorts {
  readonly runtime: object;
  now(): number;
  monotonic(): number;
  ask(process: SimProcess, at: Point, run: () => void): void;
  timer(process: SimProcess, ms: number, fire: () => void, options?: TimerOptions): Timer;
  cause(): Cause | undefined;
  /** Runs `run` as code of `process`. */
  within<T>(process: SimProcess, cause: Cause | undefined, run: () => T): T;
  failed(failure: Failure): void;
  open(process: SimProcess, what: string): Disposable;
  forget(process: SimProcess): void;
  unready(lane: Lane): void;
  cancel(timer: Timer): void;
}

/** A process of a simulation. Besides stopping, it can be killed. */
export class SimProcess implements Process {
  readonly name: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: MetricsRegistry = new MetricsRegistry();
  /** What its code runs under when there is no cause to tell. */
  readonly withoutCause: StepContext;
  readonly #ports: SimPorts;
  readonly #lanes = new Map<string, Lane>();
  #lanesBeforeSweep = 256;
  readonly #timers = new Set<Timer>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #controller = new AbortController();
  #alive = true;
  #stopped: Promise<void> | undefined;

  constructor(ports: SimPorts, name: string, incarnation: number, random: Random, log: LogSink) {
    this.#ports = ports;
    this.withoutCause = { runtime: ports.runtime, process: this, cause: undefined };
    this.name = name;
    this.incarnation = incarnation;
    this.random = random;
    this.log = loggerFor(name, ports.now, log);
    const timer = (ms: number, fire: () => void, options?: TimerOptions): Disposable => this.#timer(ms, fire, options);
    this.clock = {
      now: ports.now,
      monotonic: ports.monotonic,
      timer,
      sleep: (ms, options) => sleepWith(timer, ms, options),
      deadline: (ms, options) => deadlineWith(timer, ms, options),
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** False after `kill`, or once `stop` has finished. */
  get alive(): boolean {
    return this.#alive;
  }

  step<T>(at: Point, run: () => T): Promise<T> {
    if (!this.#alive) return new Promise<T>(() => {});
    return new Promise<T>((resolve, reject) => {
      this.#ports.ask(this, at, () => {
        try {
          const value = run();
          if (this.#alive) resolve(value); // `run` may have killed this process, whose promises never settle
        } catch (error) {
          if (this.#alive) reject(error);
        }
      });
    });
  }

  post(at: Point, run: () => void): void {
    if (!this.#alive) return;
    this.#ports.ask(this, at, () => {
      try {
        run();
      } catch (error) {
        this.#fail(`${at.lane} ${at.op}`, error);
      }
    });
  }

  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): Task {
    const done = this.#ports
      .within(this, this.cause(), () => this.step({ lane: `spawn ${name}`, op: 'start' }, () => run(this.signal)))
      .then((running) => running)
      .catch((error: unknown) => {
        if (!(this.signal.aborted && error === this.signal.reason)) this.#fail(name, error);
      })
      .finally(() => this.#tasks.delete(done));
    this.#tasks.add(done);
    return { name, done };
  }

  context<T>(cause: Cause, run: () => T): T {
    return this.#ports.within(this, cause, run);
  }

  cause(): Cause | undefined {
    return this.#ports.cause();
  }

  busy(what: string): Disposable {
    if (!this.#alive) return { [Symbol.dispose]: () => undefined };
    return this.#ports.open(this, what);
  }

  stop(reason: Error = new Error(`Process "${this.name}" was stopped`)): Promise<void> {
    this.#stopped ??= this.#stop(reason);
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends this incarnation as a crash does: no notice, no cleaning up; its promises never settle. */
  kill(): void {
    this.#alive = false;
    for (const lane of this.#lanes.values()) {
      lane.clear();
      this.#ports.unready(lane);
    }
    for (const timer of this.#timers) this.#ports.cancel(timer);
    this.#timers.clear();
    this.#ports.forget(this);
  }

  lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      if (this.#lanes.size >= this.#lanesBeforeSweep) this.#dropIdleLanes();
      lane = new Lane(`${this.name}/${name}`);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Lanes named after a request or a watch would pile up. One that is asked again begins anew: only its count is lost. */
  #dropIdleLanes(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.isEmpty && lane.heldUntilMs <= this.#ports.now()) this.#lanes.delete(name);
    }
    this.#lanesBeforeSweep = 256 + 2 * this.#lanes.size;
  }

  /** How many lanes are kept; some of them may be idle. */
  get lanes(): number {
    return this.#lanes.size;
  }

  forget(timer: Timer): void {
    this.#timers.delete(timer);
  }

  #timer(ms: number, fire: () => void, options?: TimerOptions): Disposable {
    if (!this.#alive) return { [Symbol.dispose]() {} };
    const cause = this.cause();
    const timer = this.#ports.timer(this, ms, () => this.#ports.within(this, cause, fire), options);
    this.#timers.add(timer);
    return {
      [Symbol.dispose]: () => {
        this.#timers.delete(timer);
        this.#ports.cancel(timer);
      },
    };
  }

  async #stop(reason: Error): Promise<void> {
    this.#controller.abort(reason);
    while (this.#tasks.size > 0 && this.#alive) await Promise.all(this.#tasks);
    this.kill();
  }

  #fail(task: string, error: unknown): void {
    this.log.error('Task failed', { task, error: errorText(error) });
    this.#ports.failed({ process: this.name, incarnation: this.incarnation, task, error });
    this.stop(error instanceof Error ? error : new Error(String(error))).catch(() => undefined); // #stop never rejects
  }
}

/** What a trace or report shows of a throw. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
