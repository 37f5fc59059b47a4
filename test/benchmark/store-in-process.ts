import path from 'node:path';
import { type DurableStore, openDurableStore } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { type Benchmark, inRounds, median, ownCpuUs } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd } from './etcd-servers.ts';
import { besideEtcd, putRound, putting, type Round, value } from './store-rounds.ts';

const listed = 10_000;
const lists = 20;

export const storeInProcess: Benchmark = {
  name: 'store-in-process',
  summary:
    'durable puts of 1 KB to a store in this process, 1, 16, 64 and 256 at once, in turn with as many to etcd; its start, and a list',
  async run(report) {
    if (!hasEtcd('store-in-process')) return;
    using folder = new TemporaryFolder();
    await using etcd = await EtcdServer.start('etcd', path.join(folder.path, 'etcd'));
    await using clients = new EtcdClients(etcd.url, 8);
    const runtimeProcess = new LiveRuntime().process('store');
    const startedMs = performance.now();
    const store = await openDurableStore({ process: runtimeProcess, directory: path.join(folder.path, 'coracle') });
    const start_ms = performance.now() - startedMs;
    await putting(64, (key) => put(store, key), 3_000); // code that is not compiled yet
    for (const writers of [1, 16, 64, 256]) {
      const { rounds, figures } = await besideEtcd({
        etcd: () => putRound([etcd], clients, writers),
        coracle: () => inProcess(store, writers),
      });
      report({ durable: folder.isOnDisk, count: writers, rounds, figures });
      await store.compact(store.revision);
    }
    const list_ms = await listing(store);
    report({ durable: folder.isOnDisk, count: listed, rounds: lists, figures: { start_ms, list_ms } });
    await store.close();
    await runtimeProcess.stop();
  },
};

function put(store: DurableStore, key: string): Promise<unknown> {
  return store.txn({ compares: [], success: [{ op: 'put', key, value }], failure: [] });
}

async function inProcess(store: DurableStore, writers: number): Promise<Round> {
  const cpuUs = ownCpuUs();
  const { puts, perSecond } = await putting(writers, (key) => put(store, key));
  return { perSecond, cpuUs: (ownCpuUs() - cpuUs) / puts };
}

async function listing(store: DurableStore): Promise<number> {
  const range = { key: '/list/', end: '/list0' };
  for (let i = 0; i < listed; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => put(store, `/list/${i + j}`)));
  return median(
    await inRounds(lists, async () => {
      const startedMs = performance.now();
      const { kvs } = store.range(range);
      if (kvs.length !== listed) throw new Error(`${kvs.length} keys of ${listed} were listed`);
      return performance.now() - startedMs;
    }),
  );
}
