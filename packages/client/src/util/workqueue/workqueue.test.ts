import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime, uniform } from '@coracle/simulator';
import { KeyedController } from '../../tools/keyed-controller.ts';
import { Queue } from './queue.ts';
import { BucketRateLimiter, ItemExponentialFailureRateLimiter, MaxOfRateLimiter } from './rate-limiter.ts';
import { RateLimitingQueue } from './rate-limiting-queue.ts';

function queues(seed = 1): { readonly runtime: SimRuntime; readonly queue: Queue<string>; readonly limited: RateLimitingQueue<string> } {
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const process = runtime.process('controller');
  const rateLimiter = new ItemExponentialFailureRateLimiter<string>(5, 1000);
  return {
    runtime,
    queue: new Queue<string>({ process, name: 'q' }),
    limited: new RateLimitingQueue<string>({ process, name: 'limited', rateLimiter }),
  };
}

async function take(runtime: SimRuntime, queue: { get(): ReturnType<Queue<string>['get']> }): Promise<string> {
  const got = await runtime.drive(queue.get());
  return got.shutdown ? '(shutdown)' : got.item;
}

describe('Queue', () => {
  test('holds a key once, in the order of the first add', async () => {
    const { runtime, queue } = queues();
    for (const key of ['a', 'b', 'a']) queue.add(key);
    assert.equal(queue.length, 2);
    assert.equal(await take(runtime, queue), 'a');
    assert.equal(await take(runtime, queue), 'b');
  });

  test('a key added while it is processed comes again after done, not before', async () => {
    const { runtime, queue } = queues();
    queue.add('a');
    await take(runtime, queue);
    queue.add('a');
    queue.add('a');
    assert.equal(queue.length, 0);
    queue.done('a');
    assert.equal(queue.length, 1);
    assert.equal(await take(runtime, queue), 'a');
    queue.done('a');
    assert.equal(queue.length, 0);
  });

  test('a shut down queue gives out what waits, takes nothing, then says so', async () => {
    const { runtime, queue } = queues();
    queue.add('a');
    queue.shutDown();
    queue.add('b');
    assert.equal(await take(runtime, queue), 'a');
    queue.done('a');
    assert.equal(await take(runtime, queue), '(shutdown)');
  });

  test('a key taken and never done is reported as stuck', async () => {
    const { runtime, queue } = queues();
    queue.add('a');
    await take(runtime, queue);
    await assert.rejects(runtime.settle(), /q: a/);
  });
});

describe('RateLimitingQueue', () => {
  test('addAfter keeps the shortest wait of a key', async () => {
    const { runtime, limited } = queues();
    limited.addAfter('a', 500);
    limited.addAfter('a', 50);
    limited.addAfter('a', 900);
    limited.addAfter('now', 0);
    assert.equal(limited.length, 1);
    assert.equal(await take(runtime, limited), 'now');
    const startMs = runtime.nowMs;
    assert.equal(await take(runtime, limited), 'a');
    assert.equal(runtime.nowMs - startMs, 50);
    limited.done('a');
    limited.done('now');
    await runtime.advance(2000);
    assert.equal(limited.length, 0);
  });

  test('addRateLimited waits longer with each failure, until forget', async () => {
    const { runtime, limited } = queues();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const startMs = runtime.nowMs;
      limited.addRateLimited('a');
      await take(runtime, limited);
      waits.push(runtime.nowMs - startMs);
      limited.done('a');
    }
    assert.deepEqual(waits, [5, 10, 20, 40]);
    assert.equal(limited.numRequeues('a'), 4);
    limited.forget('a');
    assert.equal(limited.numRequeues('a'), 0);
  });

  test('shutDown drops what waits for its time, and its timer', async () => {
    const { runtime, limited } = queues();
    limited.addAfter('a', 1000);
    limited.shutDown();
    const { virtualMs } = await runtime.settle();
    assert.equal(virtualMs, 0);
    assert.equal(await take(runtime, limited), '(shutdown)');
  });
});

describe('rate limiters', () => {
  test('the exponential one stops at its cap, however often it fails', () => {
    const limiter = new ItemExponentialFailureRateLimiter<string>(1, 1000);
    for (let i = 0; i < 2000; i++) limiter.when('a');
    assert.equal(limiter.when('a'), 1000);
  });

  test('the bucket lets a burst through and spaces the rest', () => {
    let nowMs = 0;
    const limiter = new BucketRateLimiter<string>({ clock: { monotonic: () => nowMs }, perSecond: 10, burst: 2 });
    assert.deepEqual([limiter.when('a'), limiter.when('b'), limiter.when('c'), limiter.when('d')], [0, 0, 100, 200]);
    nowMs = 1000;
    assert.equal(limiter.when('e'), 0);
  });

  test('the longest of several counts', () => {
    const max = new MaxOfRateLimiter<string>(new ItemExponentialFailureRateLimiter(1, 10), new ItemExponentialFailureRateLimiter(3, 10));
    assert.equal(max.when('a'), 3);
    assert.equal(max.retries('a'), 1);
  });
});

describe('KeyedController', () => {
  test('never works on one key twice at a time and loses no change, 300 seeds', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const runtime = new SimRuntime({ seed, strategy: uniform() });
      const process = runtime.process('controller');
      const working = new Set<string>();
      const wanted = new Map<string, number>();
      const done = new Map<string, number>();
      const random = runtime.random.fork('script');
      const controller = new KeyedController({
        process,
        name: 'test',
        workers: 3,
        async sync(key) {
          assert.ok(!working.has(key), `seed ${seed}: ${key} twice at a time`);
          working.add(key);
          const seen = wanted.get(key) ?? 0;
          await process.step({ lane: `request ${key}`, op: 'write' }, () => undefined);
          working.delete(key);
          if (random.below(4) === 0) throw new Error('conflict');
          done.set(key, seen);
        },
      });
      process.spawn('run', (signal) => controller.run(signal));
      for (let i = 1; i <= 20; i++) {
        const key = 'abc'[random.below(3)] ?? 'a';
        wanted.set(key, i);
        controller.queue.add(key);
        await runtime.advance(random.below(20));
      }
      await runtime.settle();
      assert.deepEqual(done, new Map([...done.keys()].map((key) => [key, wanted.get(key)])), `seed ${seed}`);
      assert.equal(done.size, wanted.size);
    }
  });

  test('requeueAfterMs brings the key again after that time', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('controller');
    const times: number[] = [];
    const controller = new KeyedController({
      process,
      name: 'test',
      async sync() {
        times.push(process.clock.monotonic());
        return times.length < 3 ? { requeueAfterMs: 1000 } : undefined;
      },
    });
    process.spawn('run', (signal) => controller.run(signal));
    controller.queue.add('a');
    await runtime.settle();
    assert.deepEqual(times, [0, 1000, 2000]);
  });

  test('run ends when its signal aborts', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('controller');
    const stop = new AbortController();
    const controller = new KeyedController({ process, name: 'test', async sync() {} });
    const running = controller.run(stop.signal);
    await runtime.settle();
    stop.abort();
    await runtime.drive(running);
  });
});
