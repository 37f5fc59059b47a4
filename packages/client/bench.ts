// What the less simple queues cost, in CPU time, and the long run of elections; test/benchmark/toolkit measures the rest:
//   node --conditions=coracle-source packages/client/bench.ts
//   node --conditions=coracle-source packages/client/bench.ts elections [seeds] [first seed]
import { LiveRuntime } from '@coracle/kernel';
import { PriorityQueue, Queue, RateLimitingQueue } from './src/index.ts';
import { runCoordinatedElection } from './src/tools/leaderelection/fixtures/coordinated-election.ts';
import { type ElectionRun, runElection } from './src/tools/leaderelection/fixtures/election.ts';

const cpuSeconds = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** CPU nanoseconds of one of `count` operations that `run` makes, the median of five rounds after one that warms up. */
function nanoseconds(count: number, run: (count: number) => void): number {
  run(count);
  return median(
    Array.from({ length: 5 }, () => {
      const started = process.cpuUsage();
      run(count);
      return (cpuSeconds(started) / count) * 1e9;
    }),
  );
}

const runtime = new LiveRuntime();
const component = runtime.process('bench');

function queues(): void {
  const keys = Array.from({ length: 1000 }, (_, i) => `default/pod-${i}`);
  const report = (what: string, ns: number): void =>
    console.log(`${what}: ${ns.toFixed(0)} ns, ${(3e3 / ns).toFixed(1)} million operations per second`);
  const hot =
    (queue: Pick<Queue<string>, 'add' | 'tryGet' | 'done'>) =>
    (count: number): void => {
      for (let i = 0; i < count; i++) {
        queue.add(keys[i % keys.length] ?? '');
        const got = queue.tryGet();
        if (got?.shutdown === false) queue.done(got.item);
      }
    };
  report(
    'rate limiting queue, add + get + done',
    nanoseconds(1_000_000, hot(new RateLimitingQueue<string>({ process: component, name: '' }))),
  );
  report('priority queue, add + get + done', nanoseconds(500_000, hot(new PriorityQueue<string>({ process: component, name: '' }))));
  const full = new Queue<string>({ process: component, name: '' });
  for (let i = 0; i < 100_000; i++) full.add(`backlog/${i}`);
  const cycle = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const got = full.tryGet();
      if (got?.shutdown !== false) return;
      full.done(got.item);
      full.add(got.item);
    }
  };
  report('queue with 100,000 that wait, get + done + add', nanoseconds(500_000, cycle));
}

async function elections(seeds: number, first: number): Promise<void> {
  const elect = async (what: string, run: (seed: number) => Promise<ElectionRun>): Promise<void> => {
    const started = process.cpuUsage();
    let terms = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const { violations, terms: ofThis } = await run(seed);
      if (violations.length > 0) throw new Error(`Seed ${seed}: two leaders ${violations.join('; ')}`);
      terms += ofThis;
    }
    console.log(`${seeds} seeds of ${what}: ${terms} terms, never two leaders, ${cpuSeconds(started).toFixed(0)} CPU s`);
  };
  await elect('elections', (seed) => runElection(seed, { electors: 2 + (seed % 3), maxRate: 1.49, minutes: 3 }));
  await elect('coordinated elections', async (seed) => {
    const run = await runCoordinatedElection(seed, { electors: 2 + (seed % 3), drift: 0.1, skewMs: 3_800, minutes: 3 });
    if (!run.endsWell) throw new Error(`Seed ${seed}: nobody leads in the end`);
    return run;
  });
}

const [what, count = '5000', first = '1'] = process.argv.slice(2);
if (what === 'elections') await elections(Number(count), Number(first));
else queues();
