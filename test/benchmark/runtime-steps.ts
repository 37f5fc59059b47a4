import { SimRuntime, uniform } from '@coracle/simulator';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';

const rounds = 5;
const workers = 20;
const stepsOfWorker = 10_000;

export const runtimeSteps: Benchmark = {
  name: 'runtime-steps',
  summary: 'steps of the simulated runtime alone, in random order: 20 processes that step, post to each other and sleep',
  async run(report) {
    const results = await inRounds(rounds + 1, async (seed) => {
      const runtime = new SimRuntime({ seed, strategy: uniform() });
      const processes = Array.from({ length: workers }, (_, i) => runtime.process(`worker-${i}`));
      for (const [i, process] of processes.entries()) {
        process.spawn('work', async () => {
          for (let step = 0; step < stepsOfWorker; step += 2) {
            await process.step({ lane: 'call', op: 'put', key: 'pods/default/web-0' }, () => undefined);
            processes[(i + 1) % workers]?.post({ lane: 'watch', op: 'MODIFIED' }, () => undefined);
            if (step % 20 === 0) await process.clock.sleep(process.random.below(10));
          }
        });
      }
      const [cpuUs, startedMs] = [ownCpuUs(), performance.now()];
      const { steps } = await runtime.settle({ maxSteps: 10 * workers * stepsOfWorker, maxVirtualMs: 1e9 });
      return {
        steps_per_s: (steps / (performance.now() - startedMs)) * 1000,
        steps_per_cpu_s: (steps / (ownCpuUs() - cpuUs)) * 1e6,
      };
    });
    // The first compiles the code.
    report({ durable: false, count: workers * stepsOfWorker, rounds, figures: medians(results.slice(1)) });
  },
};
