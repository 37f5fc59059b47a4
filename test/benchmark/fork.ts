import { readySimulation } from './basic-tidb-cluster.ts';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';

const rounds = 20;
const warmUp = 5;

export const fork: Benchmark = {
  name: 'fork',
  summary: 'a fork of a simulated cluster whose TidbCluster is ready, and the time until it is at rest',
  async run(report) {
    const origin = await readySimulation(1);
    const results = await inRounds(warmUp + rounds, async () => {
      const [cpuUs, startedMs] = [ownCpuUs(), performance.now()];
      const copy = await origin.fork();
      const forkedMs = performance.now();
      await copy.settle();
      return {
        fork_ms: forkedMs - startedMs,
        fork_and_settle_ms: performance.now() - startedMs,
        fork_and_settle_cpu_ms: (ownCpuUs() - cpuUs) / 1000,
      };
    });
    report({ durable: false, count: 1, rounds, figures: medians(results.slice(warmUp)) });
  },
};
