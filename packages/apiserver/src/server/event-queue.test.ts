import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventQueue, type QueueEnd } from './event-queue.ts';

async function batches(queue: EventQueue<number>): Promise<readonly (readonly number[])[]> {
  const seen: (readonly number[])[] = [];
  for await (const batch of queue) seen.push(batch);
  return seen;
}

describe('EventQueue', () => {
  test('what it starts with leaves room for as many events as ever', async () => {
    const ends: QueueEnd[] = [];
    const queue = new EventQueue<number>({ limit: 2, onEnd: (why) => ends.push(why) });
    queue.start([1, 2, 3]);
    queue.push([4]);
    queue.push([5]);
    queue.end('finished');
    assert.deepEqual(await batches(queue), [[1, 2, 3, 4, 5]]);
    assert.deepEqual(ends, ['finished']);
  });

  test('one event more than the limit ends it, and nothing is delivered', async () => {
    const ends: QueueEnd[] = [];
    const queue = new EventQueue<number>({ limit: 2, onEnd: (why) => ends.push(why) });
    for (const item of [1, 2, 3]) queue.push([item]);
    assert.deepEqual(await batches(queue), []);
    assert.deepEqual(ends, ['overflow']);
  });

  test('what is pushed before its consumer runs is one batch', async () => {
    const queue = new EventQueue<number>({ limit: 10 });
    const seen = batches(queue);
    await Promise.resolve();
    queue.push([1]);
    queue.push([2]);
    queue.end('finished');
    assert.deepEqual(await seen, [[1, 2]]);
  });

  test('leaving the iteration ends it', async () => {
    const ends: QueueEnd[] = [];
    const queue = new EventQueue<number>({ limit: 10, onEnd: (why) => ends.push(why) });
    queue.push([1]);
    for await (const batch of queue) {
      assert.deepEqual(batch, [1]);
      break;
    }
    queue.push([2]);
    assert.deepEqual(await batches(queue), []);
    assert.deepEqual(ends, ['cancelled']);
  });
});
