// Runs the simulation of the whole store for long:
//   node --conditions=coracle-source packages/etcd/tools/simulate.ts [FIRST-SEED] [SEEDS] [STEPS] [CPU-SECONDS]
// Given a number of CPU seconds, it ends with the first violation, or when they are spent.
import { simulateStore } from '../src/fixtures/store-simulation.ts';

const [first = 1, seeds = 1000, stepsOfSeed = 10_000, huntSeconds = Number.POSITIVE_INFINITY] = process.argv.slice(2).map(Number);
const total = { seeds: 0, steps: 0, violations: 0, operations: 0, unknown: 0, events: 0, reports: 0, elections: 0, revisions: 0 };
const faults: Record<string, number> = {};

function report(): void {
  const cpuSeconds = Math.round(process.cpuUsage().user / 1e6);
  process.stdout.write(`${JSON.stringify({ ...total, ...faults, cpuSeconds })}\n`);
}

// Errors are thrown by the thousand; where from is of use only when one seed is looked at.
if (seeds > 1) Error.stackTraceLimit = 0;

for (let seed = first; seed < first + seeds; seed++) {
  try {
    const { group, clients, watchers, safety, history, faults: done } = await simulateStore({ seed }, stepsOfSeed);
    total.steps += group.runtime.steps;
    total.operations += clients.operations.length;
    total.unknown += clients.unknown;
    total.elections += safety.elections;
    total.revisions += history.newest;
    for (const { events, reports } of watchers) {
      total.events += events;
      total.reports += reports;
    }
    for (const [fault, count] of Object.entries(done.counts)) faults[fault] = (faults[fault] ?? 0) + count;
  } catch (error) {
    total.violations++;
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (seeds === 1 && error instanceof Error && error.cause instanceof Error) process.stdout.write(`${error.cause.stack}\n`);
  }
  total.seeds++;
  const isHunt = Number.isFinite(huntSeconds);
  if (isHunt && (total.violations > 0 || process.cpuUsage().user > huntSeconds * 1e6)) break;
  if (total.seeds % 100 === 0) report();
}
report();
process.exitCode = total.violations === 0 ? 0 : 1;
