import {
  type Cause,
  type Clock,
  deadlineWith,
  type Logger,
  type MetricsRegistry,
  type Point,
  type Process,
  type Random,
  sleepWith,
  type Task,
  type TimerOptions,
} from '@coracle/kernel';

export interface ContainerProcessOptions {
  readonly host: Process;
  /** `namespace/pod/container`: names the lanes. */
  readonly name: string;
  /** Restarts so far. */
  readonly incarnation: number;
  /** Told of a throw that nobody awaited: the container crashes. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The process of one run of a container inside its kubelet's. It can be killed by itself, in either runtime: its timers and
 * steps are dropped and its promises never settle, as those of a killed operating system process.
 */
export class ContainerProcess implements Process {
  readonly name: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly #host: Process;
  readonly #onFailure: (error: unknown) => void;
  readonly #timers = new Set<Disposable>();
  readonly #open = new Set<Disposable>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #controller = new AbortController();
  readonly #killed: PromiseWithResolvers<void> = Promise.withResolvers();
  #alive = true;
  #stopped: Promise<void> | undefined;

  constructor({ host, name, incarnation, onFailure }: ContainerProcessOptions) {
    this.name = name;
    this.incarnation = incarnation;
    this.#host = host;
    this.#onFailure = onFailure;
    this.random = host.random.fork(`container ${name}#${incarnation}`);
    this.log = host.log;
    this.metrics = host.metrics;
    const timer = (ms: number, fire: () => void, options?: TimerOptions): Disposable => this.#timer(ms, fire, options);
    this.clock = {
      now: () => host.clock.now(),
      monotonic: () => host.clock.monotonic(),
      timer,
      sleep: (ms, options) => sleepWith(timer, ms, options),
      deadline: (ms, options) => deadlineWith(timer, ms, options),
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get alive(): boolean {
    return this.#alive;
  }

  step<T>(at: Point, run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#alive) return;
      this.#host.post(this.#own(at), () => {
        if (!this.#alive) return;
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  post(at: Point, run: () => void): void {
    if (!this.#alive) return;
    this.#host.post(this.#own(at), () => {
      if (!this.#alive) return;
      try {
        run();
      } catch (error) {
        this.#onFailure(error);
      }
    });
  }

  spawn(name: string, run: (signal: AbortSignal) => Promise<void>): Task {
    const guarded = async (): Promise<void> => {
      try {
        if (this.#alive) await run(this.signal);
      } catch (error) {
        if (this.#alive && !(this.signal.aborted && error === this.signal.reason)) this.#onFailure(error);
      }
    };
    // A killed run never settles by itself, and the host must not wait for it.
    const task = this.#host.spawn(`${this.name} ${name}`, () => Promise.race([guarded(), this.#killed.promise]));
    const done = task.done.finally(() => this.#tasks.delete(done));
    this.#tasks.add(done);
    return { name, done };
  }

  context<T>(cause: Cause, run: () => T): T {
    return this.#host.context(cause, run);
  }

  cause(): Cause | undefined {
    return this.#host.cause();
  }

  busy(what: string): Disposable {
    const token = this.#host.busy(`${this.name}: ${what}`);
    this.#open.add(token);
    return {
      [Symbol.dispose]: () => {
        this.#open.delete(token);
        token[Symbol.dispose]();
      },
    };
  }

  stop(reason: Error = new Error(`Container "${this.name}" was stopped`)): Promise<void> {
    this.#stopped ??= this.#stop(reason);
    return this.#stopped;
  }

  /** Ends everything at once and without notice. Idempotent. */
  kill(): void {
    this.#alive = false;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
    for (const token of this.#open) token[Symbol.dispose]();
    this.#open.clear();
    this.#killed.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(reason: Error): Promise<void> {
    this.#controller.abort(reason);
    while (this.#tasks.size > 0 && this.#alive) await Promise.all(this.#tasks);
    this.kill();
  }

  #own({ lane, ...at }: Point): Point {
    return { ...at, lane: `${this.name} ${lane}` };
  }

  #timer(ms: number, fire: () => void, options?: TimerOptions): Disposable {
    if (!this.#alive) return { [Symbol.dispose]() {} };
    const handle = this.#host.clock.timer(
      ms,
      () => {
        this.#timers.delete(handle);
        if (this.#alive) fire();
      },
      options,
    );
    this.#timers.add(handle);
    return {
      [Symbol.dispose]: () => {
        this.#timers.delete(handle);
        handle[Symbol.dispose]();
      },
    };
  }
}
