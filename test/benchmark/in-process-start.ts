import { SimulatedCluster } from '@coracle/cluster';
import { type Benchmark, inRounds, median } from './benchmark.ts';

/** Code is slow until it has run some dozen times; what counts is how long a start takes in a long suite of tests. */
const rounds = 60;

export const inProcessStart: Benchmark = {
  name: 'in-process-start',
  summary:
    'a simulated cluster of all components in this process, until it has answered a create and until it is at rest: the first, and every further one',
  async run(report) {
    const [first, ...further] = await inRounds(rounds + 1, async (seed) => {
      const startedMs = performance.now();
      const cluster = await SimulatedCluster.start({ seed, settle: false });
      await cluster.drive(cluster.admin.coreV1.configMaps('default').create({ metadata: { name: 'first' } }));
      const readyMs = performance.now() - startedMs;
      await cluster.settle();
      return { readyMs, atRestMs: performance.now() - startedMs };
    });
    if (first === undefined) return;
    report({
      durable: false,
      count: 1,
      rounds,
      figures: {
        first_ready_ms: first.readyMs,
        first_at_rest_ms: first.atRestMs,
        further_ready_median_ms: median(further.map(({ readyMs }) => readyMs)),
        further_at_rest_median_ms: median(further.map(({ atRestMs }) => atRestMs)),
      },
    });
  },
};
