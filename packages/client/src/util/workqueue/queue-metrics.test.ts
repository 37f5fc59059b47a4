import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Process } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { PriorityQueue } from './priority-queue.ts';
import { Queue, type WorkQueue } from './queue.ts';

function metric({ metrics }: Process, name: string): number {
  const line = metrics
    .text()
    .split('\n')
    .find((each) => each.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
}

const queues: readonly { readonly kind: string; readonly make: (process: Process) => WorkQueue<string> }[] = [
  { kind: 'Queue', make: (process) => new Queue({ process, name: 'q' }) },
  { kind: 'PriorityQueue', make: (process) => new PriorityQueue({ process, name: 'q', controller: 'c' }) },
];

for (const { kind, make } of queues) {
  test(`${kind} measures how long an item waited and was worked on, from the first add that was not taken`, async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const queue = make(process);
    queue.add('a');
    await runtime.advance(100);
    queue.add('a');
    queue.tryGet();
    assert.equal(metric(process, 'workqueue_queue_duration_seconds_sum'), 0.1);
    await runtime.advance(50);
    queue.add('a'); // waits from here, while it is worked on
    await runtime.advance(50);
    queue.add('a');
    queue.done('a');
    assert.equal(metric(process, 'workqueue_work_duration_seconds_sum'), 0.1);
    await runtime.advance(200);
    queue.tryGet();
    assert.equal(metric(process, 'workqueue_queue_duration_seconds_sum'), 0.35);
    await runtime.advance(1000);
    queue.done('a');
    queue.done('a');
    assert.equal(metric(process, 'workqueue_work_duration_seconds_sum'), 1.1);
    assert.equal(metric(process, 'workqueue_work_duration_seconds_count'), 2);
    assert.equal(metric(process, 'workqueue_adds_total'), 2);
    assert.equal(metric(process, 'workqueue_depth'), 0);
  });

  test(`${kind} knows what is worked on, whatever is done first`, async () => {
    for (const first of ['a', 'b', 'c', 'd']) {
      const runtime = new SimRuntime();
      const process = runtime.process('c');
      const queue = make(process);
      for (const item of ['a', 'b', 'c', 'd']) {
        queue.add(item);
        queue.tryGet();
        await runtime.advance(1000);
      }
      queue.done(first);
      const rest = ['a', 'b', 'c', 'd'].filter((item) => item !== first);
      while (rest.length > 0) {
        await runtime.advance(500); // until the next sample
        const ages = rest.map((item) => process.clock.monotonic() / 1000 - 'abcd'.indexOf(item));
        const total = ages.reduce((sum, age) => sum + age, 0);
        assert.equal(metric(process, 'workqueue_unfinished_work_seconds'), total, `${first} first, ${rest.join()} are left`);
        assert.equal(metric(process, 'workqueue_longest_running_processor_seconds'), Math.max(...ages));
        queue.done(rest.pop() ?? '');
      }
      await runtime.advance(500);
      assert.equal(metric(process, 'workqueue_unfinished_work_seconds'), 0);
    }
  });
}
