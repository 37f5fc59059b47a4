import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { Fifo } from '../fifo.ts';
import { Queue } from './queue.ts';
import { RateLimitingQueue } from './rate-limiting-queue.ts';

test('Queue.shutDownWithDrain() waits for what is worked on and for what came meanwhile', async () => {
  const runtime = new SimRuntime();
  const queue = new Queue<string>({ process: runtime.process('c'), name: 'q' });
  queue.add('a');
  await runtime.drive(queue.get());
  queue.add('a');
  let isDrained = false;
  const drained = queue.shutDownWithDrain().then(() => (isDrained = true));
  queue.add('ignored');
  queue.done('a');
  await runtime.advance(1);
  assert.equal(isDrained, false);
  await runtime.drive(queue.get());
  queue.done('a');
  await runtime.drive(drained);
  assert.deepEqual(await runtime.drive(queue.get()), { shutdown: true });
});

test('Queue.shutDown() ends a wait for the drain', async () => {
  const runtime = new SimRuntime();
  const queue = new Queue<string>({ process: runtime.process('c'), name: 'q' });
  queue.add('a');
  await runtime.drive(queue.get());
  const drained = queue.shutDownWithDrain();
  queue.shutDown();
  await runtime.drive(drained);
  queue.done('a');
});

test('a queue tells its depth, adds, retries and times under the names of upstream', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const queue = new RateLimitingQueue<string>({ process, name: 'q' });
  queue.add('a');
  queue.add('a');
  queue.addRateLimited('b');
  await runtime.advance(1_000);
  await runtime.drive(queue.get());
  await runtime.advance(2_000);
  queue.done('a');
  const lines = process.metrics.text().split('\n');
  for (const line of [
    'workqueue_depth{name="q"} 1',
    'workqueue_adds_total{name="q"} 2',
    'workqueue_retries_total{name="q"} 1',
    'workqueue_queue_duration_seconds_sum{name="q"} 1',
    'workqueue_work_duration_seconds_sum{name="q"} 2',
    'workqueue_work_duration_seconds_count{name="q"} 1',
  ]) {
    assert.ok(lines.includes(line), `${line} is not in\n${lines.join('\n')}`);
  }
});

test('a queue that a controller works on has the labels of controller-runtime', () => {
  const process = new SimRuntime().process('c');
  new RateLimitingQueue<string>({ process, name: 'q', controller: 'foo' }).add('a');
  const lines = process.metrics.text().split('\n');
  assert.ok(lines.includes('workqueue_depth{name="q",controller="foo",priority=""} 1'));
  assert.ok(lines.includes('workqueue_adds_total{name="q",controller="foo"} 1'));
});

test('Fifo hands out in order, whatever comes between', () => {
  const fifo = new Fifo<number>();
  const out: (number | undefined)[] = [];
  for (let i = 0; i < 100; i++) {
    fifo.push(i);
    if (i % 3 !== 0) out.push(fifo.shift());
  }
  while (fifo.length > 0) out.push(fifo.shift());
  assert.deepEqual(
    out,
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.equal(fifo.shift(), undefined);
});
