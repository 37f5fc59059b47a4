/** Our work queues and informer without a wire. Prints a line of JSON. */
import { deepFreeze, type Frozen, type KubeObject, type WatchFrame } from '@coracle/apimachinery';
import {
  indexByNamespace,
  type ListWatch,
  namespaceIndex,
  PriorityQueue,
  Queue,
  SharedIndexInformer,
  type WorkQueue,
} from '@coracle/client';
import { LiveRuntime } from '@coracle/kernel';

const component = new LiveRuntime().process('toolkit');
const keys = Array.from({ length: 1000 }, (_, i) => `default/pod-${i}`);

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Operations in a second of CPU: add, get and done of one of 1,000 keys; the best of several rounds, as for the others. */
function queueRate(newQueue: () => WorkQueue<string>, count: number): number {
  let best = 0;
  for (let round = 0; round < 6; round++) {
    const queue = newQueue();
    const started = cpuSeconds();
    for (let i = 0; i < count; i++) {
      queue.add(keys[i % keys.length] ?? '');
      const got = queue.tryGet();
      if (got?.shutdown === false) queue.done(got.item);
    }
    best = Math.max(best, (3 * count) / (cpuSeconds() - started));
    queue.shutDown();
  }
  return best;
}

/** Changes of 10,000 pods in batches of 100, from a server in the same process: objects are shared, nothing is parsed. */
async function inProcessRate(events: number): Promise<number> {
  const pods = 10_000;
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
  // Each pod goes to and fro between two states: what is measured is not the garbage of a million of them.
  const batches = Array.from({ length: (2 * pods) / 100 }, (_, batch) =>
    Array.from(
      { length: 100 },
      (_unused, i): WatchFrame => ({ type: 'MODIFIED', object: version((batch * 100 + i) % pods, pods + batch * 100 + i + 1) }),
    ),
  );
  let [started, rate] = [0, 0];
  const listWatch: ListWatch<KubeObject> = {
    list: () => Promise.reject(new Error('streams only')),
    watch: async (_options, { signal } = {}) =>
      (async function* () {
        yield initial;
        yield [mark];
        started = cpuSeconds();
        for (let sent = 0; sent < events; sent += 100) yield batches[(sent / 100) % batches.length] ?? [];
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
      })(),
  };
  const informer = new SharedIndexInformer<KubeObject>({
    process: component,
    name: 'pods',
    listWatch,
    indexers: { [namespaceIndex]: indexByNamespace },
  });
  let handled = 0;
  const stop = new AbortController();
  const done = new Promise<void>((resolve) => {
    informer.addEventHandler({
      onUpdate() {
        if (++handled < events) return;
        rate = events / (cpuSeconds() - started);
        resolve();
      },
    });
  });
  const running = informer.run(stop.signal);
  await done;
  stop.abort(new Error('done'));
  await running;
  return rate;
}

const inProcess: number[] = [];
for (let round = 0; round < 3; round++) inProcess.push(await inProcessRate(1_000_000));
console.log(
  JSON.stringify({
    queue_ops_per_cpu_s: queueRate(() => new Queue({ process: component, name: '' }), 1_000_000),
    queue_with_metrics_ops_per_cpu_s: queueRate(() => new Queue({ process: component, name: 'bench' }), 500_000),
    priority_queue_ops_per_cpu_s: queueRate(() => new PriorityQueue({ process: component, name: '' }), 500_000),
    priority_queue_with_metrics_ops_per_cpu_s: queueRate(
      () => new PriorityQueue({ process: component, name: 'bench', controller: 'bench' }),
      500_000,
    ),
    in_process_events_per_cpu_s: Math.max(...inProcess),
  }),
);
process.exit();
