import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loneController, request } from '../fixtures/lone-controller.ts';
import type { ControllerOptions } from './controller.ts';
import type { Result } from './reconcile.ts';

describe('the priority of a request that comes back', () => {
  const fail = (): never => {
    throw new Error('not yet');
  };
  const cases: Record<string, { readonly first: () => Result; readonly options?: ControllerOptions; readonly again: readonly string[] }> = {
    'requeue: as it came': { first: () => ({ requeue: true }), again: ['5 ms, 7'] },
    'requeue: of the result': { first: () => ({ requeue: true, priority: 3 }), again: ['5 ms, 3'] },
    'requeueAfterMs: as it came': { first: () => ({ requeueAfterMs: 100 }), again: ['100 ms, 7'] },
    'requeueAfterMs: of the result': { first: () => ({ requeueAfterMs: 100, priority: 3 }), again: ['100 ms, 3'] },
    'an error: as it came': { first: fail, again: ['5 ms, 7'] },
    'an error: of the decision': { first: fail, options: { errorPolicy: () => ({ priority: 3 }) }, again: ['5 ms, 3'] },
    'an error that waits: as it came': { first: fail, options: { errorPolicy: () => ({ retryAfterMs: 100 }) }, again: ['100 ms, 7'] },
    'an error that waits: of the decision': {
      first: fail,
      options: { errorPolicy: () => ({ retryAfterMs: 100, priority: -1 }) },
      again: ['100 ms, -1'],
    },
  };
  for (const [name, { first, options, again }] of Object.entries(cases)) {
    test(`comes back with: ${name}`, async () => {
      const { runtime, controller, calls } = loneController(() => (calls.length === 1 ? first() : undefined), options);
      controller.add(request('x'), { priority: 7 });
      await runtime.settle();
      assert.deepEqual(
        calls.slice(1).map(({ atMs, context }) => `${atMs} ms, ${context.priority}`),
        again,
      );
    });
  }

  test('is higher, when something more urgent happens meanwhile', async () => {
    const { runtime, controller, calls } = loneController(() => (calls.length === 1 ? { requeue: true } : undefined));
    controller.add(request('x'), { priority: -100 });
    await runtime.advance(1);
    controller.add(request('x'), { priority: 2 });
    await runtime.settle();
    assert.deepEqual(
      calls.map(({ context }) => context.priority),
      [-100, 2],
    );
  });
});
