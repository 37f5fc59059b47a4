import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** How a `coracle` process ended, and all that it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** A real `coracle` process, from the sources. */
export class CoracleProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  #out = '';
  #err = '';

  constructor(args: readonly string[], options: { readonly uid?: number } = {}) {
    const node = path.join(root, 'node_modules/.bin/node');
    const env = { ...process.env, NODE_COMPILE_CACHE: path.join(root, 'node_modules/.cache/coracle/compile') };
    this.child = spawn(node, ['--conditions=coracle-source', path.join(root, 'packages/coracle/src/bin.ts'), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    this.child.stdout?.on('data', (chunk) => (this.#out += String(chunk)));
    this.child.stderr?.on('data', (chunk) => (this.#err += String(chunk)));
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal, out: this.#out, err: this.#err }));
  }

  /** Starts a control plane and waits until it says that it is ready. */
  static async up(directory: string, ...args: readonly string[]): Promise<CoracleProcess> {
    const started = new CoracleProcess(['up', '--port', '0', '--directory', directory, ...args]);
    await started.says(/Ctrl-C stops it/);
    return started;
  }

  /** Resolves with its output once that matches; rejects when the process ends before. */
  async says(pattern: RegExp): Promise<string> {
    let hasEnded = false;
    const ended = this.ended.then(() => (hasEnded = true));
    while (!pattern.test(this.#out)) {
      if (hasEnded) throw new Error(`It ended before ${pattern}:\n${this.#out}${this.#err}`);
      await Promise.race([ended, this.child.stdout === null ? ended : once(this.child.stdout, 'data')]);
    }
    return this.#out;
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}
