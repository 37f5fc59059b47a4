import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { untilAborted } from '../abort.ts';
import { TimeoutError } from '../clock.ts';
import type { Failure, Process, Runtime } from '../process.ts';

/** One runtime under test, fresh for each test. */
export interface RuntimeHarness {
  readonly runtime: Runtime;
  /** What nobody was there to receive, in order. */
  readonly failures: readonly Failure[];
  /** Waits for `work`, and makes the runtime go on until it has settled. */
  drive<T>(work: Promise<T>): Promise<T>;
}

interface ContractTools extends RuntimeHarness {
  readonly process: Process;
}

/**
 * What every Runtime does alike: registers one test per promise that the interfaces of this package make. Delays are a few
 * milliseconds, so that it may run in real time.
 */
export function runtimeContract(name: string, start: (context: TestContext) => RuntimeHarness): void {
  const promise = (title: string, check: (tools: ContractTools) => Promise<void>): void => {
    test(`${name}: ${title}`, async (context) => {
      const harness = start(context);
      await check({ ...harness, process: harness.runtime.process('subject') });
    });
  };
  for (const [title, check] of [...steps, ...tasks, ...timers, ...others]) promise(title, check);
}

type Promises = readonly (readonly [title: string, check: (tools: ContractTools) => Promise<void>])[];

const at = (lane: string): { readonly lane: string; readonly op: string } => ({ lane, op: 'test' });

const steps: Promises = [
  [
    'step resolves with the result, and never runs before it returns',
    async ({ process, drive }) => {
      let ran = false;
      const stepped = process.step(at('a'), () => {
        ran = true;
        return 5;
      });
      assert.equal(ran, false);
      assert.equal(await drive(stepped), 5);
    },
  ],
  [
    'step rejects with what was thrown, which is nobody else’s business',
    async ({ process, drive, failures }) => {
      const error = new Error('refused');
      const stepped = process.step(at('a'), () => {
        throw error;
      });
      await assert.rejects(drive(stepped), error);
      assert.deepEqual(failures, []);
      assert.equal(process.signal.aborted, false);
    },
  ],
  [
    'the steps and posts of a lane run in order',
    async ({ process, drive }) => {
      const order: number[] = [];
      process.post(at('a'), () => order.push(0));
      const first = process.step(at('a'), () => order.push(1));
      process.post(at('a'), () => order.push(2));
      const last = process.step(at('a'), () => order.push(3));
      assert.deepEqual(order, []);
      await drive(Promise.all([first, last]));
      assert.deepEqual(order, [0, 1, 2, 3]);
    },
  ],
  [
    'a throw in a post is reported and stops the process',
    async ({ process, drive, failures }) => {
      const error = new Error('broken');
      const stopped = untilAborted(process.signal);
      process.post({ lane: 'a', op: 'deliver' }, () => {
        throw error;
      });
      await drive(stopped);
      assert.deepEqual(failures, [{ process: 'subject', incarnation: 0, task: 'a deliver', error }]);
    },
  ],
];

const tasks: Promises = [
  [
    'spawn starts later, gets the signal of the process, and is done when its work is',
    async ({ process, drive }) => {
      let got: AbortSignal | undefined;
      const task = process.spawn('work', async (signal) => {
        got = signal;
        await process.clock.sleep(1);
      });
      assert.equal(got, undefined);
      await drive(task.done);
      assert.equal(got, process.signal);
      assert.equal(task.name, 'work');
    },
  ],
  [
    'a throw in a task is reported and stops the process; its done never rejects',
    async ({ process, drive, failures }) => {
      const error = new Error('broken');
      const other = process.spawn('other', (signal) => untilAborted(signal));
      const task = process.spawn('work', async () => {
        throw error;
      });
      await drive(Promise.all([task.done, other.done]));
      assert.equal(process.signal.reason, error);
      assert.deepEqual(failures, [{ process: 'subject', incarnation: 0, task: 'work', error }]);
    },
  ],
  [
    'a task that ends by the abort of its signal has not failed',
    async ({ process, drive, failures }) => {
      const task = process.spawn('work', (signal) => process.clock.sleep(1_000_000, { signal }));
      await drive(process.step(at('a'), () => undefined));
      await drive(process.stop());
      await drive(task.done);
      assert.deepEqual(failures, []);
    },
  ],
  [
    'stop aborts with its reason, waits for all tasks, those too that start meanwhile, and is idempotent',
    async ({ process, drive }) => {
      const ended: string[] = [];
      process.spawn('first', async (signal) => {
        await untilAborted(signal);
        process.spawn('second', async () => {
          await process.clock.sleep(1);
          ended.push('second');
        });
        await process.clock.sleep(1);
        ended.push('first');
      });
      await drive(process.step(at('a'), () => undefined));
      const reason = new Error('enough');
      const stopped = process.stop(reason);
      assert.equal(process.signal.reason, reason);
      assert.equal(process.stop(new Error('again')), stopped);
      await drive(stopped);
      assert.deepEqual(ended.sort(), ['first', 'second']);
    },
  ],
  [
    'stop drops timers; disposing is stopping',
    async ({ process, runtime, drive }) => {
      let fired = false;
      process.clock.timer(1, () => {
        fired = true;
      });
      await drive(Promise.resolve(process[Symbol.asyncDispose]()));
      assert.ok(process.signal.aborted);
      await drive(runtime.process('other').clock.sleep(5));
      assert.equal(fired, false);
    },
  ],
];

const timers: Promises = [
  [
    'timers fire once, in order of time, and not before they are due',
    async ({ process: { clock }, drive }) => {
      const startMs = clock.monotonic();
      const fired: string[] = [];
      clock.timer(20, () => fired.push(`late ${clock.monotonic() - startMs >= 19}`)); // Node's timers have whole milliseconds
      clock.timer(0, () => fired.push('now'));
      clock.timer(5, () => fired.push('soon'));
      assert.deepEqual(fired, []);
      await drive(clock.sleep(40));
      assert.deepEqual(fired, ['now', 'soon', 'late true']);
    },
  ],
  [
    'a disposed timer never fires, and may be disposed again',
    async ({ process: { clock }, drive }) => {
      const fired: string[] = [];
      const cancelled = clock.timer(1, () => fired.push('cancelled'));
      const done = clock.timer(1, () => fired.push('done'), { background: true });
      cancelled[Symbol.dispose]();
      cancelled[Symbol.dispose]();
      await drive(clock.sleep(10));
      done[Symbol.dispose]();
      assert.deepEqual(fired, ['done']);
    },
  ],
  [
    'sleep rejects with the reason of its signal, also of one that has aborted before',
    async ({ process: { clock }, drive }) => {
      const controller = new AbortController();
      const sleeping = clock.sleep(1_000_000, { signal: controller.signal });
      const reason = new Error('enough');
      clock.timer(1, () => controller.abort(reason));
      await assert.rejects(drive(sleeping), reason);
      await assert.rejects(drive(clock.sleep(0, { signal: controller.signal })), reason);
    },
  ],
  [
    'a delay that is no number is refused, one below zero is none',
    async ({ process: { clock }, drive }) => {
      assert.throws(() => clock.timer(Number.NaN, () => undefined), RangeError);
      await assert.rejects(clock.sleep(Number.NaN), RangeError);
      await drive(clock.sleep(-5));
    },
  ],
  [
    'a deadline aborts when its time is up, with its parent, or never once disposed',
    async ({ process: { clock }, drive }) => {
      using late = clock.deadline(1);
      const parent = new AbortController();
      using child = clock.deadline(1_000_000, { signal: parent.signal });
      const disposed = clock.deadline(1);
      disposed[Symbol.dispose]();
      await drive(clock.sleep(10));
      assert.ok(late.signal.reason instanceof TimeoutError);
      assert.equal(child.signal.aborted, false);
      assert.equal(disposed.signal.aborted, false);
      const reason = new Error('enough');
      parent.abort(reason);
      assert.equal(child.signal.reason, reason);
      using stillborn = clock.deadline(1, { signal: parent.signal });
      assert.equal(stillborn.signal.reason, reason);
    },
  ],
];

const others: Promises = [
  [
    'incarnations count the processes of a name',
    async ({ runtime }) => {
      assert.deepEqual([runtime.process('a').incarnation, runtime.process('b').incarnation, runtime.process('a').incarnation], [0, 0, 1]);
    },
  ],
  [
    'the cause follows steps, posts, tasks, timers and awaits, and nothing else',
    async ({ process, drive }) => {
      const seen: unknown[] = [];
      const see = (): void => void seen.push(process.cause());
      const cause = { revision: 7 };
      const caused = process.context(cause, async () => {
        see();
        process.post(at('a'), see);
        await process.step(at('a'), see);
        see();
        await process.spawn('task', async () => see()).done;
        process.clock.timer(0, see);
        await process.clock.sleep(5);
        see();
      });
      see();
      await drive(caused);
      see();
      assert.deepEqual(seen, [cause, undefined, cause, cause, cause, cause, cause, cause, undefined]);
    },
  ],
  [
    'chance is within its bounds',
    async ({ process: { random } }) => {
      for (let i = 0; i < 1_000; i++) {
        const word = random.u32();
        assert.ok(Number.isInteger(word) && word >= 0 && word < 2 ** 32);
        assert.ok(random.below(3) < 3);
        const share = random.float();
        assert.ok(share >= 0 && share < 1);
      }
      assert.equal(random.below(1), 0);
      assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.match(random.suffix(5), /^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      assert.equal(random.bytes(7).length, 7);
      assert.notEqual(random.fork('a').uuid(), random.fork('b').uuid());
      for (const n of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) assert.throws(() => random.below(n), RangeError);
    },
  ],
  [
    'wall time and monotonic time move on together, and never back',
    async ({ process: { clock }, drive }) => {
      const [wallMs, elapsedMs] = [clock.now(), clock.monotonic()];
      await drive(clock.sleep(10));
      assert.ok(clock.monotonic() - elapsedMs >= 9);
      assert.ok(clock.now() - wallMs >= 9);
    },
  ],
];
