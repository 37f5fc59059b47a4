import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { digestOfRuns, runBusyCluster } from './fixtures/busy-cluster.ts';
import { SimRuntime } from './sim-runtime.ts';
import { fifo, lagging, uniform } from './strategy.ts';

const digestFile = new URL('../testdata/digest-1000.txt', import.meta.url);

// Changes only on purpose: with it, every seed and plan that somebody kept means another run. UPDATE_DIGEST=1 rewrites it.
test('a thousand seeds run as they always did', async () => {
  const digest = await digestOfRuns(1_000);
  if (process.env['UPDATE_DIGEST'] === '1') writeFileSync(digestFile, `${digest}\n`);
  assert.equal(`${digest}\n`, readFileSync(digestFile, 'utf8'));
});

test('a thousand seeds give the same runs again, and with the event loop for a driver', async () => {
  const digest = readFileSync(digestFile, 'utf8');
  assert.equal(`${await digestOfRuns(1_000)}\n`, digest);
  assert.equal(`${await digestOfRuns(1_000, { driver: 'setImmediate' })}\n`, digest);
});

test('other seeds give other runs', async () => {
  const hashes = new Set<number>();
  for (let seed = 0; seed < 200; seed++) hashes.add((await runBusyCluster({ seed, strategy: uniform() })).hash);
  assert.ok(hashes.size > 190, `${hashes.size} runs of 200 are distinct`);
});

test('simulations that take turns in one process do not see each other', async () => {
  const options = (seed: number) => ({ seed, driver: 'setImmediate', strategy: lagging(uniform()) }) as const;
  const together = await Promise.all([runBusyCluster(options(1)), runBusyCluster(options(2)), runBusyCluster(options(1))]);
  assert.deepEqual(together[0], together[2]);
  assert.deepEqual(together, [await runBusyCluster(options(1)), await runBusyCluster(options(2)), await runBusyCluster(options(1))]);
});

test('a trace does not change the run, and names every step', async () => {
  const run = async (trace: boolean): Promise<SimRuntime> => {
    const runtime = new SimRuntime({ trace, strategy: fifo() });
    const process = runtime.process('a');
    process.spawn('work', async () => {
      await process.clock.sleep(5);
      await process.step({ lane: 'call', op: 'get', key: 'pods/ns/a-0' }, () => undefined);
    });
    await runtime.settle();
    return runtime;
  };
  const [traced, plain] = [await run(true), await run(false)];
  assert.deepEqual(traced.trace, ['0 a/spawn work start', '5 a/timer timer', '5 a/call get pods/ns/a-0']);
  assert.equal(plain.trace, undefined);
  assert.equal(traced.hash, plain.hash);
});

test('the draws of a strategy do not shift those of the processes', async () => {
  const draw = async (strategy: ReturnType<typeof uniform>): Promise<string> => {
    const runtime = new SimRuntime({ seed: 7, strategy });
    for (const name of ['a', 'b']) for (let i = 0; i < 5; i++) runtime.process(name).post({ lane: 'x', op: 'y' }, () => undefined);
    await runtime.settle();
    return runtime.process('late').random.uuid();
  };
  assert.equal(await draw(uniform()), await draw(fifo()));
});
