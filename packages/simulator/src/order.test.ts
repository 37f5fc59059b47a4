import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimRuntime } from './sim-runtime.ts';
import { fifo, holding, lagging, pct, type Strategy, uniform } from './strategy.ts';

const strategies: fc.Arbitrary<() => Strategy> = fc.constantFrom(
  fifo,
  uniform,
  () => pct({ depth: 3, steps: 20 }),
  () => lagging(uniform(), { share: 0.5, maxMs: 100 }),
  () => holding({ lane: 'p0/l0', nth: 1, ms: 50 }),
);

test('every strategy keeps the order of each lane, and loses nothing', async () => {
  const asked = fc.record({ process: fc.nat(2), lane: fc.nat(2), afterMs: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(strategies, fc.integer(), fc.array(asked, { maxLength: 30 }), async (strategy, seed, operations) => {
      const runtime = new SimRuntime({ seed, strategy: strategy() });
      const processes = [0, 1, 2].map((i) => runtime.process(`p${i}`));
      const [wanted, ran] = [new Map<string, number[]>(), new Map<string, number[]>()];
      for (const [i, { process, lane, afterMs }] of operations.entries()) {
        const append = (lists: Map<string, number[]>) => (): void => {
          lists.set(`${process}/${lane}`, [...(lists.get(`${process}/${lane}`) ?? []), i]);
        };
        const ask = (): void => {
          append(wanted)();
          processes[process]?.post({ lane: `l${lane}`, op: 'x' }, append(ran));
        };
        if (afterMs === 0) ask();
        else processes[process]?.clock.timer(afterMs, ask);
      }
      await runtime.settle();
      assert.deepEqual(ran, wanted);
    }),
    { numRuns: 200 },
  );
});

/** The orders in which `count` things of different lanes run, over many seeds. */
async function ordersOf(
  strategy: () => Strategy,
  start: (runtime: SimRuntime, note: (name: string) => () => void) => void,
): Promise<Set<string>> {
  const orders = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const runtime = new SimRuntime({ seed, strategy: strategy() });
    let order = '';
    start(runtime, (name) => () => {
      order += name;
    });
    await runtime.settle();
    orders.add(order);
  }
  return orders;
}

const allOrders = new Set(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);

for (const strategy of [uniform, () => pct({ depth: 3, steps: 10 })]) {
  test(`the timers of one instant run in every order (${strategy().name})`, async () => {
    const orders = await ordersOf(strategy, (runtime, note) => {
      for (const name of ['a', 'b', 'c']) runtime.process(name).clock.timer(10, note(name));
    });
    assert.deepEqual(orders, allOrders);
  });
}

test('the timers of one process and instant run as they were set', async () => {
  const orders = await ordersOf(uniform, (runtime, note) => {
    const { clock } = runtime.process('p');
    for (const name of ['a', 'b', 'c']) clock.timer(10, note(name));
  });
  assert.deepEqual(orders, new Set(['abc']));
});

test('fifo runs in the order of asking, whatever the lane', async () => {
  const orders = await ordersOf(fifo, (runtime, note) => {
    for (const name of ['a', 'b', 'c']) runtime.process(name).post({ lane: 'x', op: 'y' }, note(name));
  });
  assert.deepEqual(orders, new Set(['abc']));
});

test('holding delays one step and nothing else', async () => {
  const orders = await ordersOf(
    () => holding({ lane: 'p/b', nth: 0, ms: 50 }),
    (runtime, note) => {
      const process = runtime.process('p');
      for (const name of ['a', 'b', 'c']) process.post({ lane: name, op: 'y' }, note(name));
      process.clock.timer(49, note('d'));
      process.clock.timer(51, note('e'));
    },
  );
  assert.deepEqual(orders, new Set(['acdbe']));
});

test('a point of pct counts even where the step had no choice', async () => {
  const picks: number[] = [];
  const inner = pct({ depth: 2, steps: 1 }); // the point is step 0
  const strategy: Strategy = {
    name: 'watched',
    pick(ready, view) {
      const index = inner.pick(ready, view);
      picks.push(index);
      return index;
    },
  };
  const runtime = new SimRuntime({ strategy });
  const process = runtime.process('p');
  const both = (): void => {
    for (const lane of ['a', 'b']) for (let i = 0; i < 2; i++) process.post({ lane, op: 'x' }, () => undefined);
  };
  process.post({ lane: 'alone', op: 'x' }, both);
  await runtime.settle();
  // The highest lane drops below the other at the first choice, so the other runs to its end first.
  assert.equal(picks.length >= 2 && picks[0] === picks[1], true);
});

test('cancelled timers never fire, the others do at their time', async () => {
  const timer = fc.record({ ms: fc.nat(50), cancelAtMs: fc.option(fc.nat(50)), background: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(timer, { maxLength: 40 }), async (timers) => {
      const runtime = new SimRuntime();
      const { clock } = runtime.process('p');
      const fired: string[] = [];
      const canceller = runtime.process('q').clock;
      for (const [i, { cancelAtMs }] of timers.entries()) {
        if (cancelAtMs !== null) canceller.timer(cancelAtMs, () => handles[i]?.[Symbol.dispose]());
      }
      const handles = timers.map(({ ms, background }, i) =>
        clock.timer(ms, () => fired.push(`${i} at ${clock.monotonic()}`), { background }),
      );
      await runtime.advance(50);
      // A cancel of the same instant was set first, and fifo runs it first.
      const want = timers
        .map(({ ms, cancelAtMs }, i) => ({ ms, cancelAtMs, text: `${i} at ${ms}` }))
        .filter(({ ms, cancelAtMs }) => cancelAtMs === null || cancelAtMs > ms);
      assert.deepEqual(
        fired,
        want.sort((a, b) => a.ms - b.ms).map(({ text }) => text),
      );
    }),
  );
});

test('lanes that fell idle leave nothing behind', async () => {
  const runtime = new SimRuntime({ strategy: uniform() });
  const process = runtime.process('p');
  let ran = 0;
  for (let i = 0; i < 20; i++) {
    for (let request = 0; request < 100; request++) process.post({ lane: `request/${i}/${request}`, op: 'x' }, () => ran++);
    await runtime.settle();
  }
  assert.equal(ran, 2_000);
  assert.ok(process.lanes < 600, `${process.lanes} lanes`);
});

test('cancelled timers leave no heap behind', async () => {
  const runtime = new SimRuntime();
  const { clock } = runtime.process('p');
  let fired = 0;
  for (let i = 0; i < 5_000; i++) {
    clock.deadline(60_000)[Symbol.dispose]();
    if (i % 100 === 0) clock.timer(i, () => fired++);
  }
  assert.equal((await runtime.settle()).virtualMs, 4_900);
  assert.equal(fired, 50);
});
