// CPU per step of the simulated and the live runtime: node --conditions=coracle-source packages/simulator/bench.ts
import { LiveRuntime, type Process } from '@coracle/kernel';
import { fifo, lagging, pct, SimRuntime, type Strategy, uniform } from './src/index.ts';

const workers = 20;
const rounds = 3_000;
const bareSteps = 200_000;

/** Processes that step, sleep and post to each other: the cost of the runtime and hardly anything else. */
async function stepsPerSecond(strategy: Strategy): Promise<number> {
  const runtime = new SimRuntime({ seed: 1, strategy });
  const processes = Array.from({ length: workers }, (_, i) => runtime.process(`worker-${i}`));
  let total = 0;
  for (const [i, process] of processes.entries()) {
    process.spawn('work', async () => {
      for (let round = 0; round < rounds; round++) {
        await process.step({ lane: 'call', op: 'put', key: 'pods/ns/a-0' }, () => total++);
        processes[(i + 1) % workers]?.post({ lane: 'watch', op: 'MODIFIED' }, () => total++);
        if (round % 10 === 0) await process.clock.sleep(process.random.below(10));
      }
    });
  }
  const started = globalThis.process.cpuUsage();
  const { steps } = await runtime.settle({ maxSteps: 10_000_000, maxVirtualMs: 1e9 });
  const { user, system } = globalThis.process.cpuUsage(started);
  return steps / ((user + system) / 1e6);
}

/** A process that awaits one step after the other: nothing but the runtime, one promise and its hops. */
async function bareStepNs(): Promise<number> {
  const runtime = new SimRuntime();
  const process = runtime.process('bare');
  process.spawn('work', () => stepping(process, bareSteps));
  const started = globalThis.process.cpuUsage();
  await runtime.settle({ maxSteps: bareSteps * 2 });
  return cpuNs(started) / bareSteps;
}

/** What a live step costs beyond the promise that anything asynchronous costs. */
async function liveOverheadNs(): Promise<number> {
  const process = new LiveRuntime().process('live');
  const plainStart = globalThis.process.cpuUsage();
  let total = 0;
  const settled = Promise.resolve();
  for (let i = 0; i < bareSteps; i++) await settled.then(() => total++);
  const plain = cpuNs(plainStart);
  const started = globalThis.process.cpuUsage();
  await stepping(process, bareSteps);
  return (cpuNs(started) - plain) / bareSteps;
}

async function stepping(process: Process, steps: number): Promise<void> {
  let total = 0;
  for (let i = 0; i < steps; i++) await process.step({ lane: 'call', op: 'put' }, () => total++);
}

function cpuNs(started: NodeJS.CpuUsage): number {
  const { user, system } = globalThis.process.cpuUsage(started);
  return (user + system) * 1_000;
}

/** The least of many: what it costs when nobody else has the caches. */
async function least(measure: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 7; i++) best = Math.min(best, await measure());
  return best;
}

console.log(`bare step          ${Math.round(await least(bareStepNs))} ns`);
console.log(`live step, beyond a promise ${Math.round(await least(liveOverheadNs))} ns`);
for (const strategy of [fifo, uniform, () => pct({ depth: 3, steps: 200_000 }), () => lagging(uniform(), { share: 0.001 })]) {
  await stepsPerSecond(strategy()); // until the code is compiled
  const best = -(await least(async () => -(await stepsPerSecond(strategy()))));
  console.log(`${strategy().name.padEnd(12)} ${Math.round(best).toLocaleString('en')} steps per CPU second`);
}
