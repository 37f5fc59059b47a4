// Runs the simulation of the whole store for long: node --conditions=coracle-source packages/etcd/tools/simulate.ts [FIRST-SEED] [SEEDS] [SLICES]
import { simulateStore } from '../src/fixtures/store-simulation.ts';

const [first = 1, seeds = 1000, slices = 2000] = process.argv.slice(2).map(Number);
let steps = 0;
let violations = 0;
for (let seed = first; seed < first + seeds; seed++) {
  try {
    const { group, crashes, partitions, diskFaults, history } = await simulateStore({ seed }, slices);
    steps += group.runtime.steps;
    if (seed % 10 === 0)
      process.stdout.write(`${JSON.stringify({ seed, steps, violations, crashes, partitions, diskFaults, operations: history.length })}\n`);
  } catch (error) {
    violations++;
    process.stdout.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    if (error instanceof Error && error.cause instanceof Error) process.stdout.write(`${error.cause.stack}\n`);
  }
}
process.stdout.write(`${JSON.stringify({ seeds, steps, violations })}\n`);
process.exitCode = violations === 0 ? 0 : 1;
