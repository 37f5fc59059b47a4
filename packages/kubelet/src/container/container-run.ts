import type { Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Network } from '../network/network.ts';
import type { Caller } from '../network/dialer.ts';
import type { ContainerLog } from './container-log.ts';
import { ContainerProcess } from './container-process.ts';
import type { FileSystem } from './file-system.ts';
import type { ContainerContext, Output, Program } from './program.ts';

export interface ContainerRunOptions {
  /** The kubelet's. */
  readonly host: Process;
  readonly name: string;
  readonly image: string;
  readonly pod: Frozen<Pod>;
  readonly id: string;
  readonly restarts: number;
  readonly program: Program;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly files: FileSystem;
  readonly network: Network;
  readonly caller: Caller;
  readonly log: ContainerLog;
  readonly resumed: Frozen<unknown>;
  /** Runs before SIGTERM, which does not wait for it longer than the grace; must not throw. */
  readonly preStop?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called once, when the container has ended by itself or was killed. */
  readonly onExit: (exit: Exit) => void;
}

export interface Exit {
  readonly exitCode: number;
  readonly message: string;
}

export const killedExitCode = 137; // 128 + SIGKILL
const terminatedExitCode = 143; // 128 + SIGTERM
/** From SIGTERM to SIGKILL at least, whatever the grace is or a hook has left of it (minimumGracePeriodInSeconds). */
const shortestWindowMs = 2000;

/** A program at work: from `start` to one call of `onExit`. */
export class ContainerRun {
  readonly id: string;
  readonly log: ContainerLog;
  readonly process: ContainerProcess;
  readonly #options: ContainerRunOptions;
  readonly #terminated = new AbortController();
  readonly #ended = new AbortController();
  readonly #outcome: PromiseWithResolvers<Exit> = Promise.withResolvers();
  #save: (() => Frozen<unknown>) | undefined;
  #graceEndsAtMs: number | undefined; // of the shortest grace given so far
  #graceTimer: Disposable | undefined; // the next signal

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.id = options.id;
    this.log = options.log;
    const { namespace = '', name = '' } = options.pod.metadata;
    this.process = new ContainerProcess({
      host: options.host,
      name: `${namespace}/${name}/${options.name}`,
      incarnation: options.restarts,
      onFailure: (error) => this.#outcome.resolve(this.#crash(error)),
    });
  }

  /** Aborted once the container has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  start(): void {
    this.#options.host.spawn(`container ${this.process.name}`, async () => {
      const exit = await Promise.race([this.#execute(), this.#outcome.promise]);
      this.#clear();
      this.#options.onExit(exit);
    });
  }

  /**
   * The hook, SIGTERM, and SIGKILL when the grace is over (kuberuntime_container.go killContainer). Again: counts only when the
   * grace ends sooner.
   */
  terminate(graceMs: number): void {
    const { host, preStop } = this.#options;
    const endsAtMs = host.clock.monotonic() + graceMs;
    if (this.#ended.signal.aborted || (this.#graceEndsAtMs ?? Number.POSITIVE_INFINITY) <= endsAtMs) return;
    const isFirst = this.#graceEndsAtMs === undefined;
    this.#graceEndsAtMs = endsAtMs;
    if (preStop === undefined || this.#terminated.signal.aborted) {
      this.#sigterm();
      return;
    }
    this.#arm(endsAtMs, () => this.#sigterm());
    if (!isFirst) return;
    host.spawn(`preStop of ${this.process.name}`, async () => {
      await preStop(this.#ended.signal);
      if (!this.#terminated.signal.aborted) this.#sigterm();
    });
  }

  /** SIGKILL. */
  kill(): void {
    this.#outcome.resolve({ exitCode: killedExitCode, message: '' });
    this.#clear();
  }

  /** What the program wants to find again in a fork. */
  checkpoint(): Frozen<unknown> {
    return this.#save?.();
  }

  #sigterm(): void {
    if (this.#ended.signal.aborted) return;
    this.#terminated.abort(new Error('SIGTERM'));
    const earliestMs = this.#options.host.clock.monotonic() + shortestWindowMs;
    this.#arm(Math.max(this.#graceEndsAtMs ?? 0, earliestMs), () => this.kill());
  }

  #arm(atMs: number, fire: () => void): void {
    const { clock } = this.#options.host;
    this.#graceTimer?.[Symbol.dispose]();
    this.#graceTimer = clock.timer(atMs - clock.monotonic(), fire);
  }

  async #execute(): Promise<Exit> {
    try {
      const code = await this.#options.program(this.#context());
      if (Number.isInteger(code)) return { exitCode: code & 0xff, message: '' };
      return this.#crash(new TypeError(`The program ended with ${String(code)}, which is no exit code`));
    } catch (error) {
      if (this.#terminated.signal.aborted && error === this.#terminated.signal.reason) return { exitCode: terminatedExitCode, message: '' };
      return this.#crash(error);
    }
  }

  #crash(error: unknown): Exit {
    const text = error instanceof Error ? error.message : String(error);
    this.log.write('stderr', `${text}\n`);
    return { exitCode: 1, message: '' };
  }

  #clear(): void {
    this.#graceTimer?.[Symbol.dispose]();
    this.process.kill();
    this.log.end();
    this.#ended.abort(new Error('The container has ended'));
  }

  #context(): ContainerContext {
    const { name, image, command, args, env, pod, files, network, caller, resumed } = this.#options;
    const { process } = this;
    const closed = this.#ended.signal;
    const output = (stream: 'stdout' | 'stderr'): Output => ({ write: (text) => this.log.write(stream, text) });
    const listener = { ip: caller.ip, process, closed };
    return {
      name,
      image,
      command,
      args,
      env,
      pod,
      process,
      files,
      network: {
        ip: caller.ip,
        ...network.dialer(process, caller),
        listen: (port, handler) => network.listen({ ...listener, port, handler, accept: undefined }),
        listenStream: (port, accept) => network.listen({ ...listener, port, handler: undefined, accept }),
      },
      stdin: emptyInput,
      stdout: output('stdout'),
      stderr: output('stderr'),
      terminated: this.#terminated.signal,
      resumed,
      checkpoint: (save) => {
        this.#save = save;
      },
    };
  }
}

const emptyInput: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };
