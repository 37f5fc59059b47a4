import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { lowPriority, PriorityQueue } from './priority-queue.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly queue: PriorityQueue<string>;
  metric(name: string): number | undefined;
  take(): Promise<string>;
}

function scene(): Scene {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const queue = new PriorityQueue<string>({ process, name: 'q' });
  return {
    runtime,
    queue,
    metric: (name) => {
      const line = process.metrics
        .text()
        .split('\n')
        .find((text) => text.startsWith(`${name}{name="q"} `));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    },
    async take() {
      const got = await runtime.drive(queue.getWithPriority());
      return got.shutdown ? '(shutdown)' : `${got.item}@${got.priority}`;
    },
  };
}

describe('PriorityQueue', () => {
  test('hands out by priority, and in the order of arrival within one', async () => {
    const { queue, take } = scene();
    queue.addWithOptions({ priority: lowPriority }, 'slow');
    queue.addWithOptions({}, 'a', 'b', 'c');
    queue.addWithOptions({ priority: 5 }, 'first');
    assert.deepEqual([await take(), await take(), await take(), await take(), await take()], ['first@5', 'a@0', 'b@0', 'c@0', 'slow@-100']);
  });

  test('does not hand out an item that is worked on, but as soon as it is done', async () => {
    const { runtime, queue, take } = scene();
    queue.add('a');
    await take();
    queue.addWithOptions({ priority: 9 }, 'a');
    queue.add('b');
    assert.equal(queue.length, 2);
    assert.equal(await take(), 'b@0');
    let got: string | undefined;
    const waiting = queue.getWithPriority().then((next) => {
      got = next.shutdown ? '(shutdown)' : `${next.item}@${next.priority}`;
    });
    await runtime.advance(1);
    assert.equal(got, undefined);
    queue.done('a');
    await runtime.drive(waiting);
    assert.equal(got, 'a@9');
  });

  test('holds an item once, and counts it once', async () => {
    const { queue, take, metric } = scene();
    for (let i = 0; i < 3; i++) queue.add('a');
    assert.equal(queue.length, 1);
    assert.equal(metric('workqueue_adds_total'), 1);
    assert.equal(await take(), 'a@0');
    assert.equal(queue.length, 0);
  });

  test('keeps the highest priority of an item and never lowers it', async () => {
    const { queue, take } = scene();
    queue.addWithOptions({ priority: 1 }, 'a');
    queue.addWithOptions({ priority: 2 }, 'a');
    queue.addWithOptions({ priority: -5 }, 'a');
    queue.add('a');
    assert.equal(await take(), 'a@2');
  });

  test('moves an item before others when its priority is raised, behind those that were there', async () => {
    const { queue, take } = scene();
    queue.addWithOptions({ priority: 0 }, 'low', 'raised');
    queue.addWithOptions({ priority: 1 }, 'high');
    queue.addWithOptions({ priority: 1 }, 'raised');
    assert.deepEqual([await take(), await take(), await take()], ['high@1', 'raised@1', 'low@0']);
  });

  test('keeps the shortest wait of an item; what waits does not count', async () => {
    const { runtime, queue, take, metric } = scene();
    queue.addAfter('a', 5000);
    queue.addAfter('a', 100);
    queue.addAfter('a', 9000);
    assert.equal(queue.length, 0);
    assert.equal(metric('workqueue_depth'), 0);
    const startMs = runtime.nowMs;
    assert.equal(await take(), 'a@0');
    assert.equal(runtime.nowMs - startMs, 100);
    queue.done('a');
    await runtime.advance(10_000);
    assert.equal(queue.length, 0);
  });

  test('an item without a wait is ready at once, whatever waits it had', async () => {
    const { runtime, queue, take, metric } = scene();
    queue.addAfter('a', 5000);
    queue.addWithOptions({ priority: 3 }, 'a');
    assert.equal(queue.length, 1);
    assert.equal(metric('workqueue_adds_total'), 1);
    assert.equal(metric('workqueue_depth'), 1);
    queue.addAfter('a', 5000);
    assert.equal(queue.length, 1);
    assert.equal(await take(), 'a@3');
    queue.done('a');
    await runtime.advance(20_000);
    assert.equal(queue.length, 0);
    assert.equal(metric('workqueue_depth'), 0);
  });

  test('what waited joins the back of its priority', async () => {
    const { runtime, queue, take } = scene();
    queue.addAfter('early', 10);
    queue.add('a');
    await runtime.advance(20);
    queue.add('b');
    assert.deepEqual([await take(), await take(), await take()], ['a@0', 'early@0', 'b@0']);
  });

  test('waits as long as failures have earned, or less when that was asked for', async () => {
    const { runtime, queue, take } = scene();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const startMs = runtime.nowMs;
      queue.addWithOptions(i === 3 ? { rateLimited: true, afterMs: 1 } : { rateLimited: true }, 'a');
      await take();
      waits.push(runtime.nowMs - startMs);
      queue.done('a');
    }
    assert.deepEqual(waits, [5, 10, 20, 1]);
    assert.equal(queue.numRequeues('a'), 4);
    queue.forget('a');
    assert.equal(queue.numRequeues('a'), 0);
  });

  test('ends every wait at shutdown and takes nothing more', async () => {
    const { runtime, queue, take } = scene();
    const waiting = [queue.get(), queue.get()];
    queue.shutDown();
    assert.deepEqual(await runtime.drive(Promise.all(waiting)), [{ shutdown: true }, { shutdown: true }]);
    queue.addAfter('a', 10);
    assert.equal((await runtime.settle()).virtualMs, 0);
    assert.equal(await take(), '(shutdown)');
  });

  test('hands out ten thousand items to many workers, each once at a time', async () => {
    const { runtime, queue } = scene();
    const seen = new Map<string, number>();
    const working = new Set<string>();
    const items = Array.from({ length: 10_000 }, (_, i) => `${i}`);
    queue.addWithOptions({}, ...items);
    for (let i = 0; i < 100; i++) queue.addWithOptions({ priority: 1 }, `${i}`);
    const work = async (): Promise<void> => {
      for (let got = await queue.get(); !got.shutdown; got = await queue.get()) {
        assert.ok(!working.has(got.item));
        working.add(got.item);
        seen.set(got.item, (seen.get(got.item) ?? 0) + 1);
        working.delete(got.item);
        queue.done(got.item);
        if (seen.size === items.length) queue.shutDown();
      }
    };
    await runtime.drive(Promise.all([work(), work(), work()]).then(() => undefined));
    assert.deepEqual([seen.size, Math.max(...seen.values())], [items.length, 1]);
  });

  test('tells its depth for each priority when a controller works on it, with an end to the priorities', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const queue = new PriorityQueue<string>({ process, name: 'q', controller: 'foo' });
    const series = (): readonly string[] =>
      process.metrics
        .text()
        .split('\n')
        .filter((line) => line.startsWith('workqueue_depth{'))
        .map((line) => line.replace('workqueue_depth{name="q",controller="foo",priority=', '').replace('}', ''));
    queue.add('a');
    queue.addWithOptions({ priority: -100 }, 'b', 'c');
    queue.addWithOptions({ afterMs: 10, priority: 7 }, 'later');
    assert.deepEqual(series(), ['"0" 1', '"-100" 2']);
    queue.addWithOptions({ priority: 0 }, 'c');
    assert.deepEqual(series(), ['"0" 2', '"-100" 1']);
    await runtime.advance(10);
    assert.deepEqual(series(), ['"0" 2', '"-100" 1', '"7" 1']);
    for (let i = 0; i < 4; i++) queue.tryGet();
    assert.deepEqual(series(), ['"0" 0', '"-100" 0', '"7" 0']);
    for (let priority = 1000; priority < 1030; priority++) queue.addWithOptions({ priority }, String(priority));
    assert.equal(series().length, 26);
    assert.equal(series().at(-1), '"exceeded_cardinality_limit" 8');
    for (let i = 0; i < 30; i++) queue.tryGet();
    assert.ok(series().every((line) => line.endsWith(' 0')));
  });
});
