import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Change } from '@coracle/etcd';
import { type Benchmark, median, percentile } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd, type ServerName } from './etcd-servers.ts';
import { besideEtcd, type Round } from './store-rounds.ts';

const watchers = 100;
const connections = 4;
const writers = 16;
const putsOfRound = 400;
const range = { key: '/w/', end: '/w0' };

export const storeWatch: Benchmark = {
  name: 'store-watch',
  summary: '100 watchers of 4 clients told of puts of 1 KB by 16 writers, in turn with a real etcd; each told counts, CPU with the puts',
  async run(report) {
    if (!hasEtcd('store-watch')) return;
    using folder = new TemporaryFolder();
    await using etcd = await Watched.start('etcd', path.join(folder.path, 'etcd'));
    await using coracle = await Watched.start('coracle', path.join(folder.path, 'coracle'));
    const { rounds, figures } = await besideEtcd({ etcd: () => etcd.round(), coracle: () => coracle.round() });
    report({
      durable: folder.isOnDisk,
      count: watchers,
      rounds,
      figures: { ...figures, etcd_p99_ms: median(etcd.lags), coracle_p99_ms: median(coracle.lags) },
    });
  },
};

/** A server and those who watch it. */
class Watched implements AsyncDisposable {
  /** Of each round: how long after it was sent 99 of 100 of those who are told of a put had been told. */
  readonly lags: number[] = [];
  readonly #server: EtcdServer;
  readonly #writers: EtcdClients;
  readonly #watching: EtcdClients;
  #tellsMs: number[] = [];
  #told: () => void = () => undefined;

  private constructor(server: EtcdServer) {
    this.#server = server;
    this.#writers = new EtcdClients(server.url, 4);
    this.#watching = new EtcdClients(server.url, connections);
  }

  static async start(name: ServerName, directory: string): Promise<Watched> {
    const watched = new Watched(await EtcdServer.start(name, directory));
    await watched.#watch();
    return watched;
  }

  async #watch(): Promise<void> {
    const changes = (batch: readonly Change[]): void => {
      for (const { current } of batch) if (current !== undefined) this.#tell(current.value);
    };
    const ended = (error: Error): void => {
      throw error;
    };
    const open = Array.from({ length: watchers }, (_, i) => this.#watching.of(i).watch(range, { from: 0 }, { changes, ended }));
    while (open.some(({ told }) => told === 0)) await wait(10);
  }

  #tell(value: Uint8Array): void {
    const sentMs = new DataView(value.buffer, value.byteOffset).getFloat64(0);
    if (this.#tellsMs.push(performance.now() - sentMs) === putsOfRound * watchers) this.#told();
  }

  async round(): Promise<Round> {
    this.#tellsMs = [];
    const all = new Promise<void>((resolve) => {
      this.#told = resolve;
    });
    const [cpuUs, startedMs] = [this.#server.cpuUs(), performance.now()];
    let next = 0;
    const write = async (worker: number): Promise<void> => {
      while (next < putsOfRound) {
        const value = new Uint8Array(1024).fill(65);
        new DataView(value.buffer).setFloat64(0, performance.now());
        await this.#writers.put(`/w/${next++ % 100}`, value, worker);
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, worker) => write(worker)));
    await all;
    const told = this.#tellsMs.length;
    this.lags.push(percentile(this.#tellsMs, 0.99));
    return { perSecond: (told * 1000) / (performance.now() - startedMs), cpuUs: (this.#server.cpuUs() - cpuUs) / told };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watching[Symbol.asyncDispose]();
    await this.#writers[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}
