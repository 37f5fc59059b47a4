import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ClientConfig } from '@coracle/client';
import { processCpuUs } from './process-cpu.ts';

/** The least that a server in Node costs here and now, in a process of its own: what a server's own work is compared with. */
export class BarePeer {
  readonly config: ClientConfig;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, config: ClientConfig) {
    this.#child = child;
    this.config = config;
  }

  static async start(): Promise<BarePeer> {
    const script = path.join(import.meta.dirname, 'bare-server.ts');
    const child = spawn(process.execPath, [...process.execArgv, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    return new BarePeer(child, JSON.parse(text.toString()) as ClientConfig); // as the script writes it
  }

  cpuUs(): number {
    return processCpuUs(this.#child.pid);
  }

  /** Resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}
