import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { lowPriority } from '@coracle/client';
import { assert as invariant } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { loneController, request } from '../fixtures/lone-controller.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { enqueueRequestForObject, enqueueRequestsFromMapFunc, type EventHandler } from './event-handler.ts';
import { where } from './predicate.ts';
import { type Result, TerminalError } from './reconcile.ts';
import { objectRequests } from './request-type.ts';
import { ChannelSource, type Source } from './source.ts';

describe('Controller', () => {
  for (const { name, first, result, waitsMs, counted } of [
    { name: 'a success is done with', first: () => undefined, result: 'success', waitsMs: [], counted: {} },
    { name: 'requeue comes back as after a failure', first: () => ({ requeue: true }), result: 'requeue', waitsMs: [5], counted: {} },
    {
      name: 'requeueAfterMs comes back then',
      first: () => ({ requeueAfterMs: 700 }),
      result: 'requeue_after',
      waitsMs: [700],
      counted: {},
    },
    {
      name: 'requeueAfterMs counts before requeue',
      first: () => ({ requeue: true, requeueAfterMs: 700 }),
      result: 'requeue_after',
      waitsMs: [700],
      counted: {},
    },
    {
      name: 'an error is tried again',
      first: () => {
        throw new Error('not yet');
      },
      result: 'error',
      waitsMs: [5],
      counted: { reconcile_errors_total: '1' },
    },
    {
      name: 'a terminal error is not',
      first: () => {
        throw new TerminalError('never');
      },
      result: 'error',
      waitsMs: [],
      counted: { reconcile_errors_total: '1', terminal_reconcile_errors_total: '1' },
    },
    {
      name: 'a bug is counted and tried again',
      first: () => invariant(false, 'impossible'),
      result: 'error',
      waitsMs: [5],
      counted: { reconcile_errors_total: '1', reconcile_panics_total: '1' },
    },
  ] as const) {
    test(`after a reconcile: ${name}`, async () => {
      const { runtime, controller, calls, metric } = loneController(() => (calls.length === 1 ? first() : undefined));
      controller.add(request('x'));
      await runtime.settle();
      assert.deepEqual(
        calls.slice(1).map(({ atMs }) => atMs),
        waitsMs,
      );
      assert.equal(metric('reconcile_total', `controller="foo",result="${result}"`), '1');
      for (const counter of ['reconcile_errors_total', 'terminal_reconcile_errors_total', 'reconcile_panics_total']) {
        assert.equal(metric(counter), (counted as Readonly<Record<string, string>>)[counter] ?? '0', counter);
      }
      assert.deepEqual([metric('active_workers'), controller.length], ['0', 0]);
    });
  }

  for (const [what, result] of [
    ['a wait', { requeueAfterMs: Number.NaN }],
    ['a priority', { requeueAfterMs: 10, priority: Number.NaN }],
  ] as const) {
    test(`${what} that is no number is a bug of the reconciler, counted and tried again`, async () => {
      const { runtime, controller, calls, metric } = loneController(() => (calls.length === 1 ? result : undefined));
      controller.add(request('x'));
      await runtime.settle();
      assert.deepEqual(
        calls.map(({ atMs, context }) => `${atMs} ms, ${context.priority}`),
        ['0 ms, 0', '5 ms, 0'],
      );
      assert.deepEqual([metric('reconcile_panics_total'), metric('reconcile_errors_total')], ['1', '1']);
    });
  }

  test('a decision without a number where one belongs ends the controller, as a policy that throws', async () => {
    for (const [decision, message] of [
      [{ retryAfterMs: Number.NaN }, 'Cannot reconcile again after NaN ms'],
      [{ priority: Number.NaN }, 'Cannot reconcile again with priority NaN'],
    ] as const) {
      const { runtime, controller, running } = loneController(() => Promise.reject(new Error('not yet')), { errorPolicy: () => decision });
      controller.add(request('x'));
      await assert.rejects(runtime.drive(running), new RangeError(message));
    }
  });

  test('requests that come back at once, by the thousand, hold nobody up', async () => {
    const names = Array.from({ length: 2_000 }, (_, i) => `${i}`);
    const times = new Map<string, number>();
    const { runtime, controller } = loneController(
      (name) => {
        const count = (times.get(name) ?? 0) + 1;
        times.set(name, count);
        return count < 3 ? { requeueAfterMs: 0.001 } : undefined;
      },
      { maxConcurrentReconciles: 4 },
    );
    for (const name of names) controller.add(request(name));
    await runtime.settle();
    assert.deepEqual([times.size, new Set(times.values()), controller.length], [names.length, new Set([3]), 0]);
  });

  test('a reconcile counts with its time, one that waits while it is worked on', async () => {
    const { runtime, process, controller, metric } = loneController(async () => process.clock.sleep(300));
    controller.add(request('x'));
    await runtime.advance(100);
    assert.equal(metric('active_workers'), '1');
    await runtime.settle();
    assert.equal(metric('active_workers'), '0');
    assert.equal(metric('reconcile_time_seconds_count'), '1');
    assert.equal(metric('reconcile_time_seconds_bucket', 'controller="foo",le="0.25"'), '0');
    assert.equal(metric('reconcile_time_seconds_bucket', 'controller="foo",le="0.35"'), '1');
  });

  test('after an error the others are worked on, and what failed comes again', async () => {
    const { runtime, controller, calls, metric } = loneController((name) => {
      if (name === 'x' && calls.length === 1) throw new Error('not yet');
    });
    controller.add(request('x'));
    controller.add(request('y'));
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ name }) => name),
      ['x', 'y', 'x'],
    );
    assert.equal(metric('reconcile_total', 'controller="foo",result="error"'), '1');
    assert.equal(metric('reconcile_total', 'controller="foo",result="success"'), '2');
  });

  test('the waits of failures grow until a success, and requeueAfterMs is one', async () => {
    const script: readonly (Result | 'fail')[] = ['fail', 'fail', { requeue: true }, { requeueAfterMs: 100 }, 'fail', {}];
    const { runtime, controller, calls } = loneController(() => {
      const next = script[calls.length - 1] ?? {};
      if (next === 'fail') throw new Error('not yet');
      return next;
    });
    controller.add(request('x'));
    await runtime.settle();
    assert.deepEqual(
      calls.slice(1).map(({ atMs }, i) => atMs - (calls[i]?.atMs ?? 0)),
      [5, 10, 20, 100, 5],
    );
    assert.deepEqual(
      calls.map(({ context }) => context.attempt),
      [1, 2, 3, 4, 1, 2],
    );
  });

  test('the last wish to come back counts, and none of a later success', async () => {
    const { runtime, controller, calls } = loneController(() => {
      if (calls.length === 1) return { requeueAfterMs: 50 };
      return calls.length === 2 ? { requeueAfterMs: 500 } : undefined;
    });
    controller.add(request('x'));
    await runtime.advance(10);
    controller.add(request('x'));
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ atMs }) => atMs),
      [0, 10, 510],
    );
    assert.equal((await runtime.settle()).steps, 0);
  });

  test('the policy decides for each error: after its own wait, never, or the end of the manager', async () => {
    const policy: ControllerOptions = {
      errorPolicy: (error, about) => {
        const { message } = error as Error; // of the reconciler below
        if (message === 'busy') return { retryAfterMs: 1_000 * about.attempt };
        return message === 'hopeless' ? 'terminal' : 'stop';
      },
    };
    const { runtime, controller, calls, running, metric } = loneController((name) => {
      if (name === 'done' || calls.filter((call) => call.name === name).length > 2) return;
      throw new Error(name);
    }, policy);
    controller.add(request('busy'));
    controller.add(request('hopeless'));
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ name, atMs }) => `${name} ${atMs}`),
      ['busy 0', 'hopeless 0', 'busy 1000', 'busy 2000'],
    );
    assert.equal(metric('terminal_reconcile_errors_total'), '1');
    controller.add(request('fatal'));
    await assert.rejects(runtime.drive(running), /^Error: fatal$/);
    controller.add(request('done'));
    await runtime.settle();
    assert.equal(calls.at(-1)?.name, 'fatal');
  });

  test('a policy that throws, and a bug that is not to be recovered from, end the controller', async () => {
    const throwing = loneController(() => Promise.reject(new Error('first')), {
      errorPolicy: () => {
        throw new Error('of the policy');
      },
    });
    throwing.controller.add(request('x'));
    await assert.rejects(throwing.runtime.drive(throwing.running), /^Error: of the policy$/);
    const strict = loneController(() => Promise.reject(new TypeError('undefined is no function')), { recoverPanic: false });
    strict.controller.add(request('x'));
    await assert.rejects(strict.runtime.drive(strict.running), TypeError);
    assert.equal(strict.metric('reconcile_panics_total'), '1');
  });

  test('a reconcile that takes too long is told so, counted, and tried again if it throws', async () => {
    const { runtime, controller, calls, process, metric } = loneController(
      async (_name, { signal }) => {
        if (calls.length === 1) await process.clock.sleep(60_000, { signal });
      },
      { reconciliationTimeoutMs: 2_000 },
    );
    controller.add(request('x'));
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ atMs }) => atMs),
      [0, 2_005],
    );
    assert.equal(metric('reconcile_timeouts_total'), '1');
  });

  test('a stop aborts the signal of what runs, waits for it, and counts no timeout', async () => {
    const { runtime, controller, process, stop, running, metric } = loneController(
      async (_name, { signal }) => {
        await process.clock.sleep(60_000, { signal });
      },
      { reconciliationTimeoutMs: 90_000 },
    );
    controller.add(request('x'));
    await runtime.advance(1_000);
    stop.abort();
    await runtime.drive(running);
    assert.deepEqual([metric('reconcile_timeouts_total'), metric('active_workers')], ['0', '0']);
    controller.add(request('y'));
    assert.equal((await runtime.settle()).steps, 0);
  });

  test('new changes overtake what was there at the start, priorities are kept, and a result may change one', async () => {
    const { runtime, controller, calls } = loneController((name, { priority }) => {
      if (name === 'old' && priority === lowPriority) throw new Error('not yet');
      return name === 'new' && priority === 0 ? { requeueAfterMs: 10, priority: 7 } : undefined;
    });
    controller.add(request('old'), { priority: lowPriority });
    controller.add(request('new'));
    await runtime.advance(9);
    assert.deepEqual(
      calls.map(({ name, context }) => `${name} ${context.priority}`),
      ['new 0', 'old -100', 'old -100'],
    );
    controller.add(request('old'));
    await runtime.settle();
    assert.deepEqual(
      calls.slice(3).map(({ name, context }) => `${name} ${context.priority}`),
      ['old 0', 'new 7'],
    );
  });

  test('without a priority queue the order is that of arrival', async () => {
    const { runtime, controller, calls } = loneController(() => undefined, { usePriorityQueue: false });
    controller.add(request('old'), { priority: lowPriority });
    controller.add(request('new'));
    controller.add(request('late'), { afterMs: 30 });
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ name, atMs }) => `${name} ${atMs}`),
      ['old 0', 'new 0', 'late 30'],
    );
  });

  test('each call has an id of its own, which its log lines carry', async () => {
    const logged: object[] = [];
    const runtime = new SimRuntime({ log: ({ message, fields }) => (message === 'hello' ? logged.push(fields) : undefined) });
    const process = runtime.process('operator');
    const ids: string[] = [];
    const controller = new Controller({
      process,
      name: 'foo',
      requests: objectRequests,
      sources: [],
      reconciler: {
        async reconcile(_request, { log, reconcileId }) {
          ids.push(reconcileId);
          log.info('hello', { more: 1 });
        },
      },
    });
    process.spawn('foo', (signal) => controller.run(signal));
    for (const name of ['x', 'y']) controller.add(request(name));
    await runtime.settle();
    assert.equal(new Set(ids).size, 2);
    assert.deepEqual(
      logged,
      ids.map((reconcileId, i) => ({ controller: 'foo', key: `a/${['x', 'y'][i]}`, reconcileId, more: 1 })),
    );
  });

  test('nothing is reconciled before every source has put into the queue what there is, and an error of one ends it', async () => {
    const ready = Promise.withResolvers<void>();
    const source: Source = { start: (queue) => queue.add(request('early')), synced: () => ready.promise };
    const { runtime, calls } = loneController(() => undefined, { sources: [source] });
    await runtime.settle();
    assert.deepEqual(calls, []);
    ready.resolve();
    await runtime.settle();
    assert.equal(calls.length, 1);
    const broken = loneController(() => undefined, {
      sources: [{ start: () => undefined, synced: () => Promise.reject(new Error('no source')) }],
    });
    await assert.rejects(broken.runtime.drive(broken.running), /no source/);
  });

  test('is run once, by a whole number of workers', async () => {
    const { runtime, controller, stop, running } = loneController(() => undefined);
    await assert.rejects(runtime.drive(controller.run(stop.signal)), /"foo": it was started before/);
    stop.abort();
    await runtime.drive(running);
    for (const maxConcurrentReconciles of [0, 1.5, -1])
      assert.throws(() => loneController(() => undefined, { maxConcurrentReconciles }), RangeError);
  });
});

describe('ChannelSource', () => {
  const object = (name: string): Frozen<KubeObject> => deepFreeze({ metadata: { namespace: 'a', name } });

  test('puts what is sent into the queue, as its handler and predicates say', async () => {
    const toBoth: EventHandler<KubeObject> = enqueueRequestsFromMapFunc(async ({ metadata }) => [
      request(metadata.name ?? ''),
      request('all'),
    ]);
    const mapped = new ChannelSource<KubeObject>(
      toBoth,
      where(({ metadata }) => metadata.name !== 'hidden'),
    );
    const plain = new ChannelSource<KubeObject>(enqueueRequestForObject());
    await assert.rejects(mapped.send(object('x')), /no controller reads/);
    const { runtime, calls } = loneController(() => undefined, { sources: [mapped, plain] });
    await runtime.drive(Promise.all([mapped.send(object('x')), mapped.send(object('hidden')), plain.send(object('y'))]));
    await runtime.settle();
    assert.deepEqual(calls.map(({ name }) => name).sort(), ['all', 'x', 'y']);
    assert.throws(() => loneController(() => undefined, { sources: [mapped] }), /two controllers/);
  });

  test('a channel whose handler or predicate wants nothing of it brings nothing', async () => {
    const deaf = new ChannelSource<KubeObject>({ create: (_object, queue) => queue.add(request('x')) });
    const closed = new ChannelSource<KubeObject>(enqueueRequestForObject(), { generic: () => false });
    const { runtime, controller, calls } = loneController(() => undefined, { sources: [deaf, closed] });
    await runtime.drive(Promise.all([deaf.send(object('x')), closed.send(object('y'))]));
    await runtime.settle();
    assert.deepEqual([calls, controller.length], [[], 0]);
  });
});
