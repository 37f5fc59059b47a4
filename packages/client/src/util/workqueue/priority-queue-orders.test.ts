import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Process } from '@coracle/kernel';
import { seededRandom, SimRuntime } from '@coracle/simulator';
import { PriorityQueue } from './priority-queue.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly process: Process;
  readonly queue: PriorityQueue<string>;
  /** Depths that are not 0, by priority. */
  depths(): Readonly<Record<string, number>>;
  metric(name: string): number;
}

function scene(): Scene {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const labels = 'name="q",controller="foo"';
  const lines = (start: string): readonly string[] =>
    process.metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith(start));
  const valueOf = (line: string | undefined): number => Number(line?.split(' ').at(-1));
  return {
    runtime,
    process,
    queue: new PriorityQueue<string>({ process, name: 'q', controller: 'foo' }),
    depths: () =>
      Object.fromEntries(
        lines(`workqueue_depth{${labels},priority=`)
          .map((line) => [/priority="([^"]*)"/.exec(line)?.[1] ?? '', valueOf(line)] as const)
          .filter(([, depth]) => depth !== 0),
      ),
    metric: (name) => valueOf(lines(`${name}{${labels}} `)[0]),
  };
}

function take(queue: PriorityQueue<string>): string {
  const got = queue.tryGet() ?? assert.fail('nothing is ready');
  assert.ok(!got.shutdown);
  return `${got.item}@${got.priority}`;
}

describe('the order of a PriorityQueue', () => {
  for (const afterMs of [-1_000, 0, 1_000]) {
    test(`is that of priorities, and of arrival within one, for many items that come after ${afterMs} ms`, async () => {
      const { runtime, queue, depths, metric } = scene();
      const priorities = [10, 5, 0, -5, -10];
      const names = Array.from({ length: 300 }, (_, i) => `${i}`);
      for (const name of names) {
        for (const priority of [...priorities].reverse()) queue.addWithOptions({ priority, afterMs }, `${priority}/${name}`);
      }
      if (afterMs > 0) {
        assert.deepEqual([queue.length, depths()], [0, {}]);
        await runtime.advance(afterMs);
      }
      assert.deepEqual(depths(), Object.fromEntries(priorities.map((priority) => [priority, names.length])));
      for (const priority of priorities) {
        for (const name of names) assert.equal(take(queue), `${priority}/${name}@${priority}`);
      }
      assert.deepEqual(depths(), {});
      assert.equal(metric('workqueue_adds_total'), 1_500);
      assert.equal(metric('workqueue_retries_total'), afterMs > 0 ? 1_500 : 0);
    });
  }

  test('what becomes ready goes before what is less urgent and was ready before', async () => {
    const { runtime, queue, depths } = scene();
    queue.addWithOptions({ priority: -100 }, 'old');
    queue.addWithOptions({ afterMs: 1_000 }, 'new');
    await runtime.advance(1_000);
    assert.deepEqual(depths(), { '-100': 1, '0': 1 });
    assert.equal(take(queue), 'new@0');
    assert.deepEqual(depths(), { '-100': 1 });
  });

  test('items that wait come in the order in which their waits end', async () => {
    const { runtime, queue } = scene();
    queue.addAfter('late', 1_000);
    queue.addAfter('early', 200);
    await runtime.advance(199);
    assert.equal(queue.tryGet(), undefined);
    await runtime.advance(801);
    assert.deepEqual([take(queue), take(queue)], ['early@0', 'late@0']);
  });

  test('of items that are added at once, each waits for its own failures', async () => {
    const { runtime, queue, metric } = scene();
    for (let i = 0; i < 7; i++) {
      queue.addRateLimited('fails');
      await runtime.advance(1_000);
      take(queue);
      queue.done('fails');
    }
    queue.addWithOptions({ rateLimited: true }, 'new', 'fails');
    await runtime.advance(5);
    assert.equal(take(queue), 'new@0');
    await runtime.advance(634);
    assert.equal(queue.tryGet(), undefined);
    await runtime.advance(1);
    assert.equal(take(queue), 'fails@0');
    assert.equal(metric('workqueue_retries_total'), 9);
  });
});

describe('waits for a PriorityQueue', () => {
  test('a worker that waits gets an item as soon as it is ready: at once, when its time has come, or when it is wanted sooner', async () => {
    const { runtime, queue, depths, metric } = scene();
    const got: string[] = [];
    const work = async (): Promise<void> => {
      for (let next = await queue.getWithPriority(); !next.shutdown; next = await queue.getWithPriority()) {
        got.push(`${next.item} ${runtime.nowMs}`);
        queue.done(next.item);
      }
    };
    const working = work();
    await runtime.advance(1);
    const startMs = runtime.nowMs;
    queue.add('now');
    await runtime.advance(10);
    queue.addAfter('later', 90);
    await runtime.advance(89);
    assert.deepEqual(got, [`now ${startMs}`]);
    await runtime.advance(1);
    queue.addAfter('sooner', 60_000);
    await runtime.advance(900);
    queue.add('sooner');
    await runtime.advance(1);
    assert.deepEqual(got, [`now ${startMs}`, `later ${startMs + 100}`, `sooner ${startMs + 1_000}`]);
    assert.deepEqual([depths(), metric('workqueue_adds_total')], [{}, 3]);
    queue.shutDown();
    await runtime.drive(working);
  });

  test('what waited and is ready is counted once, however often it is added, and again when it waited again', async () => {
    const { runtime, queue, depths, metric } = scene();
    for (let round = 1; round <= 2; round++) {
      queue.addAfter('waits', 50);
      queue.add('ready');
      assert.deepEqual([queue.length, depths()], [1, { '0': 1 }]);
      await runtime.advance(50);
      assert.deepEqual([queue.length, depths()], [2, { '0': 2 }]);
      queue.add('waits');
      assert.deepEqual([queue.length, depths(), metric('workqueue_adds_total')], [2, { '0': 2 }, 2 * round]);
      for (const item of ['ready', 'waits']) {
        assert.equal(take(queue), `${item}@0`);
        queue.done(item);
      }
      assert.deepEqual([queue.length, depths()], [0, {}]);
    }
  });

  test('a shutdown while items are handed out leaves nobody waiting', async () => {
    const { runtime, queue } = scene();
    const random = seededRandom(1);
    const work = async (): Promise<void> => {
      for (;;) {
        queue.addWithOptions({ priority: random.below(100) }, String(random.below(1_000)));
        if ((await queue.getWithPriority()).shutdown) return;
      }
    };
    const working = Promise.all(Array.from({ length: 20 }, work));
    await runtime.advance(1);
    queue.shutDown();
    await runtime.drive(working);
    assert.deepEqual(await runtime.drive(queue.get()), { shutdown: true });
  });
});

test('a PriorityQueue hands out each item once at a time, by the highest priority that was asked for and not too early, 100 seeds', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const { runtime, process, queue, depths } = scene();
    /** Of what was added and not handed out since: its priority, and when it may come. */
    const wanted = new Map<string, { readonly priority: number; readonly fromMs: number }>();
    const working = new Set<string>();
    const readyOf = (): readonly (readonly [string, number])[] => {
      const nowMs = process.clock.monotonic();
      return [...wanted].filter(([, { fromMs }]) => fromMs <= nowMs).map(([item, { priority }]) => [item, priority]);
    };
    const add = (): void => {
      const item = String(random.below(12));
      const priority = random.below(5) - 2;
      const afterMs = random.below(3) === 0 ? random.below(40) : 0;
      const known = wanted.get(item);
      const fromMs = Math.min(known?.fromMs ?? Number.POSITIVE_INFINITY, process.clock.monotonic() + afterMs);
      wanted.set(item, { priority: Math.max(priority, known?.priority ?? priority), fromMs });
      queue.addWithOptions({ priority, afterMs }, item);
    };
    const takeOne = (): void => {
      const free = readyOf().filter(([item]) => !working.has(item));
      const got = queue.tryGet();
      if (got === undefined) {
        assert.deepEqual(free, [], `seed ${seed}: nothing came`);
        return;
      }
      assert.ok(!got.shutdown);
      assert.ok(
        free.some(([item, priority]) => item === got.item && priority === got.priority),
        `seed ${seed}: ${got.item}@${got.priority} of ${free.join(' ')}`,
      );
      assert.equal(got.priority, Math.max(...free.map(([, priority]) => priority)), `seed ${seed}`);
      wanted.delete(got.item);
      working.add(got.item);
    };
    const finishOne = (): void => {
      const [item] = [...working].slice(random.below(Math.max(working.size, 1)));
      if (item === undefined) return;
      working.delete(item);
      queue.done(item);
    };
    for (let i = 0; i < 200; i++) {
      const choice = random.below(8);
      if (choice < 3) add();
      else if (choice < 5) takeOne();
      else if (choice < 7) finishOne();
      else await runtime.advance(random.below(10));
      const ready = readyOf();
      assert.equal(queue.length, ready.length, `seed ${seed}`);
      if (i % 50 !== 0) continue;
      const counts: Record<string, number> = {};
      for (const [, priority] of ready) counts[priority] = (counts[priority] ?? 0) + 1;
      assert.deepEqual(depths(), counts, `seed ${seed}`);
    }
  }
});
