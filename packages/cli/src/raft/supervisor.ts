import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Process } from '@coracle/kernel';

/** A program that runs as a process of its own, under a name. */
export interface SupervisedProgram {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
}

export interface ProgramState {
  readonly name: string;
  /** `ended`: it ended by itself and in order, so it is not started again. */
  readonly state: 'starting' | 'ready' | 'waiting' | 'stopped' | 'ended';
  readonly pid: number | undefined;
  /** How often it was started after it had failed. */
  readonly restarts: number;
}

interface Supervised {
  readonly program: SupervisedProgram;
  isWanted: boolean;
  state: ProgramState['state'];
  restarts: number;
  child: ChildProcess | undefined;
  /** Ends when nothing of it runs. */
  keeping: Promise<void>;
  /** Ends a wait before the next start. */
  stopping: AbortController;
}

export interface SupervisorOptions {
  readonly process: Process;
  readonly programs: readonly SupervisedProgram[];
  /** A line of a program says that it serves. */
  readonly isReady: (line: string) => boolean;
  /** Each line that a program writes. */
  readonly line: (name: string, line: string) => void;
}

/** A program failed before any start of it had been ready: trying again would not help. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const firstWaitMs = 1000;
const longestWaitMs = 30_000;
/** Whoever ran that long did not fail at its start: the next wait is a short one. */
const soundMs = 60_000;
/** Time to end in order after SIGTERM. */
const patienceMs = 10_000;

/** Keeps programs running: one that fails is started again, after a wait that doubles each time. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #programs: ReadonlyMap<string, Supervised>;
  readonly #failed = Promise.withResolvers<never>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#failed.promise.catch(() => undefined); // whoever runs it hears of it
    this.#programs = new Map(
      options.programs.map((program) => [
        program.name,
        {
          program,
          isWanted: false,
          state: 'stopped',
          restarts: 0,
          child: undefined,
          keeping: Promise.resolve(),
          stopping: new AbortController(),
        },
      ]),
    );
  }

  /** Starts all, and stops all when the signal aborts. Rejects with StartError, with nothing left running. */
  async run(signal: AbortSignal): Promise<void> {
    for (const name of this.#programs.keys()) this.start(name);
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([aborted, this.#failed.promise]);
    } finally {
      await Promise.all([...this.#programs.keys()].map((name) => this.stop(name)));
    }
  }

  states(): readonly ProgramState[] {
    return [...this.#programs.values()].map(({ program, state, child, restarts }) => ({
      name: program.name,
      state,
      pid: child?.pid,
      restarts,
    }));
  }

  /** Idempotent. Throws RangeError for a name that is none of them. */
  start(name: string): void {
    const supervised = this.#named(name);
    if (supervised.isWanted) return;
    supervised.isWanted = true;
    supervised.state = 'starting';
    supervised.stopping = new AbortController();
    const before = supervised.keeping;
    supervised.keeping = this.#options.process.spawn(`keep ${name}`, async () => {
      await before;
      await this.#keep(supervised);
    }).done;
  }

  /** Resolves when it does not run any more. Throws RangeError as `start`. */
  async stop(name: string): Promise<void> {
    const supervised = this.#named(name);
    supervised.isWanted = false;
    supervised.stopping.abort();
    const { child } = supervised;
    if (child !== undefined) {
      child.kill('SIGTERM');
      using _ = this.#options.process.clock.timer(patienceMs, () => child.kill('SIGKILL'), { background: true });
      await supervised.keeping;
    }
    await supervised.keeping;
    supervised.state = 'stopped';
  }

  #named(name: string): Supervised {
    const found = this.#programs.get(name);
    if (found === undefined) throw new RangeError(`There is no "${name}": ${[...this.#programs.keys()].join(', ')}`);
    return found;
  }

  async #keep(supervised: Supervised): Promise<void> {
    const { clock } = this.#options.process;
    let waitMs = firstWaitMs;
    let wasReady = false;
    while (supervised.isWanted) {
      const startMs = clock.monotonic();
      const end = await this.#runOnce(supervised, () => (wasReady = true));
      if (!supervised.isWanted) return;
      if (end === 'in order') {
        supervised.state = 'ended';
        supervised.isWanted = false;
        return;
      }
      this.#options.line(supervised.program.name, `it ended: ${end}`);
      if (!wasReady) {
        this.#failed.reject(new StartError(`"${supervised.program.name}" could not be started: ${end}`));
        return;
      }
      if (clock.monotonic() - startMs > soundMs) waitMs = firstWaitMs;
      supervised.state = 'waiting';
      await clock.sleep(waitMs, { background: true, signal: supervised.stopping.signal }).catch(() => undefined); // it is stopped
      waitMs = Math.min(2 * waitMs, longestWaitMs);
      supervised.restarts++;
    }
  }

  #runOnce(supervised: Supervised, ready: () => void): Promise<string> {
    const { name, command } = supervised.program;
    const [file = '', ...args] = command;
    return new Promise((resolve) => {
      const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      supervised.child = child;
      supervised.state = 'starting';
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.#options.line(name, line);
          if (supervised.child !== child || !this.#options.isReady(line)) return;
          supervised.state = 'ready';
          ready();
        });
      }
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => {
        supervised.child = undefined;
        resolve(code === 0 ? 'in order' : signal === null ? `exit code ${code}` : signal);
      });
    });
  }
}
