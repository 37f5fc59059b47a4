import { EmbeddedStorage, liveKeySource } from '@coracle/apiserver';
import type { Clientset } from '@coracle/client';
import { Cluster } from '@coracle/cluster';
import { MemoryStore } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';
import { configMap } from './config-maps.ts';

const rounds = 5;
const count = 10_000;
const parallel = 16;

export const createInProcess: Benchmark = {
  name: 'create-in-process',
  summary: 'creates of 1 KB ConfigMaps by a client in the process of an API server that keeps them in memory',
  async run(report) {
    const runtime = new LiveRuntime();
    const storage = new EmbeddedStorage(new MemoryStore({ process: runtime.process('etcd') }));
    const cluster = new Cluster({ runtime, storage, serviceAccountKey: liveKeySource.keyPair().privateKey });
    await cluster.start();
    try {
      await createMany(cluster.admin, 'warm-up');
      const results = await inRounds(rounds, async (round) => {
        const [cpuUs, startedMs] = [ownCpuUs(), performance.now()];
        await createMany(cluster.admin, `round-${round}`);
        return {
          creates_per_s: (count / (performance.now() - startedMs)) * 1000,
          cpu_us_per_create: (ownCpuUs() - cpuUs) / count,
        };
      });
      report({ durable: false, count, rounds, figures: { clients: parallel, ...medians(results) } });
    } finally {
      await cluster.stop();
    }
  },
};

async function createMany({ coreV1 }: Clientset, namespace: string): Promise<void> {
  await coreV1.namespaces().create({ metadata: { name: namespace } });
  const configMaps = coreV1.configMaps(namespace);
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < count) await configMaps.create(configMap(`object-${next++}`, 1024));
    }),
  );
}
