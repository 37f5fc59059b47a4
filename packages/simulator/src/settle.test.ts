import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentFailed, NotQuiet, SimRuntime, Stuck } from './sim-runtime.ts';

const at = { lane: 'a', op: 'work' };

test('settle waits for foreground timers and not for background ones', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('a');
  const fired: string[] = [];
  const beat = (): void => {
    fired.push('beat');
    clock.timer(10, beat, { background: true });
  };
  clock.timer(10, beat, { background: true });
  clock.timer(25, () => fired.push('done'));
  assert.deepEqual(await runtime.settle(), { steps: 3, virtualMs: 25 });
  assert.deepEqual(fired, ['beat', 'beat', 'done']);
  assert.deepEqual(await runtime.settle(), { steps: 0, virtualMs: 0 });
});

test('settle: a cancelled foreground timer no longer holds it', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('a');
  const deadline = clock.deadline(60_000);
  clock.timer(5, () => deadline[Symbol.dispose]());
  assert.equal((await runtime.settle()).virtualMs, 5);
});

test('settle: a deadline whose parent aborted no longer holds it', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('a');
  const parent = new AbortController();
  clock.deadline(60_000, { signal: parent.signal });
  clock.timer(5, () => parent.abort());
  assert.equal((await runtime.settle()).virtualMs, 5);
});

test('settle: a hot loop is not quiet, and is named', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('hot');
  const again = (): void => process.post({ lane: 'loop', op: 'again' }, again);
  again();
  await assert.rejects(runtime.settle({ maxSteps: 1_000 }), {
    name: 'NotQuiet',
    message: /after 1000 steps: ready lanes: hot\/loop \(1000 steps\)/,
  });
});

test('settle: a foreground timer that comes again for ever is not quiet, and is named', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('poller');
  const again = (): void => void clock.timer(1_000, again);
  again();
  await assert.rejects(runtime.settle({ maxVirtualMs: 10_500 }), (error) => {
    assert.ok(error instanceof NotQuiet);
    assert.match(error.message, /after 10500 virtual ms: ready lanes: none; timers: next in 1000 ms of poller/);
    return true;
  });
});

test('settle: work that nobody will end is stuck, and is named', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('web');
  process.spawn('work', async () => {
    using _sync = process.busy('sync default/a');
    await new Promise(() => {});
  });
  await assert.rejects(runtime.settle(), (error) => {
    assert.ok(error instanceof Stuck);
    assert.match(error.message, /web: sync default\/a$/);
    return true;
  });
  process.kill();
  await runtime.settle();
});

test('settle: a component that throws fails the test, once', async () => {
  const runtime = new SimRuntime();
  const error = new Error('broken');
  runtime.process('web').spawn('work', async () => {
    throw error;
  });
  await assert.rejects(runtime.settle(), (failure) => {
    assert.ok(failure instanceof ComponentFailed);
    assert.equal(failure.message, 'Process "web" failed in "work": broken');
    assert.equal(failure.cause, error);
    return true;
  });
  await runtime.settle();
});

test('settle: one at a time', async () => {
  const runtime = new SimRuntime();
  const settling = runtime.settle();
  assert.throws(() => runtime.settle(), { name: 'AssertionError' });
  await settling;
});

test('settle goes on where microtasks are many', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('a');
  let hops = 0;
  process.spawn('work', async () => {
    for (; hops < 10_000; hops++) await Promise.resolve();
    await process.step(at, () => undefined);
  });
  assert.deepEqual(await runtime.settle(), { steps: 2, virtualMs: 0 });
  assert.equal(hops, 10_000);
});

test('advance runs what is due, background timers too, and leaves the clock at the end', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('a');
  const startMs = clock.now();
  const fired: number[] = [];
  for (const ms of [10, 20, 21]) clock.timer(ms, () => fired.push(clock.now() - startMs), { background: true });
  await runtime.advance(20);
  assert.deepEqual(fired, [10, 20]);
  assert.equal(clock.now() - startMs, 20);
  assert.equal(clock.monotonic(), 20);
});

test('until stops at the first step after which the condition holds', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('a');
  let count = 0;
  for (let i = 0; i < 5; i++) process.post(at, () => count++);
  assert.deepEqual(await runtime.until(() => count === 3), { steps: 3, virtualMs: 0 });
  await assert.rejects(
    runtime.until(() => count === 9),
    NotQuiet,
  );
});

test('drive gives the value of work, or its refusal, and reports work that never ends', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('a');
  assert.equal(await runtime.drive(process.clock.sleep(50).then(() => 5)), 5);
  assert.equal(process.clock.monotonic(), 50);
  const refusal = new Error('no');
  await assert.rejects(
    runtime.drive(
      process.step(at, () => {
        throw refusal;
      }),
    ),
    refusal,
  );
  await assert.rejects(runtime.drive(new Promise(() => {})), NotQuiet);
});

test('between settle and settle no time passes, and the simulated year begins with 2026', async () => {
  const runtime = new SimRuntime();
  await runtime.settle();
  assert.equal(new Date(runtime.process('a').clock.now()).toISOString(), '2026-01-01T00:00:00.000Z');
  assert.equal(new SimRuntime({ startMs: 5 }).nowMs, 5);
});

test('a held lane keeps settle waiting', async () => {
  const runtime = new SimRuntime({ strategy: { name: 'hold', pick: () => 0, asked: (lane, _operation, view) => view.hold(lane, 300) } });
  let ran = false;
  runtime.process('a').post(at, () => {
    ran = true;
  });
  assert.deepEqual(await runtime.settle(), { steps: 1, virtualMs: 300 });
  assert.ok(ran);
});
