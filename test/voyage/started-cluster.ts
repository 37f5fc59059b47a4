import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** `npm start -- up` as a process of its own, in a directory of its own. */
export class StartedCluster implements AsyncDisposable {
  readonly directory: string;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder;
    this.directory = path.join(folder, 'cluster');
    this.#child = child;
  }

  /** Resolves when it says that it is ready. */
  static async start(): Promise<StartedCluster> {
    const folder = mkdtempSync(path.join(tmpdir(), 'coracle-voyage-'));
    const start = path.join(import.meta.dirname, '../../tools/start.mjs');
    const child = spawn(process.execPath, [start, 'up', '--port', '0', '--directory', path.join(folder, 'cluster')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const cluster = new StartedCluster(folder, child);
    assert.ok(child.stdout !== null, 'its output is a pipe');
    for await (const line of createInterface(child.stdout)) if (line.includes('export KUBECONFIG=')) return cluster;
    throw new Error('It ended before it was ready');
  }

  /** An empty folder: kubectl keeps its caches there. */
  get home(): string {
    return this.#folder;
  }

  get kubeconfig(): string {
    return path.join(this.directory, 'kubeconfig');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
    rmSync(this.#folder, { recursive: true });
  }
}
