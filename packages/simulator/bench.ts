// Steps per second of the simulated runtime: node --conditions=coracle-source packages/simulator/bench.ts
import { fifo, lagging, pct, SimRuntime, type Strategy, uniform } from './src/index.ts';

const workers = 20;
const rounds = 5_000;

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

for (const strategy of [fifo, uniform, () => pct({ depth: 3, steps: 200_000 }), () => lagging(uniform(), { share: 0.001 })]) {
  await stepsPerSecond(strategy()); // until the code is compiled
  const best = Math.max(await stepsPerSecond(strategy()), await stepsPerSecond(strategy()));
  console.log(`${strategy().name.padEnd(12)} ${Math.round(best).toLocaleString('en')} steps per CPU second`);
}
