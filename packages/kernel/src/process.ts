import type { Cause } from './cause.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import type { MetricsRegistry } from './metrics.ts';
import type { Random } from './random.ts';

/**
 * Where a step belongs. Steps of one lane run in order; between lanes every order is legal. `op` and `key` name the step
 * in traces and plans ("MODIFIED", "pods/ns/a-0"): stable text without uids, times or errors.
 */
export interface Point {
  readonly lane: string;
  readonly op: string;
  readonly key?: string;
}

/** Something spawned: settles when its work and all that it started have ended. Never rejects. */
export interface Task {
  readonly name: string;
  readonly done: Promise<void>;
}

/**
 * One incarnation of a component (an API server, a controller, a kubelet, a test's user): the only source of time,
 * chance and waiting, and the owner of all that the component started.
 *
 * A *stop* aborts `signal`, waits for the spawned tasks and then drops timers. A *kill* (simulation only) gives no
 * notice: pending steps and timers vanish, the promises of the dead incarnation never settle, the signal stays quiet.
 */
export interface Process extends AsyncDisposable {
  readonly name: string;
  /** 0 for the first process of this name in the runtime, then 1, 2, … */
  readonly incarnation: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  /**
   * Runs `run`, which is synchronous, as one step and resolves with its result. Never runs it before returning, in
   * either runtime, so that code cannot come to depend on it.
   */
  step<T>(at: Point, run: () => T): Promise<T>;
  /** One-way: like `step`, but nobody waits for it. Posts of a lane run in order. A throw is reported as of `spawn`. */
  post(at: Point, run: () => void): void;
  /**
   * Starts work that nobody awaits here: the only unawaited promise. `run` gets the process's signal. A throw that is
   * not the abort of the signal is reported to the runtime and stops the process.
   */
  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): Task;
  /** Runs `run`, and all that it awaits, under `cause`; `cause()` reads it back. */
  context<T>(cause: Cause, run: () => T): T;
  cause(): Cause | undefined;
  /**
   * Says that something is in progress that must end without help from outside (a request, the sync of a key) until the
   * result is disposed. A simulation that comes to rest with work still open reports it as stuck.
   */
  busy(what: string): Disposable;
  /** Aborts `signal` with `reason`, waits for every spawned task, drops timers. Idempotent. A task that awaits it waits for itself. */
  stop(reason?: Error): Promise<void>;
}

/** A failure that no caller was there to receive. */
export interface Failure {
  readonly process: string;
  readonly incarnation: number;
  readonly task: string;
  readonly error: unknown;
}

/** Makes the processes of one world: the live one, or a simulated one. */
export interface Runtime {
  readonly simulated: boolean;
  process(name: string): Process;
}
