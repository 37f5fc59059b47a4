import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { LruCache } from '../lru-cache.ts';
import { DelayingQueue } from './delaying-queue.ts';
import { parallelizeUntil } from './parallelize.ts';
import { Queue, type QueueOrder } from './queue.ts';
import {
  BucketRateLimiter,
  defaultItemBasedRateLimiter,
  ItemExponentialFailureRateLimiter,
  ItemFastSlowRateLimiter,
  MaxOfRateLimiter,
  WithMaxWaitRateLimiter,
} from './rate-limiter.ts';

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('rate limiters', () => {
  test('the exponential one doubles for each item by itself, never beyond its cap, and forgets', () => {
    const limiter = new ItemExponentialFailureRateLimiter<string>(1, 1000);
    assert.deepEqual(
      times(5, () => limiter.when('a')),
      [1, 2, 4, 8, 16],
    );
    assert.equal(limiter.when('b'), 1);
    assert.deepEqual([limiter.retries('a'), limiter.retries('b')], [5, 1]);
    limiter.forget('a');
    assert.equal(limiter.when('a'), 1);
    for (let i = 0; i < 5000; i++) limiter.when('c');
    assert.equal(limiter.when('c'), 1000);
    assert.equal(defaultItemBasedRateLimiter<string>().when('a'), 1);
  });

  test('the fast-slow one is fast for so many tries', () => {
    const limiter = new ItemFastSlowRateLimiter<string>({ fastMs: 5, slowMs: 10_000, maxFastAttempts: 3 });
    assert.deepEqual(
      times(5, () => limiter.when('a')),
      [5, 5, 5, 10_000, 10_000],
    );
    assert.equal(limiter.retries('a'), 5);
    assert.equal(limiter.when('b'), 5);
    limiter.forget('a');
    assert.equal(limiter.when('a'), 5);
  });

  test('the longest of several counts, all of them count failures, and all forget', () => {
    const limiter = new MaxOfRateLimiter<string>(
      new ItemFastSlowRateLimiter({ fastMs: 5, slowMs: 3000, maxFastAttempts: 3 }),
      new ItemExponentialFailureRateLimiter(1, 1000),
    );
    assert.deepEqual(
      times(5, () => limiter.when('a')),
      [5, 5, 5, 3000, 3000],
    );
    assert.equal(limiter.retries('a'), 5);
    limiter.forget('a');
    assert.deepEqual([limiter.when('a'), limiter.retries('a')], [5, 1]);
    assert.equal(new MaxOfRateLimiter<string>().when('a'), 0);
  });

  test('a longest wait bounds another limiter', () => {
    const limiter = new WithMaxWaitRateLimiter<string>(new ItemExponentialFailureRateLimiter(10, 100_000), 50);
    assert.deepEqual(
      times(5, () => limiter.when('a')),
      [10, 20, 40, 50, 50],
    );
    assert.equal(limiter.retries('a'), 5);
    limiter.forget('a');
    assert.equal(limiter.when('a'), 10);
  });

  test('the bucket reserves into the future and never forgives what was reserved', () => {
    let nowMs = 0;
    const limiter = new BucketRateLimiter<string>({ clock: { monotonic: () => nowMs }, perSecond: 1, burst: 1 });
    assert.deepEqual(
      times(3, () => limiter.when('a')),
      [0, 1000, 2000],
    );
    limiter.forget();
    nowMs = 500;
    assert.equal(limiter.when('a'), 2500);
  });
});

describe('DelayingQueue', () => {
  const scene = (): { readonly runtime: SimRuntime; readonly queue: DelayingQueue<string> } => {
    const runtime = new SimRuntime();
    return { runtime, queue: new DelayingQueue<string>({ process: runtime.process('c'), name: 'q' }) };
  };

  test('adds when the time has come and not before', async () => {
    const { runtime, queue } = scene();
    queue.addAfter('a', 50);
    await runtime.advance(49);
    assert.equal(queue.length, 0);
    await runtime.advance(1);
    assert.equal(queue.length, 1);
    assert.deepEqual(queue.tryGet(), { item: 'a', shutdown: false });
    queue.done('a');
    await runtime.advance(10_000);
    assert.equal(queue.length, 0);
  });

  test('of two waits of an item the one that ends first counts, whichever was asked for first', async () => {
    for (const [first, second] of [
      [50, 30],
      [30, 50],
    ] as const) {
      const { runtime, queue } = scene();
      queue.addAfter('a', first);
      queue.addAfter('a', second);
      await runtime.advance(30);
      assert.equal(queue.length, 1);
      queue.tryGet();
      queue.done('a');
      await runtime.advance(100);
      assert.equal(queue.length, 0);
    }
  });

  test('an early item does not hold up a later one, nor the other way round', async () => {
    const { runtime, queue } = scene();
    queue.addAfter('late', 1000);
    queue.addAfter('early', 10);
    await runtime.advance(10);
    assert.deepEqual(queue.tryGet(), { item: 'early', shutdown: false });
    queue.done('early');
    queue.addAfter('third', 2000);
    await runtime.advance(990);
    assert.deepEqual(queue.tryGet(), { item: 'late', shutdown: false });
  });

  test('hands out many waits in the order in which they end, and keeps nothing of those that were cut short', async () => {
    const { runtime, queue } = scene();
    const random = runtime.random.fork('waits');
    for (let i = 0; i < 1000; i++) queue.addAfter(`${i % 50}`, 1 + random.below(1000));
    const seen = new Set<string>();
    await runtime.advance(1000);
    for (let got = queue.tryGet(); got !== undefined && !got.shutdown; got = queue.tryGet()) {
      assert.ok(!seen.has(got.item));
      seen.add(got.item);
      queue.done(got.item);
    }
    assert.equal(seen.size, 50);
  });
});

describe('Queue', () => {
  test('asks an order of ours, and tells it when an item that waits comes again', () => {
    const calls: string[] = [];
    const items: string[] = [];
    const order: QueueOrder<string> = {
      get length() {
        return items.length;
      },
      push: (item) => void items.push(item),
      shift: () => items.pop(),
      touch: (item) => calls.push(`touch ${item}`),
    };
    const queue = new Queue<string>({ process: new SimRuntime().process('c'), name: '', order });
    queue.add('a');
    queue.add('b');
    queue.add('a');
    assert.deepEqual(calls, ['touch a']);
    assert.deepEqual(queue.tryGet(), { item: 'b', shutdown: false });
    queue.add('b');
    queue.add('b');
    assert.deepEqual(calls, ['touch a']);
    queue.done('b');
    assert.equal(queue.length, 2);
  });

  test('has no metrics without a name, and nothing to give when it is empty', () => {
    const process = new SimRuntime().process('c');
    const queue = new Queue<string>({ process, name: '' });
    queue.add('a');
    queue.tryGet();
    queue.done('a');
    assert.equal(process.metrics.text(), '');
    assert.equal(queue.tryGet(), undefined);
  });

  test('done of what is not worked on changes nothing', () => {
    const queue = new Queue<string>({ process: new SimRuntime().process('c'), name: 'q' });
    queue.done('a');
    queue.add('a');
    queue.done('a');
    assert.equal(queue.length, 1);
  });

  test('samples what is worked on, twice a second, and stops when nothing is', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const queue = new Queue<string>({ process, name: 'q' });
    const metric = (name: string): string | undefined =>
      process.metrics
        .text()
        .split('\n')
        .find((line) => line.startsWith(`${name}{`));
    queue.add('a');
    queue.add('b');
    queue.tryGet();
    await runtime.advance(1000);
    queue.tryGet();
    await runtime.advance(1000);
    assert.equal(metric('workqueue_unfinished_work_seconds'), 'workqueue_unfinished_work_seconds{name="q"} 3');
    assert.equal(metric('workqueue_longest_running_processor_seconds'), 'workqueue_longest_running_processor_seconds{name="q"} 2');
    queue.done('a');
    queue.done('b');
    await runtime.advance(1000);
    assert.equal(metric('workqueue_unfinished_work_seconds'), 'workqueue_unfinished_work_seconds{name="q"} 0');
    queue.add('c');
    queue.tryGet();
    queue.shutDown();
    await runtime.advance(5000);
    assert.equal(metric('workqueue_unfinished_work_seconds'), 'workqueue_unfinished_work_seconds{name="q"} 0');
  });
});

describe('parallelizeUntil()', () => {
  test('does every piece once, with so many workers and chunks as are asked for', async () => {
    for (const { workers, pieces, chunkSize } of [
      { workers: 10, pieces: 1000, chunkSize: 1 },
      { workers: 10, pieces: 1000, chunkSize: 10 },
      { workers: 10, pieces: 1000, chunkSize: 100 },
      { workers: 10, pieces: 999, chunkSize: 13 },
      { workers: 10, pieces: 0, chunkSize: 0 },
    ]) {
      const seen = new Array<number>(pieces).fill(0);
      let running = 0;
      let most = 0;
      await parallelizeUntil({ workers, pieces, chunkSize }, async (piece) => {
        most = Math.max(most, ++running);
        seen[piece] = (seen[piece] ?? 0) + 1;
        await Promise.resolve();
        running--;
      });
      assert.ok(seen.every((count) => count === 1));
      assert.ok(most <= workers);
    }
  });

  test('begins nothing more after an abort or an error', async () => {
    const stop = new AbortController();
    let done = 0;
    await parallelizeUntil({ workers: 2, pieces: 100, signal: stop.signal }, async () => {
      if (++done === 10) stop.abort(new Error('enough'));
    });
    assert.ok(done <= 11);
    done = 0;
    const work = parallelizeUntil({ workers: 2, pieces: 100 }, async (piece) => {
      done++;
      if (piece === 5) throw new Error('bad piece');
    });
    await assert.rejects(work, /bad piece/);
    assert.ok(done < 20);
  });
});

describe('LruCache', () => {
  test('drops what was used longest ago, and what has expired', () => {
    let nowMs = 0;
    const cache = new LruCache<string, number>(2, () => nowMs);
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3, 100);
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
    nowMs = 100;
    assert.deepEqual([cache.keys(), cache.get('c'), cache.size], [['a'], undefined, 1]);
    assert.throws(() => new LruCache(0), RangeError);
  });
});
