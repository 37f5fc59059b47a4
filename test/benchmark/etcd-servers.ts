import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EtcdClient, http2Connector } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { freePort, profilingArgs, root } from './bundle.ts';
import { keptCompileCache } from './fresh-bundle.ts';
import { processCpuUs } from './process-cpu.ts';

/** Real etcd 3.7: `CORACLE_ETCD`, or the one that the tools of this project build. */
const binary = process.env['CORACLE_ETCD'] ?? path.join(homedir(), '.cache', 'kubernetes-oracle', 'v1.37.2', 'etcd');
const answersWithinMs = 60_000;

export type ServerName = 'etcd' | 'coracle';

/** A store beside another, each a program of its own with a directory on disk; both sync before they answer. */
export class EtcdServer {
  readonly url: string;
  /** From the start of the process until it says that it is healthy. */
  readonly answersMs: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string, answersMs: number) {
    this.#child = child;
    this.url = url;
    this.answersMs = answersMs;
  }

  /** One that is alone. */
  static async start(name: ServerName, directory: string): Promise<EtcdServer> {
    // Ours listens to no other member then; etcd always does.
    if (name === 'coracle') return EtcdServer.#start(name, directory, []);
    const peer = `http://127.0.0.1:${await freePort()}`;
    return EtcdServer.#start(name, directory, peerArgs(peer, `default=${peer}`));
  }

  /** Three that are one cluster, which answers. */
  static async startThree(name: ServerName, directory: string): Promise<readonly EtcdServer[]> {
    const peers: string[] = [];
    for (let i = 0; i < 3; i++) peers.push(`http://127.0.0.1:${await freePort()}`);
    const cluster = peers.map((peer, i) => `m${i}=${peer}`).join(',');
    const start = (peer: string, i: number): Promise<EtcdServer> =>
      EtcdServer.#start(name, path.join(directory, `m${i}`), ['--name', `m${i}`, ...peerArgs(peer, cluster)]);
    return Promise.all(peers.map(start));
  }

  static async #start(name: ServerName, directory: string, more: readonly string[]): Promise<EtcdServer> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const args = ['--data-dir', directory, '--listen-client-urls', url, '--advertise-client-urls', url, ...more];
    const [command, before] =
      name === 'coracle'
        ? [process.execPath, [...profilingArgs(), path.join(root, 'dist/coracle.mjs'), 'etcd']]
        : [binary, ['--log-level', 'error']];
    const startedMs = performance.now();
    const env = { ...process.env, NODE_COMPILE_CACHE: keptCompileCache };
    const child = spawn(command, [...before, ...args], { env, stdio: ['ignore', 'ignore', name === 'coracle' ? 'inherit' : 'ignore'] }); // etcd complains of its own end
    const end = (): void => void child.kill('SIGKILL');
    process.prependOnceListener('exit', end); // before its folder goes
    child.once('exit', () => process.off('exit', end));
    while (!(await isHealthy(url))) {
      if (child.exitCode !== null) throw new Error(`"${command}" ended with ${child.exitCode} before it answered`);
      if (performance.now() - startedMs > answersWithinMs) throw new Error(`"${command}" did not answer within ${answersWithinMs} ms`);
      await wait(2);
    }
    return new EtcdServer(child, url, performance.now() - startedMs);
  }

  /** See `processCpuUs`. */
  cpuUs(): number {
    return processCpuUs(this.#child.pid);
  }

  /** Resident memory. */
  rssMib(): number {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
  }

  /** Resolves when it has ended in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }
}

function peerArgs(peer: string, cluster: string): readonly string[] {
  return ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster];
}

function isHealthy(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(`${url}/health`, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => resolve(false));
  });
}

/** Whether there is an etcd to be measured beside; says so when there is not. */
export function hasEtcd(benchmark: string): boolean {
  if (existsSync(binary)) return true;
  console.error(`bench: "${benchmark}" is left out: "${binary}" is not there; CORACLE_ETCD names an etcd 3.7`);
  return false;
}

/** Clients of our own, each with a connection of its own: the same for both servers. */
export class EtcdClients implements AsyncDisposable {
  readonly all: readonly EtcdClient[];
  readonly #process = new LiveRuntime().process('load');

  /** With several servers each client has one of them, in turn. */
  constructor(urls: string | readonly string[], count: number) {
    const connector = http2Connector(this.#process);
    const servers = typeof urls === 'string' ? [urls] : urls;
    this.all = Array.from({ length: count }, (_, i) => {
      return new EtcdClient({ process: this.#process, connector, endpoints: [servers[i % servers.length] ?? ''] });
    });
  }

  of(worker: number): EtcdClient {
    return this.all[worker % this.all.length] as EtcdClient; // there is one at least
  }

  async put(key: string, value: Uint8Array, worker = 0): Promise<void> {
    await this.of(worker).txn({ compares: [], success: [{ op: 'put', key, value }], failure: [] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.all) client.close();
    await this.#process.stop();
  }
}
