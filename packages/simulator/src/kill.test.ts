import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimRuntime } from './sim-runtime.ts';
import { lagging, uniform } from './strategy.ts';

const at = { lane: 'a', op: 'work' };

test('a killed process changes nothing more: no step, post, timer, task or microtask of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(30), async (seed, killAtMs) => {
      const runtime = new SimRuntime({ seed, strategy: lagging(uniform()) });
      const process = runtime.process('mortal');
      let effects = 0;
      const effect = (): void => void effects++;
      const beat = (): void => {
        effect();
        process.clock.timer(3, beat, { background: true });
      };
      beat();
      for (let worker = 0; worker < 3; worker++) {
        process.spawn(`worker ${worker}`, async () => {
          for (;;) {
            await process.step({ lane: `call ${worker}`, op: 'x' }, effect);
            effect();
            process.post({ lane: 'watch', op: 'x' }, effect);
            await process.clock.sleep(process.random.below(5), { background: true });
            effect();
          }
        });
      }
      await runtime.advance(killAtMs);
      process.kill();
      const before = effects;
      await runtime.advance(1_000);
      assert.equal(effects, before);
      assert.equal(process.alive, false);
      assert.equal(process.signal.aborted, false);
    }),
    { numRuns: 50 },
  );
});

test('a process that is killed within its own step gets no answer', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('mortal');
  const went: string[] = [];
  process.spawn('work', async () => {
    await process.step(at, () => process.kill());
    went.push('on');
  });
  process.spawn('other', async () => {
    await process.step(at, () => {
      process.kill();
      throw new Error('never seen');
    });
  });
  await runtime.settle();
  assert.deepEqual(went, []);
  assert.deepEqual(runtime.failures, []);
});

test('what a dead process is asked for never happens', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('mortal');
  process.kill();
  let effects = 0;
  const effect = (): void => void effects++;
  process.post(at, effect);
  process.clock.timer(1, effect)[Symbol.dispose]();
  process.clock.timer(1, effect);
  process.spawn('work', async () => effect());
  assert.deepEqual(await runtime.settle(), { steps: 0, virtualMs: 0 });
  await assert.rejects(runtime.drive(process.step(at, effect)), { name: 'NotQuiet' });
  assert.equal(effects, 0);
  await process.stop();
  process.kill();
});

test('a dead process holds up neither settle nor the report of open work', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('mortal');
  process.clock.timer(60_000, () => undefined);
  process.busy('request');
  process.post(at, () => undefined);
  process.kill();
  process.busy('what its garbage continuations still call');
  assert.deepEqual(await runtime.settle(), { steps: 0, virtualMs: 0 });
});

test('the next incarnation has the same name, a number more, and other chance', () => {
  const runtime = new SimRuntime();
  const first = runtime.process('mortal');
  first.kill();
  const second = runtime.process('mortal');
  assert.deepEqual([second.name, second.incarnation, second.alive], ['mortal', 1, true]);
  assert.notEqual(second.random.uuid(), first.random.uuid());
});

test('a process is dead once it has stopped', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('a');
  process.spawn('work', (signal) => process.clock.sleep(60_000, { signal }));
  await runtime.until(() => runtime.steps === 1);
  const stopped = process.stop();
  assert.equal(process.alive, true);
  await runtime.drive(stopped);
  assert.equal(process.alive, false);
  assert.deepEqual(runtime.failures, []);
});
