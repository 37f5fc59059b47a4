import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Mvcc } from '@coracle/etcd';
import { type Benchmark, inRounds, medians } from './benchmark.ts';

const keys = 100_000;
const rounds = 50;
const keyBytes = 33;
const valueBytes = 1024;

export const storeFork: Benchmark = {
  name: 'store-fork',
  summary: 'a fork of a store in memory with 100,000 values of 1 KB, its first write, and what an object takes beyond key and value',
  async run(report) {
    const before = memory();
    const origin = new Mvcc();
    for (let i = 0; i < keys; i++) put(origin, `/registry/pods/default/${String(i).padStart(10, '0')}`);
    const beyond_bytes = (memory() - before) / keys - keyBytes - valueBytes;
    const forks = await inRounds(rounds, async () => {
      const startedMs = performance.now();
      const copy = origin.fork();
      const forkedMs = performance.now();
      put(copy, '/registry/pods/default/0000050000');
      return { fork_ms: forkedMs - startedMs, first_write_ms: performance.now() - forkedMs };
    });
    report({ durable: false, count: keys, rounds, figures: { ...medians(forks), beyond_bytes } });
  },
};

function put(store: Mvcc, key: string): void {
  store.txn({ compares: [], success: [{ op: 'put', key, value: new Uint8Array(valueBytes).fill(65) }], failure: [] });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void; // what the flag makes

function memory(): number {
  for (let i = 0; i < 4; i++) collectGarbage(); // memory outside of the heap is freed a collection later
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
