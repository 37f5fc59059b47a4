/** One case, in a process that has done nothing else: `run-case.ts NAME` prints its lines. */
import { loadavg } from 'node:os';
import { benchmarks } from './benchmarks.ts';

const name = process.argv[2];
const benchmark = benchmarks.find((each) => each.name === name);
if (benchmark === undefined) throw new Error(`There is no case "${name}"`);
// On the way out the servers that the case started are ended.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
await benchmark.run(({ durable, count, rounds, figures }) => {
  const rounded = Object.fromEntries(Object.entries(figures).map(([unit, value]) => [unit, Number(value.toPrecision(4))]));
  const load = Number((loadavg()[0] ?? 0).toFixed(1));
  console.log(JSON.stringify({ case: benchmark.name, durable, count, rounds, loadavg: load, ...rounded }));
});
process.exit();
