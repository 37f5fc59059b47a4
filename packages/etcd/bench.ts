// What the store costs, as JSON lines: node --conditions=coracle-source --expose-gc packages/etcd/bench.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LiveRuntime } from '@coracle/kernel';
import { Mvcc, openDurableStore, type Store } from './src/index.ts';

const valueBytes = 1024;
const keyOf = (i: number): string => `/registry/pods/default/${String(i).padStart(10, '0')}`;

function print(what: string, figures: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ what, ...figures, load: Number(loadavg()[0]?.toFixed(1)) })}\n`);
}

const put = (store: Store, key: string): Promise<unknown> =>
  store.txn({ compares: [], success: [{ op: 'put', key, value: new Uint8Array(valueBytes).fill(65) }], failure: [] });

/** Durable commits of 1 KB: as many as so many writers can have done in a second and a half, the best of three rounds. */
async function commits(writers: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'store-bench-'));
  const runtimeProcess = new LiveRuntime().process('store');
  const store = await openDurableStore({ process: runtimeProcess, directory: join(directory, 'store') });
  const rounds: { readonly perSecond: number; readonly cpuUs: number }[] = [];
  for (let round = 0; round < 3; round++) {
    const endMs = performance.now() + 1_500;
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    let done = 0;
    const work = Array.from({ length: writers }, async (_, writer) => {
      for (let i = 0; performance.now() < endMs; i++, done++) await put(store, keyOf(writer * 1000 + (i % 1000)));
    });
    await Promise.all(work);
    const { user, system } = process.cpuUsage(cpu);
    rounds.push({
      perSecond: Math.round((done * 1000) / (performance.now() - startMs)),
      cpuUs: Number(((user + system) / done).toFixed(1)),
    });
    await store.compact(store.revision);
  }
  rounds.sort((a, b) => b.perSecond - a.perSecond);
  print('commits', { durable: true, writers, valueBytes, rounds: rounds.length, ...rounds[0], median: rounds[1]?.perSecond });
  await store.close();
  await runtimeProcess.stop();
  await rm(directory, { recursive: true });
}

function filled(count: number): Mvcc {
  const mvcc = new Mvcc();
  for (let i = 0; i < count; i++) {
    mvcc.txn({ compares: [], success: [{ op: 'put', key: keyOf(i), value: new Uint8Array(valueBytes).fill(65) }], failure: [] });
  }
  return mvcc;
}

function memory(): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.(); // memory outside of the heap is freed a collection later
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Best of many runs, in milliseconds: what it costs when nothing else runs. */
function best(runs: number, run: () => unknown): number {
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const startMs = performance.now();
    run();
    ms = Math.min(ms, performance.now() - startMs);
  }
  return Number(ms.toFixed(4));
}

const count = 100_000;
const before = memory();
const mvcc = filled(count);
const perObject = Math.round((memory() - before) / count);
mvcc.compact(mvcc.revision);
print('memory', {
  objects: count,
  valueBytes,
  keyBytes: keyOf(0).length,
  perObject,
  beyondKeyAndValue: perObject - valueBytes - keyOf(0).length,
});
print('list', { objects: 10_000, ms: best(50, () => mvcc.range({ key: '/registry/', end: '/registry0', limit: 10_000 })), of: count });
print('list', { objects: 10_000, ms: best(50, () => mvcc.range({ key: keyOf(5_000), end: keyOf(15_000) })), of: 10_000 });
print('get', {
  us: best(50, () => {
    for (let i = 0; i < 1_000; i++) mvcc.range({ key: keyOf(i) });
  }),
});
print('fork', { objects: count, ms: best(50, () => mvcc.fork()) });
if (process.argv[2] !== 'memory') for (const writers of [1, 16, 64, 256]) await commits(writers);
