// What the less simple queues cost, in CPU time, and the long run of elections; test/benchmark/toolkit measures the rest:
//   node --conditions=coracle-source packages/client/bench.ts
//   node --conditions=coracle-source packages/client/bench.ts elections [seeds] [first seed]
import { LiveRuntime } from '@coracle/kernel';
import { PriorityQueue, Queue, RateLimitingQueue } from './src/index.ts';
import { runElection } from './src/tools/leaderelection/fixtures/election.ts';

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
  const started = process.cpuUsage();
  let terms = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const run = await runElection(seed, { electors: 2 + (seed % 3), maxRate: 1.49, minutes: 3 });
    if (run.violations.length > 0) throw new Error(`Seed ${seed}: two leaders ${run.violations.join('; ')}`);
    terms += run.terms;
  }
  console.log(`${seeds} seeds of elections: ${terms} terms, never two leaders, ${cpuSeconds(started).toFixed(0)} CPU s`);
}

const [what, count = '5000', first = '1'] = process.argv.slice(2);
if (what === 'elections') await elections(Number(count), Number(first));
else queues();
