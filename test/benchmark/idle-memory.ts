import { setTimeout as wait } from 'node:timers/promises';
import { type Benchmark, inRounds, medians } from './benchmark.ts';
import { freshBundle } from './fresh-bundle.ts';

const rounds = 3;
const idleMs = 5_000;

export const idleMemory: Benchmark = {
  name: 'idle-memory',
  summary: 'resident memory and CPU of the bundle when nobody asks it anything',
  async run(report) {
    let durable = false;
    const results = await inRounds(rounds, async () => {
      await using fresh = await freshBundle();
      durable = fresh.durable;
      await wait(idleMs);
      const rss_MiB = fresh.bundle.rssMiB();
      const before = fresh.bundle.cpuUs();
      await wait(idleMs);
      return { rss_MiB, cpu_percent: ((fresh.bundle.cpuUs() - before) / 1000 / idleMs) * 100 };
    });
    report({ durable, count: 1, rounds, figures: medians(results) });
  },
};
