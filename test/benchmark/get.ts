import { type Benchmark, inRounds, medians, ownCpuUs, percentile } from './benchmark.ts';
import { configMapBody, createNamespace } from './config-maps.ts';
import { freshBundle } from './fresh-bundle.ts';
import { loadClients, spread } from './load-client.ts';

const rounds = 3;
const objects = 1_000;
const warmUp = 3_000;
const cases = [
  { clients: 1, count: 2_000 },
  { clients: 64, count: 6_000 },
] as const;

export const get: Benchmark = {
  name: 'get',
  summary: 'gets of 1 KB ConfigMaps over HTTP/2 with 1 and 64 clients, each with its connection',
  async run(report) {
    await using fresh = await freshBundle();
    const { bundle, durable } = fresh;
    for (const { clients: parallel, count } of cases) {
      const clients = await loadClients(bundle.config, parallel);
      const [client] = clients;
      if (client === undefined) return;
      const path = await createNamespace(client, `bench-${parallel}`);
      await spread(clients, objects, (each, i) => each.send('POST', path, configMapBody(`object-${i}`, 1024)));
      const getOne = (each: typeof client, i: number): Promise<number> => each.send('GET', `${path}/object-${i % objects}`);
      await spread(clients, warmUp, getOne);
      const results = await inRounds(rounds, async () => {
        const [serverUs, clientUs, startedMs] = [bundle.cpuUs(), ownCpuUs(), performance.now()];
        const latencies = await spread(clients, count, getOne);
        return {
          gets_per_s: (count / (performance.now() - startedMs)) * 1000,
          server_cpu_us_per_get: (bundle.cpuUs() - serverUs) / count,
          client_cpu_us_per_get: (ownCpuUs() - clientUs) / count,
          p50_ms: percentile(latencies, 0.5),
          p99_ms: percentile(latencies, 0.99),
        };
      });
      for (const each of clients) each[Symbol.dispose]();
      report({ durable, count, rounds, figures: { clients: parallel, ...medians(results) } });
    }
  },
};
