import { SimulatedCluster } from '@coracle/cluster';
import { uniform } from '@coracle/simulator';
import { becomeReady } from './basic-tidb-cluster.ts';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';

const rounds = 5;
const clustersInRound = 3;

export const simSteps: Benchmark = {
  name: 'sim-steps',
  summary: 'steps of whole simulated clusters in random order, from their start until a TidbCluster is ready',
  async run(report) {
    const results = await inRounds(rounds + 1, async (round) => {
      let steps = 0;
      const [cpuUs, startedMs] = [ownCpuUs(), performance.now()];
      for (let i = 0; i < clustersInRound; i++) {
        const cluster = await SimulatedCluster.start({ seed: round * clustersInRound + i, strategy: uniform() });
        await becomeReady(cluster);
        steps += cluster.runtime.steps;
      }
      return {
        steps_per_s: (steps / (performance.now() - startedMs)) * 1000,
        steps_per_cpu_s: (steps / (ownCpuUs() - cpuUs)) * 1e6,
        steps_per_cluster: steps / clustersInRound,
      };
    });
    // The first compiles the code.
    report({ durable: false, count: clustersInRound, rounds, figures: medians(results.slice(1)) });
  },
};
