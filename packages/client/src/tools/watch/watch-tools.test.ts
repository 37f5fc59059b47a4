import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  deepFreeze,
  type KubeObject,
  newExpired,
  newForbidden,
  newGone,
  newInternalError,
  newTooManyRequests,
  newUnauthorized,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { bookmark, errorFrame, frame, pod, ScriptedListWatch, type WatchScript } from '../cache/fixtures/scripted-list-watch.ts';
import { informerWatcher } from './informer-watcher.ts';
import { retryWatcher } from './retry-watcher.ts';
import { until, untilWithoutRetry, untilWithSync, WatchClosedError } from './until.ts';

function text({ type, object }: WatchFrame): string {
  const { metadata, code, reason } = object as { metadata?: { name?: string; resourceVersion?: string }; code?: number; reason?: string };
  return type === 'ERROR' ? `ERROR ${code} ${reason}` : `${type} ${metadata?.name}@${metadata?.resourceVersion}`;
}

interface Seen {
  readonly events: string[];
  readonly requests: readonly string[];
  readonly isOver: boolean;
}

/** What a retrying watch from version 5 tells within `ms`. */
async function watched(scripts: readonly (WatchScript | Error)[], ms = 60_000): Promise<Seen> {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const listWatch = new ScriptedListWatch(process);
  listWatch.watches.push(...scripts);
  const events: string[] = [];
  let isOver = false;
  const stop = new AbortController();
  process.spawn('read', async () => {
    for await (const event of retryWatcher({ process, watcher: listWatch, resourceVersion: '5', signal: stop.signal }))
      events.push(text(event));
    isOver = true;
  });
  await runtime.advance(ms);
  const seen = { events, requests: [...listWatch.requests], isOver };
  stop.abort(new Error('enough'));
  await runtime.settle();
  assert.equal(listWatch.openWatches, 0);
  return seen;
}

describe('retryWatcher()', () => {
  test('refuses the versions from which a watch would begin anywhere', () => {
    const process = new SimRuntime().process('c');
    const watcher = new ScriptedListWatch(process);
    for (const resourceVersion of ['', '0']) assert.throws(() => retryWatcher({ process, watcher, resourceVersion }), RangeError);
    assert.ok(retryWatcher({ process, watcher, resourceVersion: '1' }));
  });

  test('goes on after the last event when a watch ends or breaks, each event once and bookmarks unseen', async () => {
    const { events, requests, isOver } = await watched([
      { frames: [frame('ADDED', 'a', '6'), frame('MODIFIED', 'a', '9')], endAfterMs: 0 },
      { frames: [bookmark('20')], error: new TransportError('reset', { executed: 'unknown' }) },
      { frames: [frame('DELETED', 'a', '25')], endAfterMs: 0 },
      {},
    ]);
    assert.deepEqual(events, ['ADDED a@6', 'MODIFIED a@9', 'DELETED a@25']);
    assert.deepEqual(requests, ['watch rv=5', 'watch rv=9', 'watch rv=20', 'watch rv=25']);
    assert.equal(isOver, false);
  });

  test('begins at most one watch in a second', async () => {
    const { requests } = await watched([{ endAfterMs: 0 }], 10_500);
    assert.equal(requests.length, 11);
  });

  test('outlives every failure to begin a watch that may pass', async () => {
    const faults = [
      new Error('odd'),
      newExpired('old'),
      newGone('gone'),
      newInternalError('broken'),
      newTooManyRequests('busy', 1),
      new TransportError('refused', { executed: 'no' }),
    ];
    const { events, isOver } = await watched([...faults, { frames: [frame('ADDED', 'a', '6')] }]);
    assert.deepEqual(events, ['ADDED a@6']);
    assert.equal(isOver, false);
  });

  test('ends with an error where the server does not let us watch, or the version is too old', async () => {
    for (const [script, expected] of [
      [newForbidden({ group: '', resource: 'pods' }, '', 'no'), 'ERROR 403 Forbidden'],
      [newUnauthorized('who?'), 'ERROR 401 Unauthorized'],
      [{ frames: [frame('ADDED', 'a', '6'), errorFrame(newExpired('too old'))] }, 'ERROR 410 Expired'],
    ] as const) {
      const { events, isOver } = await watched([script]);
      assert.equal(events.at(-1), expected);
      assert.equal(isOver, true);
    }
  });

  test('goes on after other errors in a watch, after the wait that they ask for', async () => {
    for (const error of [
      newInternalError('broken'),
      { status: { code: 504, reason: 'Timeout' } },
      { status: { code: 418, reason: 'Teapot' } },
      { status: {} },
    ]) {
      const { events, isOver } = await watched([{ frames: [errorFrame(error)] }, { frames: [frame('ADDED', 'a', '6')] }]);
      assert.deepEqual([events, isOver], [['ADDED a@6'], false]);
    }
    const busy = { status: { code: 500, reason: 'InternalError', details: { retryAfterSeconds: 30 } } };
    assert.equal((await watched([{ frames: [errorFrame(busy)] }, {}], 29_000)).requests.length, 1);
    assert.equal((await watched([{ frames: [errorFrame(busy)] }, {}], 31_000)).requests.length, 2);
  });

  test('ends with an error for events that it cannot go on from', async () => {
    for (const bad of [
      { type: 'ODD' as 'ADDED', object: pod('a', '6') },
      { type: 'ADDED' as const, object: deepFreeze({ metadata: { name: 'a' } }) as KubeObject },
    ]) {
      const { events, isOver } = await watched([{ frames: [bad] }]);
      assert.deepEqual([events, isOver], [['ERROR 500 InternalError'], true]);
    }
  });

  test('lets go of its watch when nobody reads on', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '6'), frame('ADDED', 'b', '7')] });
    const first = await runtime.drive(
      (async () => {
        for await (const event of retryWatcher({ process, watcher: listWatch, resourceVersion: '5' })) return text(event);
        return undefined;
      })(),
    );
    assert.equal(first, 'ADDED a@6');
    assert.equal(listWatch.openWatches, 0);
  });
});

describe('until()', () => {
  async function* events(...list: readonly WatchFrame[]): AsyncGenerator<WatchFrame, void, undefined> {
    yield* list;
  }
  const is =
    (type: string) =>
    (event: WatchFrame): boolean =>
      event.type === type;

  test('waits for one condition after the other; the event that met one is shown to the next', async () => {
    const list = [frame('ADDED', 'a', '1'), frame('MODIFIED', 'a', '2'), frame('DELETED', 'a', '3')];
    assert.equal(text((await untilWithoutRetry(events(...list), [is('ADDED'), is('MODIFIED')])) as WatchFrame), 'MODIFIED a@2');
    assert.equal(
      text((await untilWithoutRetry(events(...list), [is('ADDED'), (event) => event.type !== 'DELETED', is('DELETED')])) as WatchFrame),
      'DELETED a@3',
    );
    assert.equal(await untilWithoutRetry(events(...list), []), undefined);
  });

  test('rejects when the watch ends before, when a condition throws, and when it is told to stop', async () => {
    await assert.rejects(untilWithoutRetry(events(frame('ADDED', 'a', '1')), [is('DELETED')]), WatchClosedError);
    const throwing = (): boolean => {
      throw new Error('bad condition');
    };
    await assert.rejects(untilWithoutRetry(events(frame('ADDED', 'a', '1')), [throwing]), /bad condition/);
    await assert.rejects(untilWithoutRetry(events(frame('ADDED', 'a', '1')), [is('ADDED')], AbortSignal.abort(new Error('late'))), /late/);
  });

  test('is told to stop while no event comes, and lets go of the watch', async () => {
    let isLeft = false;
    const silent: AsyncIterable<WatchFrame> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        async return() {
          isLeft = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const stop = new AbortController();
    const waiting = assert.rejects(untilWithoutRetry(silent, [is('ADDED')], stop.signal), /enough/);
    stop.abort(new Error('enough'));
    await waiting;
    assert.equal(isLeft, true);
  });

  test('survives a broken connection', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const watcher = new ScriptedListWatch(process);
    watcher.watches.push(
      { frames: [frame('ADDED', 'a', '6')], error: new TransportError('reset', { executed: 'unknown' }) },
      { frames: [frame('DELETED', 'a', '7')] },
    );
    const event = await runtime.drive(until({ process, watcher, resourceVersion: '5' }, [is('DELETED')]));
    assert.equal(event?.type, 'DELETED');
  });

  test('with a list first, sees what is there, and ends at once where that is enough', async () => {
    for (const [precondition, conditions, expected] of [
      [undefined, [is('ADDED')], 'ADDED a@3'],
      [(size: number) => size === 1, [is('DELETED')], undefined],
      [(size: number) => size === 9, [is('DELETED')], 'DELETED a@4'],
    ] as const) {
      const runtime = new SimRuntime();
      const process = runtime.process('c');
      const listWatch = new ScriptedListWatch(process);
      listWatch.lists.push({ metadata: { resourceVersion: '3' }, items: [pod('a', '3')] });
      listWatch.watches.push({ frames: [frame('DELETED', 'a', '4')] }, {});
      const work = untilWithSync<KubeObject>(
        { process, name: 'pods', listWatch, watchList: false },
        conditions,
        precondition === undefined ? undefined : (store) => precondition(store.size),
      );
      const event = await runtime.drive(work);
      assert.equal(event === undefined ? undefined : text(event), expected);
      await runtime.settle();
      assert.equal(listWatch.openWatches, 0);
    }
  });

  test('with a list first, ends when it is told to stop', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.lists.push(newInternalError('broken'));
    const stop = new AbortController();
    const options = { process, name: 'pods', listWatch, watchList: false, signal: stop.signal };
    const waiting = assert.rejects(
      untilWithSync<KubeObject>(options, [is('ADDED')], () => true),
      /enough/,
    );
    await runtime.advance(5000);
    stop.abort(new Error('enough'));
    await runtime.drive(waiting);
  });
});

describe('informerWatcher()', () => {
  test('tells what is there and what happens, in order, with and without a streamed list', async () => {
    for (const watchList of [true, false]) {
      const runtime = new SimRuntime();
      const process = runtime.process('c');
      const listWatch = new ScriptedListWatch(process);
      listWatch.lists.push({ metadata: { resourceVersion: '3' }, items: [pod('a', '3')] });
      const changes = [frame('MODIFIED', 'a', '4'), frame('ADDED', 'b', '5'), frame('DELETED', 'a', '6')];
      listWatch.watches.push({ frames: watchList ? [frame('ADDED', 'a', '3'), bookmark('3', 'true'), ...changes] : changes });
      const watcher = informerWatcher<KubeObject>({ process, name: 'pods', listWatch, watchList });
      const seen: string[] = [];
      const stop = new AbortController();
      process.spawn('run', () => watcher.run(stop.signal));
      process.spawn('read', async () => {
        for await (const event of watcher.events) seen.push(text(event));
        seen.push('(end)');
      });
      await runtime.advance(1000);
      assert.deepEqual(seen, ['ADDED a@3', 'MODIFIED a@4', 'ADDED b@5', 'DELETED a@6']);
      stop.abort(new Error('enough'));
      await runtime.settle();
      assert.equal(seen.at(-1), '(end)');
    }
  });

  test('tells of a deletion that nobody saw, with the last state; nobody has to read', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.lists.push({ metadata: { resourceVersion: '3' }, items: [pod('a', '3')] }, { metadata: { resourceVersion: '9' }, items: [] });
    listWatch.watches.push({ frames: [errorFrame(newExpired('old'))] }, {});
    const watcher = informerWatcher<KubeObject>({ process, name: 'pods', listWatch, watchList: false });
    const stop = new AbortController();
    const running = watcher.run(stop.signal);
    await runtime.advance(10_000);
    stop.abort(new Error('enough'));
    await runtime.drive(running);
    const seen: string[] = [];
    for await (const event of watcher.events) seen.push(text(event));
    assert.deepEqual(seen, ['ADDED a@3', 'DELETED a@3']);
  });
});
