// What the toolkit costs, in CPU time, and the long run of its elections:
//   node --conditions=coracle-source packages/client/bench.ts
//   node --conditions=coracle-source packages/client/bench.ts elections [seeds] [first seed]
import { deepFreeze, type Frozen, type KubeObject, type WatchFrame } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import {
  indexByNamespace,
  type ListWatch,
  namespaceIndex,
  PriorityQueue,
  Queue,
  RateLimitingQueue,
  SharedIndexInformer,
} from './src/index.ts';
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
  report('queue, add + get + done', nanoseconds(1_000_000, hot(new Queue<string>({ process: component, name: '' }))));
  report('queue with metrics, add + get + done', nanoseconds(200_000, hot(new Queue<string>({ process: component, name: 'bench' }))));
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

/** Events of `pods` pods in batches of 100, from a server in the same process: the objects are shared, nothing is parsed. */
async function informer(pods: number, events: number): Promise<void> {
  const version = (name: number, at: number): Frozen<KubeObject> =>
    deepFreeze({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${name}`, namespace: `ns-${name % 10}`, uid: `u${name}`, resourceVersion: String(at) },
    });
  const initial = Array.from({ length: pods }, (_, i): WatchFrame => ({ type: 'ADDED', object: version(i, i + 1) }));
  const mark: WatchFrame = {
    type: 'BOOKMARK',
    object: deepFreeze({ metadata: { resourceVersion: String(pods), annotations: { 'k8s.io/initial-events-end': 'true' } } }),
  };
  // Each pod goes to and fro between two states, so that what is measured is not the garbage of a million of them.
  const batches = Array.from({ length: (2 * pods) / 100 }, (_, batch) =>
    Array.from(
      { length: 100 },
      (_unused, i): WatchFrame => ({ type: 'MODIFIED', object: version((batch * 100 + i) % pods, pods + batch * 100 + i + 1) }),
    ),
  );
  let started = process.cpuUsage();
  let seconds = 0;
  const listWatch: ListWatch<KubeObject> = {
    list: () => Promise.reject(new Error('streams only')),
    watch: async (_options, { signal } = {}) =>
      (async function* () {
        yield initial;
        yield [mark];
        started = process.cpuUsage();
        for (let sent = 0; sent < events; sent += 100) yield batches[(sent / 100) % batches.length] ?? [];
        seconds = cpuSeconds(started);
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
      })(),
  };
  const shared = new SharedIndexInformer<KubeObject>({
    process: component,
    name: 'pods',
    listWatch,
    indexers: { [namespaceIndex]: indexByNamespace },
  });
  const stop = new AbortController();
  let handled = 0;
  const done = new Promise<void>((resolve) => {
    shared.addEventHandler({
      onUpdate() {
        if (++handled === events) setImmediate(resolve);
      },
    });
  });
  const running = shared.run(stop.signal);
  await done;
  console.log(`informer of ${pods} pods, an index and a handler: ${(events / seconds / 1e6).toFixed(2)} million events per CPU second`);
  stop.abort(new Error('done'));
  await running;
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
else {
  queues();
  for (let round = 0; round < 3; round++) await informer(10_000, 1_000_000);
}
