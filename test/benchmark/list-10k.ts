import { type Benchmark, inRounds, medians } from './benchmark.ts';
import { configMapBody, createNamespace } from './config-maps.ts';
import { freshBundle } from './fresh-bundle.ts';
import { loadClients, spread } from './load-client.ts';

const objects = 10_000;
const rounds = 9;

export const list10k: Benchmark = {
  name: 'list-10k',
  summary: 'a list of 10,000 ConfigMaps of 1 KB, whole, as JSON, without compression',
  async run(report) {
    await using fresh = await freshBundle();
    const { bundle, durable } = fresh;
    const clients = await loadClients(bundle.config, 16);
    const [client] = clients;
    if (client === undefined) return;
    const path = await createNamespace(client, 'bench');
    await spread(clients, objects, (each, i) => each.send('POST', path, configMapBody(`object-${i}`, 1024)));
    const results = await inRounds(rounds, async () => {
      const [serverUs, startedMs] = [bundle.cpuUs(), performance.now()];
      const bytes = await client.send('GET', path);
      const ms = performance.now() - startedMs;
      return { ms, MB_per_s: bytes / 1e3 / ms, MB: bytes / 1e6, server_cpu_ms: (bundle.cpuUs() - serverUs) / 1000 };
    });
    for (const each of clients) each[Symbol.dispose]();
    report({ durable, count: objects, rounds, figures: { ...medians(results), least_ms: Math.min(...results.map(({ ms }) => ms)) } });
  },
};
