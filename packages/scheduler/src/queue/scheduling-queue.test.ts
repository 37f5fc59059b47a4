import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { podInfoOf } from '../cache/pod-info.ts';
import { pod, type PodRow } from '../fixtures/objects.ts';
import { type QueuedPod, SchedulingQueue } from './scheduling-queue.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly queue: SchedulingQueue;
  add(row: PodRow): void;
  /** The next pod; undefined when none comes within the time. */
  next(withinMs?: number): Promise<QueuedPod | undefined>;
  expectNext(): Promise<QueuedPod>;
}

function scene(): Scene {
  const runtime = new SimRuntime({ seed: 1 });
  const queue = new SchedulingQueue({ process: runtime.process('scheduler') });
  let isWaiting = false;
  let arrived: QueuedPod | undefined;
  const wait = async (): Promise<void> => {
    isWaiting = true;
    arrived = await queue.pop();
    isWaiting = false;
  };
  const next = async (withinMs = 0): Promise<QueuedPod | undefined> => {
    const waiting = isWaiting ? undefined : wait();
    await runtime.advance(withinMs);
    const queued = arrived;
    arrived = undefined;
    if (queued !== undefined) await waiting;
    return queued;
  };
  return {
    runtime,
    queue,
    add: (row) => queue.set(podInfoOf(pod(row))),
    next,
    expectNext: async () => {
      const queued = await next();
      assert.ok(queued !== undefined, 'a pod is active');
      return queued;
    },
  };
}

const fit = new Set(['NodeResourcesFit']);

describe('SchedulingQueue', () => {
  test('hands out by priority, then in order of arrival', async () => {
    const { add, expectNext } = scene();
    for (const row of [{ name: 'first' }, { name: 'second' }, { name: 'urgent', priority: 1000 }, { name: 'lazy', priority: -1 }]) add(row);
    const names: string[] = [];
    for (let i = 0; i < 4; i++) names.push((await expectNext()).key);
    assert.deepEqual(names, ['default/urgent', 'default/first', 'default/second', 'default/lazy']);
  });

  test('back-off starts at 1 s, doubles and ends at 10 s', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    let queued = await expectNext();
    for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      queue.retry(queued);
      assert.equal(await next(waitMs - 1), undefined, `before ${waitMs} ms`);
      const again = await next(1);
      assert.ok(again !== undefined, `after ${waitMs} ms`);
      queued = again;
    }
    assert.equal(queued.attempts, 7);
  });

  test('back-off keeps a simulation from settling, being unschedulable does not', async () => {
    const { runtime, add, queue, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    const before = runtime.nowMs;
    await runtime.settle();
    assert.equal(runtime.nowMs, before);
    queue.requeueWhere(() => true);
    await runtime.settle();
    assert.equal(runtime.nowMs, before + 1000);
  });

  test('an unschedulable pod waits for an event that helps, and at least for its back-off', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    queue.requeueWhere(({ rejectedBy }) => rejectedBy.has('TaintToleration'));
    assert.equal(await next(5000), undefined);
    queue.requeueWhere(({ rejectedBy }) => rejectedBy.has('NodeResourcesFit'));
    queue.reject(await expectNext(), fit);
    queue.requeueWhere(() => true);
    assert.deepEqual(queue.counts, { active: 0, 'in-flight': 0, 'backing-off': 1, unschedulable: 0 });
    assert.equal(await next(1999), undefined);
    assert.ok((await next(1)) !== undefined);
  });

  test('an unschedulable pod is tried again after five minutes', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    assert.equal(await next(299_000), undefined);
    assert.ok((await next(31_000)) !== undefined);
  });

  test('a change of the pod that may help requeues it, another does not', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    queue.set(podInfoOf(pod({ labels: { a: 'b' } })), false);
    assert.equal(await next(60_000), undefined);
    queue.set(podInfoOf(pod({ requests: { cpu: '1' } })), true);
    assert.equal((await expectNext()).pod.requests.get('cpu'), 1000);
  });

  test('a pod deleted in flight does not come back', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    const queued = await expectNext();
    queue.delete(queued.key);
    queue.retry(queued);
    queue.reject(queued, fit);
    queue.requeueWhere(() => true);
    assert.equal(await next(600_000), undefined);
  });

  test('a pod made anew under the name starts anew, and the attempt of the old one changes nothing', async () => {
    const { add, queue, expectNext } = scene();
    add({});
    const old = await expectNext();
    queue.set(podInfoOf({ ...pod(), metadata: { name: 'p', namespace: 'default', uid: 'other' } }));
    queue.done(old);
    const queued = await expectNext();
    assert.deepEqual([queued.attempts, queued.pod.pod.metadata.uid], [1, 'other']);
  });

  test('close() ends the wait', async () => {
    const { runtime, queue } = scene();
    const waiting = queue.pop();
    queue.close();
    assert.equal(await runtime.drive(waiting), undefined);
    assert.equal(await runtime.drive(queue.pop()), undefined);
  });

  test('pop() twice at a time is refused', async () => {
    const { queue } = scene();
    const first = queue.pop();
    await assert.rejects(queue.pop(), /twice at a time/);
    queue.close();
    await first;
  });
});
