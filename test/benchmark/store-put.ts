import path from 'node:path';
import { type Benchmark, median } from './benchmark.ts';
import { TemporaryFolder } from './bundle.ts';
import { EtcdClients, EtcdServer, hasEtcd, type ServerName } from './etcd-servers.ts';

const rounds = 7;
const roundMs = 700;
const value: Uint8Array = new Uint8Array(1024).fill(65);

interface Round {
  readonly perSecond: number;
  readonly cpuUs: number;
}

export const storePut: Benchmark = {
  name: 'store-put',
  summary: 'puts of 1 KB through gRPC, 1, 16, 64 and 256 in flight, in turn with a real etcd on the same disk',
  async run(report) {
    if (!hasEtcd('store-put')) return;
    using folder = new TemporaryFolder();
    await using etcd = await EtcdServer.start('etcd', path.join(folder.path, 'etcd'));
    await using coracle = await EtcdServer.start('coracle', path.join(folder.path, 'coracle'));
    await using ofEtcd = new EtcdClients(etcd.url, 8);
    await using ofCoracle = new EtcdClients(coracle.url, 8);
    for (const inFlight of [1, 16, 64, 256]) {
      const results: Record<ServerName, Round[]> = { etcd: [], coracle: [] };
      for (let i = 0; i <= rounds; i++) {
        const before = await round(etcd, ofEtcd, inFlight);
        const ours = await round(coracle, ofCoracle, inFlight);
        if (i === 0) continue; // code that is not compiled yet
        results.etcd.push(before);
        results.coracle.push(ours);
      }
      const ratioOf = (figure: keyof Round): number =>
        median(results.coracle.map((ours, i) => ours[figure] / (results.etcd[i]?.[figure] ?? Number.NaN)));
      report({
        durable: folder.isOnDisk,
        count: inFlight,
        rounds,
        figures: {
          etcd_per_second: median(results.etcd.map(({ perSecond }) => perSecond)),
          coracle_per_second: median(results.coracle.map(({ perSecond }) => perSecond)),
          etcd_cpu_us: median(results.etcd.map(({ cpuUs }) => cpuUs)),
          coracle_cpu_us: median(results.coracle.map(({ cpuUs }) => cpuUs)),
          rate_ratio: ratioOf('perSecond'),
          cpu_ratio: ratioOf('cpuUs'),
        },
      });
    }
  },
};

async function round(server: EtcdServer, clients: EtcdClients, inFlight: number): Promise<Round> {
  const [cpuUs, startedMs] = [server.cpuUs(), performance.now()];
  let puts = 0;
  const work = async (worker: number): Promise<void> => {
    for (let i = 0; performance.now() - startedMs < roundMs; i++, puts++) await clients.put(`/k/${worker}/${i % 1000}`, value, worker);
  };
  await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)));
  return { perSecond: (puts * 1000) / (performance.now() - startedMs), cpuUs: (server.cpuUs() - cpuUs) / puts };
}
