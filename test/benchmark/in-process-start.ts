import { SimulatedCluster } from '@coracle/cluster';
import { type Benchmark, inRounds, median } from './benchmark.ts';

const rounds = 20;

export const inProcessStart: Benchmark = {
  name: 'in-process-start',
  summary: 'a simulated cluster of all components in this process, from nothing until it is at rest: the first, and every further one',
  async run(report) {
    const [first, ...further] = await inRounds(rounds + 1, async (seed) => {
      const startedMs = performance.now();
      await SimulatedCluster.start({ seed });
      return performance.now() - startedMs;
    });
    report({ durable: false, count: 1, rounds, figures: { first_ms: first ?? 0, further_median_ms: median(further) } });
  },
};
