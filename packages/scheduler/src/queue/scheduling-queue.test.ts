import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom, SimRuntime } from '@coracle/simulator';
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

  test('an unschedulable pod waits for an event that helps', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    queue.requeueWhere(({ rejectedBy }) => rejectedBy.has('TaintToleration'));
    assert.equal(await next(5000), undefined);
    queue.requeueWhere(({ rejectedBy }) => rejectedBy.has('NodeResourcesFit'));
    assert.deepEqual(queue.counts, { active: 1, 'in-flight': 0, 'backing-off': 0, unschedulable: 0 }, 'its back-off is over');
    await expectNext();
  });

  test('a pod that was refused comes after those that arrived before it was', async () => {
    const { runtime, add, queue, expectNext } = scene();
    add({ name: 'refused' });
    const refused = await expectNext();
    add({ name: 'other' });
    queue.reject(refused, fit);
    await runtime.advance(5000); // its back-off is over
    queue.requeueWhere(() => true);
    assert.deepEqual([(await expectNext()).key, (await expectNext()).key], ['default/other', 'default/refused']);
  });

  test('a rejected pod whose back-off lasts comes after every active one, and at once when there is none', async () => {
    const { add, queue, expectNext } = scene();
    add({ name: 'rejected', priority: 1000 });
    queue.reject(await expectNext(), fit);
    queue.requeueWhere(() => true);
    assert.deepEqual(queue.counts, { active: 0, 'in-flight': 0, 'backing-off': 1, unschedulable: 0 });
    add({ name: 'other' });
    assert.deepEqual([(await expectNext()).key, (await expectNext()).key], ['default/other', 'default/rejected']);
  });

  test('of the pods that back off, the one whose back-off ends in an earlier second comes first, then the most urgent', async () => {
    const { runtime, add, queue, expectNext } = scene();
    const reject = async (name: string, priority: number): Promise<void> => {
      add({ name, priority });
      queue.reject(await expectNext(), fit);
    };
    await reject('lazy', 0);
    await runtime.advance(100);
    await reject('urgent', 10);
    await runtime.advance(2000);
    await reject('late', 100);
    await reject('later', 100);
    for (let i = 0; i < 2; i++) queue.requeueWhere(() => true);
    const names: string[] = [];
    for (let i = 0; i < 4; i++) names.push((await expectNext()).key.slice('default/'.length));
    assert.deepEqual(names, ['urgent', 'lazy', 'late', 'later'], 'the first two have waited long enough and are active');
    for (const name of ['lazy', 'urgent']) queue.delete(`default/${name}`);
  });

  test('a pod whose attempt broke off waits for its whole back-off, counted apart from rejections', async () => {
    const { add, queue, next, expectNext } = scene();
    add({});
    let queued = await expectNext();
    for (let i = 0; i < 3; i++) {
      queue.reject(queued, fit);
      queue.requeueWhere(() => true);
      queued = await expectNext();
    }
    for (const waitMs of [1000, 2000]) {
      queue.retry(queued);
      assert.equal(await next(waitMs - 1), undefined, `before ${waitMs} ms`);
      queued = (await next(1)) ?? assert.fail(`after ${waitMs} ms`);
    }
    queue.reject(queued, fit);
    queue.requeueWhere(() => true);
    queue.retry(await expectNext());
    assert.equal(await next(999), undefined);
    assert.ok((await next(1)) !== undefined, 'a rejection in between ends the series of errors');
  });

  test('pods that come and go while nobody asks leave nothing behind', async () => {
    const { add, queue, expectNext } = scene();
    for (let i = 0; i < 10_000; i++) {
      add({ name: 'brief' });
      queue.delete('default/brief');
    }
    assert.ok(queue.heldCount < 200, `${queue.heldCount} held`);
    add({ name: 'stays' });
    assert.equal((await expectNext()).key, 'default/stays');
  });

  test('an unschedulable pod is tried again after five minutes, at the next look every 30 s', async () => {
    const { runtime, add, queue, next, expectNext } = scene();
    add({});
    queue.reject(await expectNext(), fit);
    await runtime.advance(10_000);
    add({ name: 'second' });
    queue.reject(await expectNext(), fit);
    assert.equal(await next(289_999), undefined);
    assert.equal((await next(1))?.key, 'default/p');
    assert.equal(await next(29_999), undefined);
    assert.equal((await next(1))?.key, 'default/second');
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

/** Pods come, change, fail, succeed and go in any order: each is handed out by one at a time, and none is lost. */
for (let seed = 1; seed <= 20; seed++) {
  test(`SchedulingQueue neither loses nor doubles a pod: seed ${seed}`, async () => {
    const runtime = new SimRuntime({ seed });
    const process = runtime.process('scheduler');
    const queue = new SchedulingQueue({ process });
    const random = seededRandom(seed);
    const waiting = new Set<string>(); // what the queue should hold
    const inFlight = new Set<string>();
    const served = new Set<string>();
    process.spawn('worker', async () => {
      for (;;) {
        const queued = await queue.pop();
        if (queued === undefined) return;
        assert.ok(waiting.has(queued.key) && !inFlight.has(queued.key), `${queued.key} was handed out`);
        inFlight.add(queued.key);
        await process.clock.sleep(random.below(50));
        inFlight.delete(queued.key);
        const end = random.below(4);
        if (end === 0) queue.retry(queued);
        else if (end === 1) queue.reject(queued, fit);
        else {
          queue.done(queued);
          if (waiting.delete(queued.key)) served.add(queued.key);
        }
      }
    });
    for (let i = 0; i < 200; i++) {
      const name = `p${random.below(12)}`;
      const key = `default/${name}`;
      const act = random.below(5);
      if (act <= 2 && !waiting.has(key) && !inFlight.has(key)) {
        waiting.add(key);
        queue.set(podInfoOf(pod({ name, priority: random.below(3) })));
      } else if (act === 3 && !inFlight.has(key)) {
        waiting.delete(key);
        queue.delete(key);
      } else if (act === 4) queue.requeueWhere(() => random.below(2) === 0);
      await runtime.advance(random.below(200));
    }
    await runtime.advance(3_600_000); // every flush and every back-off
    assert.deepEqual([...waiting], [], 'all are served in the end');
    assert.deepEqual(queue.counts, { active: 0, 'in-flight': 0, 'backing-off': 0, unschedulable: 0 });
    assert.ok(served.size > 0);
    queue.close();
    assert.deepEqual(runtime.failures, []);
  });
}
