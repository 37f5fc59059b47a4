import path from 'node:path';
import { type Benchmark, median } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd, type ServerName } from './etcd-servers.ts';

const keys = 100_000;
const listed = 10_000;
const txnPuts = 100;
const rounds = 9;
/** CPU time is known to 10 ms: one list takes hardly more. */
const listsOfRound = 5;
const names: readonly ServerName[] = ['etcd', 'coracle'];
const value: Uint8Array = new Uint8Array(1024).fill(65);
const keyOf = (i: number): string => `/registry/pods/default/${String(i).padStart(10, '0')}`;

type Figures = Record<string, number>;

export const store100k: Benchmark = {
  name: 'store-100k',
  summary: 'start, memory, recovery and lists of 10,000 of a store with 100,000 values of 1 KB, in turn with a real etcd',
  async run(report) {
    if (!hasEtcd('store-100k')) return;
    using folder = new TemporaryFolder();
    const figures: Figures = {};
    for (const name of names) await fill(name, path.join(folder.path, name), figures);
    const reads: Record<ServerName, { readonly ms: number; readonly cpuUs: number }[]> = { etcd: [], coracle: [] };
    await using etcd = await restart('etcd', path.join(folder.path, 'etcd'), figures);
    await using coracle = await restart('coracle', path.join(folder.path, 'coracle'), figures);
    for (let i = 0; i <= rounds; i++) {
      for (const [name, server] of [['etcd', etcd] as const, ['coracle', coracle] as const]) {
        const read = await list(server);
        if (i > 0) reads[name].push(read);
      }
    }
    for (const name of names) {
      figures[`${name}_list_ms`] = median(reads[name].map(({ ms }) => ms));
      figures[`${name}_list_cpu_ms`] = median(reads[name].map(({ cpuUs }) => cpuUs / 1000));
    }
    report({ durable: folder.isOnDisk, count: keys, rounds, figures });
  },
};

async function fill(name: ServerName, directory: string, figures: Figures): Promise<void> {
  await using server = await EtcdServer.start(name, directory);
  figures[`${name}_start_ms`] = server.answersMs;
  figures[`${name}_empty_mib`] = server.rssMib();
  await using clients = new EtcdClients(server.url, 8);
  const work = async (worker: number): Promise<void> => {
    for (let first = worker * txnPuts; first < keys; first += txnPuts * clients.all.length) {
      const success = Array.from({ length: txnPuts }, (_, i) => ({ op: 'put', key: keyOf(first + i), value }) as const);
      await clients.of(worker).txn({ compares: [], success, failure: [] });
    }
  };
  await Promise.all(clients.all.map((_, worker) => work(worker)));
  figures[`${name}_filled_mib`] = server.rssMib();
}

/** As after the end of the machine: what a store keeps to start from is its own affair. */
async function restart(name: ServerName, directory: string, figures: Figures): Promise<EtcdServer> {
  const server = await EtcdServer.start(name, directory);
  figures[`${name}_recovered_ms`] = server.answersMs;
  figures[`${name}_recovered_cpu_ms`] = server.cpuUs() / 1000;
  figures[`${name}_recovered_mib`] = server.rssMib();
  return server;
}

async function list(server: EtcdServer): Promise<{ readonly ms: number; readonly cpuUs: number }> {
  await using clients = new EtcdClients(server.url, 1);
  await clients.of(0).range({ key: keyOf(0) }); // connects
  const [cpuUs, startedMs] = [server.cpuUs(), performance.now()];
  for (let i = 0; i < listsOfRound; i++) {
    const { kvs } = await clients.of(0).range({ key: '/registry/', end: '/registry0', limit: listed });
    if (kvs.length !== listed) throw new Error(`${kvs.length} keys of ${listed} were listed`);
  }
  return { ms: (performance.now() - startedMs) / listsOfRound, cpuUs: (server.cpuUs() - cpuUs) / listsOfRound };
}
