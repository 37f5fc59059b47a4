import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resources } from '@coracle/client';
import { loneController, request } from '../fixtures/lone-controller.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { ControllerBuilder } from './builder.ts';
import type { ControllerOptions } from './controller.ts';
import { enqueueRequestForObject, enqueueRequestForOwner, enqueueRequestsFromMapFunc, type EventHandler } from './event-handler.ts';
import type { Result } from './reconcile.ts';
import { kindSource } from './source.ts';

const { configMaps } = resources.core.v1;

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

describe('the priority that an event brings', () => {
  const name = ({ metadata }: { readonly metadata: { readonly name?: string } }): string => metadata.name ?? '';
  const handlers: Record<string, () => EventHandler<object & { metadata: { name?: string } }>> = {
    enqueueRequestForObject: () => enqueueRequestForObject(),
    enqueueRequestForOwner: () => enqueueRequestForOwner(configMaps),
    enqueueRequestsFromMapFunc: () => enqueueRequestsFromMapFunc((object) => [request(name(object))]),
    'a map function that takes its time': () => enqueueRequestsFromMapFunc(async (object) => [request(name(object))]),
    'a handler of one’s own': () => ({
      create: (object, queue) => queue.add(request(name(object))),
      update: (_old, object, queue) => queue.add(request(name(object))),
    }),
    'a handler that waits': () => ({
      create: (object, queue) => queue.add(request(name(object)), { afterMs: 10 }),
      update: (_old, object, queue) => queue.add(request(name(object)), { afterMs: 10 }),
    }),
  };
  for (const [title, handler] of Object.entries(handlers)) {
    for (const usePriorityQueue of [true, false]) {
      test(`${title}: low at the start and in a resync, ${usePriorityQueue ? 'not of a change' : 'none without a priority queue'}`, async () => {
        const { cluster, admin, manager, noting, run } = await scene({ resyncPeriodMs: 60_000 });
        const maps = admin.coreV1.configMaps('default');
        const { metadata } = await cluster.drive(maps.create({ metadata: { name: 'owner' } }));
        const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid ?? '', controller: true }];
        await cluster.drive(maps.create(labelled('old', { ownerReferences })));
        const priorities: number[] = [];
        new ControllerBuilder(manager, resources.core.v1.nodes)
          .watches(configMaps, handler(), { predicates: [ours] })
          .withOptions({ usePriorityQueue })
          .complete(noting(async (_request, { priority }) => void priorities.push(priority)));
        await run();
        await cluster.drive(maps.create(labelled('new', { ownerReferences })));
        await cluster.settle();
        await cluster.drive(maps.patch('new', 'merge', { data: { a: 'b' } }));
        await cluster.settle();
        const changes = priorities.splice(0);
        await cluster.advance(61_000);
        assert.deepEqual(changes, usePriorityQueue ? [-100, 0, 0] : [0, 0, 0]);
        assert.ok(priorities.length > 0 && priorities.every((priority) => priority === (usePriorityQueue ? -100 : 0)));
      });
    }
  }

  test('is what a handler asks for, at the start too', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('old')));
    const priorities: number[] = [];
    new ControllerBuilder(manager, resources.core.v1.nodes)
      .watchesSource(kindSource(manager.cache, configMaps, { create: (_object, queue) => queue.add(request('x'), { priority: 5 }) }, ours))
      .complete(noting(async (_request, { priority }) => void priorities.push(priority)));
    await run();
    assert.deepEqual(priorities, [5]);
  });
});
