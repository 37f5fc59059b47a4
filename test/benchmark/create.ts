import { BarePeer } from './bare-peer.ts';
import { type Benchmark, inRounds, medians, ownCpuUs, percentile } from './benchmark.ts';
import { configMapBody, createNamespace } from './config-maps.ts';
import { freshBundle } from './fresh-bundle.ts';
import { loadClients, spread } from './load-client.ts';

const rounds = 3;
/** Until the server's code is compiled, as it is a minute after a busy server's start. */
const warmUp = 6_000;
const cases = [
  { clients: 1, count: 1_000 },
  { clients: 16, count: 2_000 },
  { clients: 64, count: 4_000 },
] as const;

export const create: Benchmark = {
  name: 'create',
  summary: `creates of 1 KB ConfigMaps over HTTP/2 with 1, 16 and 64 clients, each with its connection, after ${warmUp} others; beside a bare server`,
  async run(report) {
    await using fresh = await freshBundle();
    await using peer = await BarePeer.start();
    const { bundle, durable } = fresh;
    let made = 0;
    for (const { clients: parallel, count } of [{ clients: 64, count: warmUp }, ...cases]) {
      const clients = await loadClients(bundle.config, parallel);
      const peerClients = await loadClients(peer.config, parallel);
      const isWarmUp = made === 0;
      const results = await inRounds(isWarmUp ? 1 : rounds, async () => {
        const [client] = clients;
        if (client === undefined) throw new Error('No client');
        const path = await createNamespace(client, `bench-${made++}`);
        const bodies = Array.from({ length: count }, (_, i) => configMapBody(`object-${i}`, 1024));
        const [serverUs, clientUs, startedMs] = [bundle.cpuUs(), ownCpuUs(), performance.now()];
        const latencies = await spread(clients, count, (each, i) => each.send('POST', path, bodies[i]));
        const figures = {
          creates_per_s: (count / (performance.now() - startedMs)) * 1000,
          server_cpu_us_per_create: (bundle.cpuUs() - serverUs) / count,
          client_cpu_us_per_create: (ownCpuUs() - clientUs) / count,
          p50_ms: percentile(latencies, 0.5),
          p99_ms: percentile(latencies, 0.99),
        };
        const bareUs = peer.cpuUs();
        await spread(peerClients, count, (each, i) => each.send('POST', path, bodies[i]));
        return { ...figures, bare_cpu_us_per_request: (peer.cpuUs() - bareUs) / count };
      });
      for (const client of [...clients, ...peerClients]) client[Symbol.dispose]();
      if (!isWarmUp) report({ durable, count, rounds, figures: { clients: parallel, ...medians(results) } });
    }
  },
};
