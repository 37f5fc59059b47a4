import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readYamlDocuments } from '@coracle/apimachinery';
import { type ClientConfig, clientConfigFromKubeconfig } from '@coracle/client';
import { processCpuUs } from './process-cpu.ts';

export const root: string = path.resolve(import.meta.dirname, '../..');
const executable = path.join(root, 'dist/coracle.mjs');

const readyWithinMs = 60_000;
const pollEveryMs = 2;
const tmpfsMagic = 0x01021994;

/** An empty folder that goes when it is disposed of, or when this process ends. */
export class TemporaryFolder {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'coracle-bench-'));

  readonly #remove = (): void => rmSync(this.path, { recursive: true, force: true });

  constructor() {
    process.once('exit', this.#remove);
  }

  /** Whether what is synced there outlives the machine: not in a file system that is in memory. */
  get isOnDisk(): boolean {
    return statfsSync(this.path).type !== tmpfsMagic;
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}

/** Where and how the bundle is started. */
export interface BundleOptions {
  /** Its data: a new folder, or that of an earlier start to go on with. */
  readonly directory: string;
  /** Where Node keeps compiled code, as the npm scripts have it do. */
  readonly compileCache: string;
}

/** `coracle up` as it is shipped, in a process of its own. Its CPU and memory are read from /proc: on Linux only. */
export class Bundle {
  /** From the start of the process to the first ok of /readyz. */
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, readyMs: number) {
    this.#child = child;
    this.#directory = directory;
    this.readyMs = readyMs;
  }

  static async start({ directory, compileCache }: BundleOptions): Promise<Bundle> {
    const port = await freePort();
    const startedMs = performance.now();
    const child = spawn(process.execPath, [...profilingArgs(), executable, 'up', '--port', String(port), '--directory', directory], {
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const end = (): void => void child.kill('SIGKILL');
    process.prependOnceListener('exit', end); // before its folder goes
    child.once('exit', () => process.off('exit', end));
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`"${executable}" ended with ${child.exitCode} before it was ready`);
      if (performance.now() - startedMs > readyWithinMs) throw new Error(`"${executable}" was not ready within ${readyWithinMs} ms`);
      await wait(pollEveryMs);
    }
    return new Bundle(child, directory, performance.now() - startedMs);
  }

  /** How the administrator reaches it. */
  get config(): ClientConfig {
    const [kubeconfig] = readYamlDocuments(readFileSync(path.join(this.#directory, 'kubeconfig'), 'utf8'));
    return clientConfigFromKubeconfig(kubeconfig);
  }

  /** CPU time of the process so far, user and system, in microseconds; known to 10 ms. */
  cpuUs(): number {
    return processCpuUs(this.#child.pid);
  }

  /** Resident memory of the process. */
  rssMiB(): number {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) / 1024;
  }

  /** Resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

/** `BENCH_CPU_PROFILE=FOLDER npm run bench -- create` leaves profiles there, of the case's process and of its servers. */
export function profilingArgs(): readonly string[] {
  const folder = process.env['BENCH_CPU_PROFILE'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(folder)}`];
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  server.close();
  await once(server, 'close');
  return port;
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('error', () => resolve(false)); // nobody listens yet
    asked.end();
  });
}
