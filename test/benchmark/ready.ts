import path from 'node:path';
import { type Benchmark, inRounds, median } from './benchmark.ts';
import { Bundle, TemporaryFolder } from './bundle.ts';

const rounds = 5;

/** Each start on an empty store makes keys and certificates; each restart finds those, and what a fresh server holds. */
export const ready: Benchmark = {
  name: 'ready',
  summary: 'the bundle, from the start of its process to the first ok of /readyz',
  async run(report) {
    using caches = new TemporaryFolder();
    const results = await inRounds(rounds, async () => {
      using folder = new TemporaryFolder();
      const options = { directory: path.join(folder.path, 'cluster'), compileCache: caches.path };
      const fresh = await start(options);
      return { durable: folder.isOnDisk, fresh, again: await start(options) };
    });
    // Node writes what it compiled when the first process ends: the first start is that of a new installation.
    const [first, ...further] = results;
    if (first === undefined) return;
    report({
      durable: first.durable,
      count: 1,
      rounds,
      figures: {
        first_ms: first.fresh.readyMs,
        median_ms: median(further.map(({ fresh }) => fresh.readyMs)),
        restart_median_ms: median(further.map(({ again }) => again.readyMs)),
        cpu_median_ms: median(further.map(({ fresh }) => fresh.cpuMs)),
      },
    });
  },
};

async function start(options: { readonly directory: string; readonly compileCache: string }): Promise<{ readyMs: number; cpuMs: number }> {
  await using bundle = await Bundle.start(options);
  return { readyMs: bundle.readyMs, cpuMs: bundle.cpuUs() / 1000 };
}
