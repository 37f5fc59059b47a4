import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeContract } from './contract/runtime-contract.ts';
import { LiveRuntime } from './live-runtime.ts';
import type { LogRecord } from './log.ts';
import type { Failure } from './process.ts';

runtimeContract('LiveRuntime', () => {
  const failures: Failure[] = [];
  return { runtime: new LiveRuntime({ onFailure: (failure) => failures.push(failure) }), failures, drive: (work) => work };
});

test('LiveRuntime timers wait longer than setTimeout can', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { clock } = new LiveRuntime().process('a');
  const monthMs = 30 * 24 * 3_600_000;
  let fired = 0;
  clock.timer(monthMs, () => fired++);
  const cancelled = clock.timer(monthMs, () => fired++);
  context.mock.timers.tick(2 ** 31 - 1);
  cancelled[Symbol.dispose]();
  context.mock.timers.tick(monthMs - 2 ** 31);
  assert.equal(fired, 0);
  context.mock.timers.tick(1);
  assert.equal(fired, 1);
});

test('LiveRuntime logs a failure when nobody else receives it', async () => {
  const lines: LogRecord[] = [];
  const process = new LiveRuntime({ log: (line) => lines.push(line) }).process('a');
  await process.spawn('work', async () => {
    throw new Error('broken');
  }).done;
  assert.equal(lines.length, 1);
  const [line] = lines;
  assert.deepEqual([line?.level, line?.process, line?.message, line?.fields['task']], ['error', 'a', 'Task failed', 'work']);
});

test('LiveRuntime: steps that never end leave turns to sockets and timers, and keep their order', async () => {
  const process = new LiveRuntime().process('a');
  const order: number[] = [];
  let hasTurned = false;
  setImmediate(() => {
    hasTurned = true;
  });
  let sent = 0;
  // Microtasks alone would go on for ever: the end depends on the event loop.
  while (!hasTurned) {
    const [posted, stepped] = [sent++, sent++];
    process.post({ lane: 'work', op: 'post' }, () => order.push(posted));
    await process.step({ lane: 'work', op: 'step' }, () => order.push(stepped));
  }
  assert.ok(sent > 2, 'the loop does not turn between any two steps');
  assert.deepEqual(order, Array.from({ length: sent }, (_, at) => at));
});
