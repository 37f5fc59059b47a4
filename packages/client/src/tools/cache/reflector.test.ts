import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import {
  deepFreeze,
  type Frozen,
  type KubeObject,
  newExpired,
  newForbidden,
  newGone,
  newInternalError,
  newInvalid,
  newTooManyRequests,
  StatusError,
  TransportError,
} from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { bookmark, errorFrame, frame, pages, pod, ScriptedListWatch } from './fixtures/scripted-list-watch.ts';
import { described } from './fixtures/objects.ts';
import { Store } from './indexer.ts';
import { tweakedListWatch, watchListOptions } from './list-watch.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { RetryWithDeadline } from './retry-with-deadline.ts';

const refused = new TransportError('refused', { executed: 'no' });
const reset = new TransportError('reset', { executed: 'unknown' });
const tooMany = newTooManyRequests('busy', 1);
const expired = newExpired('too old resource version');
const tooLarge = new StatusError({
  metadata: {},
  code: 504,
  reason: 'Timeout',
  message: 'Too large resource version: 20, current: 10',
  details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] },
});
const listed = (version: string, ...names: readonly string[]) => ({
  metadata: { resourceVersion: version },
  items: names.map((name) => pod(name, version)),
});

interface Scene {
  readonly runtime: SimRuntime;
  readonly listWatch: ScriptedListWatch;
  readonly store: Store<KubeObject>;
  readonly errors: string[];
  readonly logged: string[];
  readonly reflector: Reflector<KubeObject>;
  /** Lets it run for so long, then stops it. */
  run(ms: number): Promise<void>;
}

function scene(options: Partial<ReflectorOptions<KubeObject>> = {}): Scene {
  const logged: string[] = [];
  const runtime = new SimRuntime({ log: ({ level, message }) => (level === 'debug' ? undefined : logged.push(message)) });
  const process = runtime.process('c');
  const listWatch = new ScriptedListWatch(process);
  const store = new Store<KubeObject>();
  const errors: string[] = [];
  const reflector = new Reflector<KubeObject>({
    process,
    name: 'pods',
    listWatch,
    store,
    watchList: false,
    onError: (error) => errors.push(error.message),
    ...options,
  });
  return {
    runtime,
    listWatch,
    store,
    errors,
    logged,
    reflector,
    async run(ms) {
      const stop = new AbortController();
      const running = reflector.run(stop.signal);
      await runtime.advance(ms);
      stop.abort(new Error('enough'));
      await runtime.drive(running);
    },
  };
}

describe('Reflector', () => {
  test('lists, then applies what the watch says, and stops in silence', async () => {
    const { listWatch, store, run, errors, reflector } = scene();
    listWatch.lists.push(listed('3', 'a', 'b'));
    listWatch.watches.push({ frames: [frame('ADDED', 'c', '4'), frame('MODIFIED', 'a', '5'), frame('DELETED', 'b', '6'), bookmark('9')] });
    await run(5000);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3']);
    assert.deepEqual(store.list().map(described), ['a@5', 'c@4']);
    assert.equal(reflector.lastSyncResourceVersion, '9');
    assert.equal(store.lastStoreSyncResourceVersion, '9');
    assert.deepEqual(errors, []);
    assert.equal(listWatch.openWatches, 0);
  });

  test('watches on from the last version when a watch ends or breaks, at once and without a list', async () => {
    for (const end of [{ endAfterMs: 2000 }, { error: reset }]) {
      const { listWatch, run, errors } = scene();
      listWatch.lists.push(listed('3'));
      listWatch.watches.push({ frames: [frame('ADDED', 'a', '4')], ...end }, {});
      await run(2500);
      assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'watch rv=4']);
      assert.deepEqual(errors, []);
    }
  });

  test('ends the cycle, and waits, when a watch ends within a second and without an event', async () => {
    const { listWatch, run, logged } = scene();
    listWatch.lists.push(listed('3'));
    listWatch.watches.push({ endAfterMs: 10 });
    await run(700);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3']);
    assert.deepEqual(logged, ['Watch ended with an error']);
  });

  test('waits out a refused connection and 429 of a watch, and asks for no new list', async () => {
    for (const fault of [refused, tooMany]) {
      const { listWatch, run, errors, logged } = scene();
      listWatch.lists.push(listed('3'));
      listWatch.watches.push(fault, fault, fault, {});
      await run(60_000);
      assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'watch rv=3', 'watch rv=3', 'watch rv=3']);
      assert.deepEqual(errors, []);
      assert.deepEqual(
        logged,
        Array.from({ length: 3 }, () => 'Cannot watch, trying again'),
        'whoever looks at the log sees why nothing comes',
      );
    }
  });

  test('waits out a 429 within a watch likewise', async () => {
    const { listWatch, run } = scene();
    listWatch.lists.push(listed('3'));
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '4'), errorFrame(tooMany)] }, {});
    await run(10_000);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'watch rv=4']);
  });

  test('tells of any other failure to watch or to list, and begins a new cycle after a wait', async () => {
    const { listWatch, run, errors, store } = scene();
    listWatch.lists.push(newForbidden({ group: '', resource: 'pods' }, '', 'no'), listed('3', 'a'), listed('4', 'b'));
    listWatch.watches.push(newInternalError('broken'), {});
    await run(60_000);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'list rv=0 limit=500', 'watch rv=3', 'list rv=3', 'watch rv=4']);
    assert.equal(errors.length, 2);
    assert.match(errors[0] ?? '', /Failed to list pods: pods is forbidden: no/);
    assert.deepEqual(store.list().map(described), ['b@4']);
  });

  test('logs what nobody handles: an expired version is no news, anything else is', async () => {
    for (const [failure, expectedLog] of [
      [expired, []],
      [newForbidden({ group: '', resource: 'pods' }, '', 'no'), ['Reflector failed']],
    ] as const) {
      const { listWatch, run, logged } = scene({ onError: undefined });
      listWatch.lists.push(listed('3'));
      listWatch.watches.push(failure, {});
      await run(500);
      assert.deepEqual(logged, expectedLog);
    }
  });

  test('lets go of every watch that has ended: nothing is left at the signal', async () => {
    for (const watchList of [true, false]) {
      const { listWatch, reflector, runtime } = scene({ watchList });
      listWatch.lists.push(listed('3'));
      listWatch.watches.push({ frames: [frame('ADDED', 'a', '4')], endAfterMs: 2000 });
      const stop = new AbortController();
      const running = reflector.run(stop.signal);
      await runtime.advance(60_000);
      assert.ok(listWatch.requests.length > 5);
      // Of the present watch, or of the present wait.
      assert.ok(getEventListeners(stop.signal, 'abort').length <= 2, `streamed: ${watchList}`);
      stop.abort(new Error('enough'));
      await runtime.drive(running);
    }
  });

  test('a version that is not to be had is not asked for by the next cycle either', async () => {
    const { listWatch, run } = scene();
    listWatch.lists.push(listed('3'), expired, newInternalError('broken'), listed('9'));
    listWatch.watches.push({ frames: [errorFrame(expired)] }, {});
    await run(20_000);
    assert.deepEqual(listWatch.requests, [
      'list rv=0 limit=500',
      'watch rv=3',
      'list rv=3',
      'list rv=',
      'list rv= limit=500',
      'watch rv=9',
    ]);
  });

  test('an expired version within a watch leads to a list at that version; what came before it counts', async () => {
    for (const error of [expired, newGone('gone')]) {
      const { listWatch, run, store } = scene();
      listWatch.lists.push(listed('3'), listed('8', 'z'));
      listWatch.watches.push({ frames: [frame('ADDED', 'a', '4'), errorFrame(error)] }, {});
      await run(60_000);
      assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'list rv=4', 'watch rv=8']);
      assert.deepEqual(store.list().map(described), ['z@8']);
    }
  });

  test('an InternalError within a watch is tried again only for as long as that was asked for', async () => {
    const internal = errorFrame(newInternalError('etcd event received with PrevKv=nil'));
    const off = scene();
    off.listWatch.lists.push(listed('3'));
    off.listWatch.watches.push({ frames: [internal] });
    await off.run(100);
    assert.deepEqual(off.listWatch.requests, ['list rv=0 limit=500', 'watch rv=3']);
    const passing = scene({ maxInternalErrorRetryMs: 10_000 });
    passing.listWatch.lists.push(listed('3'));
    passing.listWatch.watches.push({ frames: [internal] }, { frames: [internal] }, {});
    await passing.run(100);
    assert.deepEqual(passing.listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'watch rv=3', 'watch rv=3']);
    const lasting = scene({ maxInternalErrorRetryMs: 10_000 });
    lasting.listWatch.lists.push(listed('3'));
    // At 4, 8, 12 and 16 seconds: twelve after the first.
    lasting.listWatch.watches.push({ delayMs: 4000, frames: [internal] });
    await lasting.run(16_100);
    assert.deepEqual(lasting.listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'watch rv=3', 'watch rv=3', 'watch rv=3']);
  });

  test('lists in pages only where the server would not take a list from its cache anyway', async () => {
    const small = scene({ pageSize: 2 });
    small.listWatch.lists.push(pages(5, '10'));
    await small.run(100);
    assert.deepEqual(small.listWatch.requests.slice(0, 3), ['list rv=0 limit=2', 'list limit=2 continue=2', 'list limit=2 continue=4']);
    assert.equal(small.store.size, 5);
    assert.equal(small.reflector.lastSyncResourceVersion, '10');
    const later = scene();
    later.listWatch.lists.push(pages(3, '10'));
    later.listWatch.watches.push(newInternalError('broken'), {});
    await later.run(10_000);
    assert.deepEqual(later.listWatch.requests, ['list rv=0 limit=500', 'watch rv=10', 'list rv=10', 'watch rv=10']);
  });

  test('goes on listing in pages once the first list came in several: the server has no cache', async () => {
    const { listWatch, run } = scene();
    listWatch.lists.push(pages(600, '10'));
    listWatch.watches.push(newInternalError('broken'), {});
    await run(10_000);
    assert.deepEqual(listWatch.requests, [
      'list rv=0 limit=500',
      'list limit=500 continue=500',
      'watch rv=10',
      'list rv=10 limit=500',
      'list limit=500 continue=500',
      'watch rv=10',
    ]);
  });

  test('lists at once with the newest version when the one it had is expired or too large', async () => {
    for (const error of [expired, tooLarge]) {
      const { listWatch, run, errors } = scene();
      listWatch.lists.push(listed('3'), error, listed('30', 'a'), listed('31'));
      listWatch.watches.push(newInternalError('broken'), newInternalError('broken'), {});
      await run(60_000);
      assert.deepEqual(listWatch.requests, [
        'list rv=0 limit=500',
        'watch rv=3',
        'list rv=3',
        'list rv=',
        'watch rv=30',
        'list rv=30',
        'watch rv=31',
      ]);
      assert.equal(errors.length, 2);
    }
  });

  test('an old server says only in words that a version is too large', async () => {
    for (const status of [
      { code: 504, reason: 'Timeout', message: 'Too large resource version: 20, current: 10', details: {} },
      { code: 504, reason: 'Timeout', message: 'x', details: { causes: [{ message: 'Too large resource version' }] } },
    ] as const) {
      const { listWatch, run } = scene();
      listWatch.lists.push(new StatusError({ metadata: {}, ...status }), listed('3'));
      await run(10);
      assert.deepEqual(listWatch.requests.slice(0, 2), ['list rv=0 limit=500', 'list rv= limit=500']);
    }
  });

  test('pages that expire on the way are read at once; what the first page refuses is not', async () => {
    const { listWatch, run, store } = scene({ pageSize: 2 });
    listWatch.lists.push(pages(4, '10'), expired, pages(4, '11'));
    await run(100);
    assert.deepEqual(listWatch.requests.slice(0, 3), ['list rv=0 limit=2', 'list limit=2 continue=2', 'list rv=0']);
    assert.equal(store.size, 4);
  });

  test('does not take synthetic ADDED events at version 0 for progress, until something else comes', async () => {
    const { listWatch, run, reflector } = scene();
    listWatch.lists.push({ metadata: { resourceVersion: '0' }, items: [] });
    listWatch.watches.push(
      { frames: [frame('ADDED', 'a', '9'), frame('ADDED', 'b', '2')], error: reset },
      { frames: [frame('ADDED', 'a', '9'), frame('MODIFIED', 'b', '10')] },
    );
    await run(100);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=0', 'watch rv=0']);
    assert.equal(reflector.lastSyncResourceVersion, '10');
  });

  test('reports and skips events of unknown types, other kinds, tables and without metadata', async () => {
    const { listWatch, run, store, logged, reflector } = scene({ expected: { apiVersion: 'v1', kind: 'Pod' } });
    const broken = deepFreeze({ apiVersion: 'v1', kind: 'Pod' }) as Frozen<KubeObject>;
    listWatch.lists.push({ metadata: { resourceVersion: '3' }, items: [pod('a', '2'), broken] });
    listWatch.watches.push({
      frames: [
        { type: 'ODD' as 'ADDED', object: pod('x', '4') },
        { type: 'ADDED', object: deepFreeze({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', resourceVersion: '5' } }) },
        { type: 'ADDED', object: broken },
        { type: 'ADDED', object: deepFreeze({ apiVersion: 'meta.k8s.io/v1', kind: 'Table', metadata: {} }) },
        frame('ADDED', 'b', '6'),
      ],
    });
    await run(100);
    assert.deepEqual(store.list().map(described), ['a@2', 'b@6']);
    assert.equal(logged.filter((message) => message === 'Skipping a watch event').length, 4);
    assert.equal(logged.filter((message) => message === 'Skipping an item of a list').length, 1);
    assert.equal(reflector.lastSyncResourceVersion, '6');
  });

  test('refuses tables, whose rows are no objects', async () => {
    const tables = scene();
    tables.listWatch.lists.push({ ...listed('3'), apiVersion: 'meta.k8s.io/v1', kind: 'Table' });
    tables.listWatch.watches.push({
      frames: [{ type: 'ADDED', object: deepFreeze({ apiVersion: 'meta.k8s.io/v1beta1', kind: 'Table', metadata: {} }) }],
    });
    await tables.run(100);
    assert.match(tables.errors[0] ?? '', /Table/);
    const ours = scene();
    ours.listWatch.lists.push(listed('3'));
    ours.listWatch.watches.push({
      frames: [
        {
          type: 'ADDED',
          object: deepFreeze({ apiVersion: 'example.com/v1', kind: 'Table', metadata: { name: 't', resourceVersion: '4' } }),
        },
      ],
    });
    await ours.run(100);
    assert.equal(ours.store.size, 1);
  });

  test('asks for watches of five to ten minutes, or from the time that was asked for to twice that', async () => {
    for (const [wanted, least] of [
      [undefined, 300],
      [10, 300],
      [1800, 1800],
    ] as const) {
      const { listWatch, run } = scene({ minWatchTimeoutSeconds: wanted });
      listWatch.lists.push(listed('3'));
      listWatch.watches.push({ frames: [frame('MODIFIED', 'a', '4')], endAfterMs: 10 });
      await run(1000);
      const seconds = listWatch.watchOptions.map(({ timeoutSeconds = 0 }) => timeoutSeconds);
      assert.ok(seconds.length > 20 && seconds.every((value) => value >= least && value <= 2 * least), `${seconds}`);
      assert.ok(new Set(seconds).size > 5);
      assert.ok(listWatch.watchOptions.every(({ allowWatchBookmarks }) => allowWatchBookmarks === true));
    }
  });

  test('waits longer after each failure, up to the cap, and begins anew after two quiet minutes', async () => {
    const { runtime, listWatch, reflector } = scene();
    listWatch.lists.push(newInternalError('broken'));
    const stop = new AbortController();
    const running = reflector.run(stop.signal);
    await runtime.advance(600_000);
    const inTenMinutes = listWatch.requests.length;
    assert.ok(inTenMinutes > 12 && inTenMinutes < 30, `${inTenMinutes} tries`);
    stop.abort(new Error('enough'));
    await runtime.drive(running);
    const custom = scene({ backoff: { baseMs: 10, factor: 1, capMs: 10, jitter: 0 } });
    custom.listWatch.lists.push(newInternalError('broken'));
    await custom.run(995);
    assert.equal(custom.listWatch.requests.length, 100);
  });

  test('resyncs when its time has come and somebody wants it, and only while it watches', async () => {
    let resyncs = 0;
    let isWanted = true;
    class CountingStore extends Store<KubeObject> {
      override resync(): void {
        resyncs++;
      }
    }
    const { listWatch, runtime, reflector } = scene({ store: new CountingStore(), resyncPeriodMs: 1000, shouldResync: () => isWanted });
    listWatch.lists.push(listed('3'));
    const stop = new AbortController();
    const running = reflector.run(stop.signal);
    await runtime.advance(3500);
    assert.equal(resyncs, 3);
    isWanted = false;
    await runtime.advance(3000);
    assert.equal(resyncs, 3);
    stop.abort(new Error('enough'));
    await runtime.drive(running);
    isWanted = true;
    await runtime.advance(10_000);
    assert.equal(resyncs, 3);
  });

  test('a resync that fails ends the watch, and the next cycle begins after a wait', async () => {
    let failures = 0;
    class FailingStore extends Store<KubeObject> {
      override resync(): void {
        if (failures++ === 0) throw new Error('cannot resync');
      }
    }
    const { listWatch, run, errors } = scene({ store: new FailingStore(), resyncPeriodMs: 1000 });
    listWatch.lists.push(listed('3'));
    await run(4500);
    assert.deepEqual(errors, ['cannot resync']);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3', 'list rv=3', 'watch rv=3']);
  });

  test('a resync that fails while a watch is waited for ends the cycle before the next watch', async () => {
    class FailingStore extends Store<KubeObject> {
      override resync(): void {
        throw new Error('cannot resync');
      }
    }
    const { listWatch, run, errors } = scene({ store: new FailingStore(), resyncPeriodMs: 100 });
    listWatch.lists.push(listed('3'));
    listWatch.watches.push(refused, {});
    await run(2000);
    assert.deepEqual(errors, ['cannot resync']);
    assert.deepEqual(listWatch.requests, ['list rv=0 limit=500', 'watch rv=3']);
  });

  test('stopped before it begins, during a list, or before and after a watch, it leaves nothing open', async () => {
    for (const ms of [0, 1, 2, 5]) {
      const { listWatch, run, errors } = scene();
      listWatch.lists.push(listed('3'));
      await run(ms);
      assert.equal(listWatch.openWatches, 0);
      assert.deepEqual(errors, []);
    }
    const { reflector, listWatch, runtime } = scene();
    await runtime.drive(reflector.run(AbortSignal.abort(new Error('before'))));
    assert.deepEqual(listWatch.requests, []);
  });

  test('an object that cannot be written is reported, and the rest goes on', async () => {
    class PickyStore extends Store<KubeObject> {
      override add(item: Frozen<KubeObject>): void {
        if (item.metadata.name === 'bad') throw new TypeError('bad object');
        super.add(item);
      }
    }
    const store = new PickyStore();
    const { listWatch, run, logged } = scene({ store });
    listWatch.lists.push(listed('3'));
    listWatch.watches.push({ frames: [frame('ADDED', 'bad', '4'), frame('ADDED', 'good', '5')] });
    await run(100);
    assert.deepEqual(store.list().map(described), ['good@5']);
    assert.ok(logged.includes('Cannot write a watch event to the store'));
  });
});

describe('Reflector with streamed lists', () => {
  const streaming = (options: Partial<ReflectorOptions<KubeObject>> = {}): Scene => scene({ watchList: true, ...options });

  test('takes what comes up to the mark for the list, and goes on with the same stream', async () => {
    for (const batch of [1, 2, 10]) {
      const { listWatch, run, store, reflector } = streaming();
      listWatch.watches.push({
        batch,
        frames: [
          frame('ADDED', 'a', '9'),
          frame('ADDED', 'b', '2'),
          bookmark('10', 'true'),
          frame('MODIFIED', 'a', '11'),
          frame('DELETED', 'b', '12'),
        ],
      });
      await run(100);
      assert.deepEqual(listWatch.requests, ['watchlist rv=']);
      assert.deepEqual(listWatch.watchOptions[0]?.resourceVersionMatch, 'NotOlderThan');
      assert.deepEqual(store.list().map(described), ['a@11']);
      assert.equal(reflector.lastSyncResourceVersion, '12');
      assert.equal(listWatch.openWatches, 0);
    }
  });

  test('changes before the mark count, and a bookmark that does not say so is no mark', async () => {
    const { listWatch, run, store, reflector } = streaming();
    const before = [
      frame('ADDED', 'a', '1'),
      frame('ADDED', 'b', '2'),
      frame('MODIFIED', 'a', '3'),
      frame('DELETED', 'b', '4'),
      bookmark('5'),
      bookmark('6', 'false'),
    ];
    listWatch.watches.push({ frames: before });
    await run(100);
    assert.equal(store.size, 0);
    assert.equal(reflector.lastSyncResourceVersion, '');
    const whole = streaming();
    whole.listWatch.watches.push({ frames: [...before, bookmark('7', 'true')] });
    await whole.run(100);
    assert.deepEqual(whole.store.list().map(described), ['a@3']);
    assert.equal(whole.reflector.lastSyncResourceVersion, '7');
  });

  test('a stream that ends before the mark is begun anew, with nothing of the old one', async () => {
    const { listWatch, run, store } = streaming();
    listWatch.watches.push(
      { frames: [frame('ADDED', 'old', '1')], endAfterMs: 10 },
      { frames: [frame('ADDED', 'new', '2'), bookmark('2', 'true')] },
    );
    await run(5000);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watchlist rv=']);
    assert.deepEqual(store.listKeys(), ['ns/new']);
  });

  test('a server that ends each stream, or knows no version at all, is not asked in a hot loop', async () => {
    for (const answer of [{ frames: [frame('ADDED', 'a', '1')], endAfterMs: 0 }, expired]) {
      const { listWatch, run } = streaming();
      listWatch.watches.push(answer);
      await run(60_000);
      assert.ok(listWatch.requests.length > 3 && listWatch.requests.length < 12, String(listWatch.requests.length));
    }
  });

  test('the version that was synced is asked for again after one was not to be had', async () => {
    const { listWatch, run } = streaming();
    listWatch.watches.push(
      { frames: [bookmark('9', 'true'), errorFrame(expired)] },
      tooLarge,
      { frames: [bookmark('12', 'true'), errorFrame(expired)] },
      { frames: [bookmark('15', 'true')] },
    );
    await run(60_000);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watchlist rv=9', 'watchlist rv=', 'watchlist rv=12']);
  });

  test('a stream that ends at once, without an event, leads to a plain list', async () => {
    const { listWatch, run } = streaming();
    listWatch.lists.push(listed('3'));
    listWatch.watches.push({ endAfterMs: 10 }, {});
    await run(500);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'list rv=0 limit=500', 'watch rv=3']);
  });

  test('so is a stream that breaks before the mark', async () => {
    const { listWatch, run, store } = streaming();
    listWatch.watches.push(
      { frames: [frame('ADDED', 'old', '1')], error: reset },
      { frames: [frame('ADDED', 'new', '2'), bookmark('2', 'true')] },
    );
    await run(5000);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watchlist rv=']);
    assert.deepEqual(store.listKeys(), ['ns/new']);
  });

  test('a list that the store does not take is let go of, listed in the same cycle, and told of', async () => {
    class FullStore extends Store<KubeObject> {
      override replace(): void {
        throw new RangeError('full');
      }
    }
    const { listWatch, run, errors } = streaming({ store: new FullStore() });
    listWatch.lists.push(listed('3'));
    listWatch.watches.push({ frames: [bookmark('2', 'true')] });
    await run(10);
    assert.equal(listWatch.openWatches, 0);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'list rv=0 limit=500']);
    assert.deepEqual(errors, ['full']);
  });

  test('a refused connection and 429 are waited out; too old and too large lead to the newest version', async () => {
    const synced = [frame('ADDED', 'a', '9'), bookmark('9', 'true')];
    for (const fault of [refused, tooMany]) {
      const { listWatch, run } = streaming();
      listWatch.watches.push(fault, { frames: [errorFrame(tooMany)] }, { frames: synced });
      await run(60_000);
      assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watchlist rv=', 'watchlist rv=']);
    }
    for (const fault of [expired, tooLarge]) {
      const { listWatch, run, store } = streaming();
      listWatch.watches.push({ frames: [...synced, errorFrame(expired)] }, fault, { frames: [bookmark('12', 'true')] });
      await run(60_000);
      assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watchlist rv=9', 'watchlist rv=']);
      assert.equal(store.size, 0);
    }
  });

  test('any other failure leads to a plain list, in this cycle only', async () => {
    for (const fault of [newInvalid({ group: '', kind: 'ListOptions' }, '', []), newInternalError('broken'), reset, new Error('odd')]) {
      const { listWatch, run } = streaming();
      listWatch.lists.push(listed('3'));
      listWatch.watches.push(fault, { frames: [errorFrame(expired)] }, { frames: [bookmark('9', 'true')] });
      await run(60_000);
      assert.deepEqual(listWatch.requests, ['watchlist rv=', 'list rv=0 limit=500', 'watch rv=3', 'watchlist rv=3']);
    }
  });

  test('is not tried where it is switched off, or the client cannot', async () => {
    const off = scene({ watchList: false });
    await off.run(10);
    assert.equal(off.listWatch.requests[0], 'list rv=0 limit=500');
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.unsupported = true;
    for (const given of [listWatch, tweakedListWatch(listWatch, (options) => options)]) {
      const reflector = new Reflector<KubeObject>({ process, name: 'pods', listWatch: given, store: new Store() });
      const stop = new AbortController();
      const running = reflector.run(stop.signal);
      await runtime.advance(10);
      stop.abort(new Error('enough'));
      await runtime.drive(running);
    }
    assert.ok(listWatch.requests.every((request) => !request.startsWith('watchlist')));
    const plain = new Reflector<KubeObject>({
      process,
      name: 'pods',
      listWatch: { list: listWatch.list.bind(listWatch), watch: listWatch.watch.bind(listWatch) },
      store: new Store(),
    });
    const stop = new AbortController();
    const running = plain.run(stop.signal);
    await runtime.advance(10);
    stop.abort(new Error('enough'));
    await runtime.drive(running);
    assert.ok(listWatch.requests.some((request) => request.startsWith('watchlist')));
  });

  test('once synced, a watch that ends is made again without the initial events', async () => {
    const { listWatch, run } = streaming();
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '9'), bookmark('9', 'true')], endAfterMs: 10 }, {});
    await run(100);
    assert.deepEqual(listWatch.requests, ['watchlist rv=', 'watch rv=9']);
  });

  test('warns every ten seconds while neither the mark nor anything else comes', async () => {
    const { listWatch, run, logged } = streaming();
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '1')] });
    await run(25_000);
    assert.deepEqual(logged, [
      'The bookmark that ends a streamed list has not come',
      'The bookmark that ends a streamed list has not come',
    ]);
    const synced = streaming();
    synced.listWatch.watches.push({ frames: [bookmark('1', 'true')] });
    await synced.run(60_000);
    assert.deepEqual(synced.logged, []);
  });

  test('transforms what it gathers at once, as the store would, and tells the store so', async () => {
    let calls = 0;
    const transform = (item: Frozen<KubeObject>): Frozen<KubeObject> => {
      calls++;
      return deepFreeze({ metadata: { ...item.metadata, labels: { seen: String(calls) } } });
    };
    const store = new Store<KubeObject>({ transform });
    const { listWatch, run } = streaming({ store });
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '9'), bookmark('9', 'true'), frame('MODIFIED', 'a', '10')] });
    await run(100);
    assert.equal(calls, 2);
    assert.deepEqual(store.getByKey('ns/a')?.metadata.labels, { seen: '2' });
  });
});

describe('RetryWithDeadline', () => {
  test('tries again for so long after the first error of a row, and never without a time', () => {
    let nowMs = 0;
    const make = (maxRetryMs: number): RetryWithDeadline =>
      new RetryWithDeadline({ clock: { monotonic: () => nowMs }, maxRetryMs, isRetryable: (error) => error === 'internal' });
    const never = make(0);
    never.after('internal');
    assert.equal(never.shouldRetry(), false);
    const retry = make(1000);
    retry.after('other');
    assert.equal(retry.shouldRetry(), false);
    retry.after('internal');
    nowMs = 900;
    retry.after('internal');
    assert.equal(retry.shouldRetry(), true);
    nowMs = 1001;
    retry.after('internal');
    assert.equal(retry.shouldRetry(), false);
    retry.after('internal');
    assert.equal(retry.shouldRetry(), true);
    nowMs = 70_000;
    retry.after('internal');
    nowMs = 70_900;
    assert.equal(retry.shouldRetry(), true);
  });
});

test('watchListOptions() streams what a list would read, and nothing else', () => {
  const stream = { resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true, sendInitialEvents: true };
  for (const [list, expected] of [
    [{}, stream],
    [{ resourceVersion: '0' }, { ...stream, resourceVersion: '0' }],
    [{ resourceVersion: '100' }, { ...stream, resourceVersion: '100' }],
    [
      { resourceVersion: '0', limit: 4 },
      { ...stream, resourceVersion: '0' },
    ],
    [{ resourceVersion: '0', continue: 'token' }, undefined],
    [{ resourceVersionMatch: 'NotOlderThan' }, undefined],
    [
      { resourceVersionMatch: 'NotOlderThan', resourceVersion: '0' },
      { ...stream, resourceVersion: '0' },
    ],
    [
      { resourceVersionMatch: 'NotOlderThan', resourceVersion: '100' },
      { ...stream, resourceVersion: '100' },
    ],
    [
      { resourceVersionMatch: 'NotOlderThan', resourceVersion: '0', limit: 4 },
      { ...stream, resourceVersion: '0' },
    ],
    [{ resourceVersionMatch: 'Exact', resourceVersion: '100' }, undefined],
    [{ limit: 4 }, undefined],
    [{ resourceVersion: '100', limit: 4 }, undefined],
    [{ labelSelector: 'a=b' }, { ...stream, labelSelector: 'a=b' }],
  ] as const) {
    assert.deepEqual(watchListOptions(list), expected, JSON.stringify(list));
  }
});
