import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject, newExpired, newInternalError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { CacheController, newInformer } from './controller.ts';
import { filteringHandler, type ResourceEventHandler } from './event-handlers.ts';
import { bookmark, errorFrame, frame, pod, ScriptedListWatch } from './fixtures/scripted-list-watch.ts';
import { informerScene } from './fixtures/informer-scene.ts';
import { InformerName } from './informer-metrics.ts';
import { DeletedFinalStateUnknown, deletionKey } from './keys.ts';
import { RealFifo } from './real-fifo.ts';
import { SharedIndexInformer } from './shared-informer.ts';

function recorder(seen: string[]): ResourceEventHandler<KubeObject> {
  return {
    onAdd: (object, isInitial) => seen.push(`add ${object.metadata.name}@${object.metadata.resourceVersion}${isInitial ? '!' : ''}`),
    onUpdate: (old, object) =>
      seen.push(`update ${object.metadata.name}@${old.metadata.resourceVersion}->${object.metadata.resourceVersion}`),
    onDelete: (deleted) => seen.push(`delete ${deletionKey(deleted)}${deleted instanceof DeletedFinalStateUnknown ? '?' : ''}`),
  };
}

describe('handlers of an informer', () => {
  test('have synced when each of them has seen all of its first list, those that were added late too', async () => {
    const { runtime, server, informer, start } = informerScene();
    for (const name of ['a', 'b', 'c']) server.set(name);
    const early: string[] = [];
    const first = informer.addEventHandler(recorder(early));
    assert.equal(first.hasSynced(), false);
    start();
    await runtime.drive(first.whenSynced());
    assert.equal(informer.hasSynced(), true);
    assert.equal(early.length, 3);
    const late: string[] = [];
    const second = informer.addEventHandler(recorder(late));
    assert.equal(second.hasSynced(), false);
    await runtime.drive(second.whenSynced());
    assert.deepEqual(late.sort(), early.sort());
    const empty = informerScene();
    const none = empty.informer.addEventHandler({});
    empty.start();
    await empty.runtime.drive(none.whenSynced());
    const again = empty.informer.addEventHandler({});
    assert.equal(again.hasSynced(), true);
  });

  test('that take their time delay only themselves, and are given one event at a time, in order', async () => {
    const { runtime, server, informer, start } = informerScene();
    for (const name of ['a', 'b']) server.set(name);
    const slow: string[] = [];
    const quick: string[] = [];
    let working = 0;
    const inTurn = async (what: string): Promise<void> => {
      assert.equal(working++, 0);
      await runtime.process('component').clock.sleep(1000);
      working--;
      slow.push(what);
    };
    const registration = informer.addEventHandler({
      onAdd: (object) => inTurn(`add ${object.metadata.name}`),
      onUpdate: (_old, object) => inTurn(`update ${object.metadata.name}`),
      onDelete: (deleted) => inTurn(`delete ${deletionKey(deleted)}`),
    });
    informer.addEventHandler(recorder(quick));
    start();
    await runtime.advance(500);
    server.set('a');
    server.delete('b');
    await runtime.advance(100);
    assert.deepEqual(quick, ['add a@1!', 'add b@2!', 'update a@1->3', 'delete default/b']);
    assert.deepEqual([slow, registration.hasSynced(), informer.hasSynced()], [[], false, true]);
    await runtime.advance(1500);
    assert.equal(registration.hasSynced(), true);
    await runtime.advance(10_000);
    assert.deepEqual(slow, ['add a', 'add b', 'update a', 'delete default/b']);
  });

  test('cannot be removed by an informer that they were not added to', async () => {
    const { runtime, server, informer, start } = informerScene();
    const seen: string[] = [];
    const registration = informer.addEventHandler(recorder(seen));
    informerScene().informer.removeEventHandler(registration);
    server.set('a');
    start();
    await runtime.settle();
    assert.deepEqual(seen, ['add a@1!']);
  });

  test('are forgotten when they are removed: nothing is resynced for them', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('component');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ frames: [bookmark('1', 'true')] });
    const metrics = InformerName.reserve(process, 'test').metricsOf({ group: '', version: 'v1', resource: 'pods' });
    const informer = new SharedIndexInformer<KubeObject>({ process, name: 'pods', listWatch, metrics, resyncPeriodMs: 1000 });
    const processed = (): number => Number(/_latency_seconds_count\{.*\} (\d+)/.exec(process.metrics.text())?.[1]);
    const registration = informer.addEventHandler({});
    process.spawn('informer', (signal) => informer.run(signal));
    await runtime.advance(3_500);
    assert.equal(processed(), 1 + 3);
    registration.remove();
    await runtime.advance(10_000);
    assert.equal(processed(), 1 + 3);
  });

  test('are removed with the block that their registration is used in', async () => {
    const { runtime, server, informer, start } = informerScene();
    const seen: string[] = [];
    start();
    {
      using registration = informer.addEventHandler(recorder(seen));
      server.set('a');
      await runtime.settle();
      assert.equal(registration.hasSynced(), true);
    }
    server.set('a');
    await runtime.settle();
    assert.deepEqual(seen, ['add a@1!']);
  });

  test('can be added twice, and removed by themselves, again, and where they were never added', async () => {
    const { runtime, server, informer, start } = informerScene();
    const seen: string[] = [];
    const handler = recorder(seen);
    const first = informer.addEventHandler(handler);
    const second = informer.addEventHandler(handler);
    const foreign = informerScene().informer.addEventHandler({});
    start();
    server.set('a');
    await runtime.settle();
    assert.equal(seen.length, 2);
    informer.removeEventHandler(foreign);
    informer.removeEventHandler(first);
    informer.removeEventHandler(first);
    server.set('a');
    await runtime.settle();
    assert.equal(seen.length, 3);
    second.remove();
    second.remove();
    server.set('a');
    await runtime.settle();
    assert.equal(seen.length, 3);
  });

  test('that are removed while they work, or before a start, are told nothing more; who waits for that waits for the work', async () => {
    const { runtime, server, informer, start } = informerScene();
    for (const name of ['a', 'b', 'c']) server.set(name);
    const seen: string[] = [];
    const work = Promise.withResolvers<void>();
    const registration = informer.addEventHandler({
      async onAdd(object) {
        seen.push(`${object.metadata.name}`);
        await work.promise;
      },
    });
    const never = informer.addEventHandler({ onAdd: () => seen.push('never') });
    await runtime.drive(never.removeAndWait());
    start();
    await runtime.advance(10);
    assert.deepEqual(seen, ['a']);
    let isGone = false;
    const gone = registration.removeAndWait().then(() => {
      isGone = true;
    });
    await assert.rejects(runtime.drive(registration.whenSynced()), /was removed/);
    assert.equal(isGone, false);
    work.resolve();
    await runtime.drive(gone);
    await runtime.settle();
    assert.deepEqual(seen, ['a']);
  });

  test('can be added and removed at any moment, whatever happens meanwhile, 100 seeds', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { runtime, server, informer, start } = informerScene({ seed });
      const random = runtime.random.fork('script');
      start();
      const live: { readonly known: Map<string, string>; readonly registration: ReturnType<typeof informer.addEventHandler> }[] = [];
      for (let i = 0; i < 40; i++) {
        const name = 'abcd'[random.below(4)] ?? 'a';
        if (random.below(3) === 0) server.delete(name);
        else server.set(name);
        if (random.below(4) === 0) {
          const known = new Map<string, string>();
          const put = (object: Frozen<KubeObject>): void =>
            void known.set(object.metadata.name ?? '', object.metadata.resourceVersion ?? '');
          const registration = informer.addEventHandler({
            onAdd(object) {
              assert.ok(!known.has(object.metadata.name ?? ''), `seed ${seed}: added twice`);
              put(object);
            },
            onUpdate(old, object) {
              assert.equal(known.get(old.metadata.name ?? ''), old.metadata.resourceVersion, `seed ${seed}: an update of another state`);
              put(object);
            },
            onDelete(deleted) {
              assert.ok(known.delete(deletionKey(deleted).replace('default/', '')), `seed ${seed}: deleted what was not there`);
            },
          });
          live.push({ known, registration });
        }
        if (random.below(6) === 0) live.splice(random.below(Math.max(1, live.length)), 1)[0]?.registration.remove();
        if (random.below(2) === 0) await runtime.advance(random.below(10));
      }
      await runtime.settle();
      const stored = new Map(informer.indexer.list().map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
      for (const { known, registration } of live) {
        assert.deepEqual(new Map([...known].sort()), new Map([...stored].sort()), `seed ${seed}`);
        assert.equal(registration.hasSynced(), true);
      }
    }
  });

  test('that throw or reject stop the process, and the others have been told all the same', async () => {
    for (const bad of [
      {
        onAdd: () => {
          throw new Error('bad handler');
        },
      },
      {
        onAdd: async () => {
          throw new Error('bad handler');
        },
      },
    ] as const) {
      const { runtime, server, informer, start } = informerScene();
      server.set('a');
      informer.addEventHandler(bad);
      const seen: string[] = [];
      informer.addEventHandler(recorder(seen));
      start();
      await assert.rejects(runtime.settle(), /bad handler/);
      assert.deepEqual(seen, ['add a@1!']);
    }
  });

  test('cannot be added once the informer has stopped, but can be removed; nor can indexes', async () => {
    const { runtime, informer, start, stop } = informerScene();
    const registration = informer.addEventHandler({});
    start();
    await runtime.settle();
    assert.equal(informer.isStopped, false);
    stop.abort(new Error('enough'));
    await runtime.settle();
    assert.equal(informer.isStopped, true);
    assert.throws(() => informer.addEventHandler({}), /has stopped/);
    assert.throws(() => informer.addIndexers({}), /has stopped/);
    registration.remove();
    informer.removeEventHandler(registration);
  });

  test('the informer ends after its handlers', async () => {
    const { runtime, server, informer, start, stop } = informerScene();
    server.set('a');
    const work = Promise.withResolvers<void>();
    informer.addEventHandler({ onAdd: () => work.promise });
    start();
    await runtime.advance(10);
    stop.abort(new Error('enough'));
    await runtime.advance(10);
    assert.equal(informer.isStopped, true);
    let hasEnded = false;
    const ended = informer.whenSynced().then(() => {
      hasEnded = true;
    });
    work.resolve();
    await runtime.settle();
    await ended;
    assert.equal(hasEnded, true);
  });
});

describe('SharedIndexInformer', () => {
  test('is set up before it starts, and started once', async () => {
    const { runtime, informer, start, logged, server } = informerScene();
    server.set('a');
    informer.setTransform((object) => ({ ...object, metadata: { ...object.metadata, labels: { seen: 'yes' } } }));
    informer.setWatchErrorHandler(() => undefined);
    start();
    start();
    await runtime.settle();
    assert.deepEqual(logged, ['The informer was started already']);
    assert.throws(() => informer.setTransform((object) => object), /has started/);
    assert.throws(() => informer.setWatchErrorHandler(() => undefined), /has started/);
    informer.addIndexers({ seen: (object) => [object.metadata.labels?.['seen'] ?? ''] });
    assert.equal(informer.indexer.byIndex('seen', 'yes').length, 1);
  });

  test('gives handlers and readers what the transform made, frozen', async () => {
    const { runtime, server, informer, start } = informerScene({
      transform: (object) => ({ ...object, metadata: { ...object.metadata, annotations: { made: 'yes' } } }),
    });
    const seen: (string | undefined)[] = [];
    informer.addEventHandler({
      onAdd: (object) => seen.push(object.metadata.annotations?.['made']),
      onUpdate: (_old, object) => seen.push(object.metadata.annotations?.['made']),
    });
    server.set('a');
    start();
    await runtime.settle();
    server.set('a');
    await runtime.settle();
    assert.deepEqual(seen, ['yes', 'yes']);
    const [object] = informer.indexer.list();
    assert.throws(() => {
      (object as { metadata: { name: string } }).metadata.name = 'changed';
    }, TypeError);
  });

  test('tells the watch error handler of what fails, and goes on', async () => {
    const { runtime, server, informer, start } = informerScene();
    const errors: string[] = [];
    informer.setWatchErrorHandler((error) => errors.push(error.message));
    server.faults.push(newInternalError('broken'), newInternalError('broken too'));
    start();
    await runtime.drive(informer.whenSynced());
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? '', /broken too/);
  });

  test('an object that was made anew while nobody watched may come as an update with another uid', async () => {
    const { runtime, server, informer, start } = informerScene();
    server.set('a');
    const uids: unknown[] = [];
    informer.addEventHandler({ onUpdate: (old, object) => uids.push([old.metadata.uid, object.metadata.uid]) });
    start();
    await runtime.settle();
    server.endWatches();
    server.delete('a');
    server.set('a', { uid: 'another' });
    server.compactedBelow = server.revision;
    await runtime.settle();
    assert.equal(uids.length, 1);
  });

  test('knows the version that its store is at, bookmarks included', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '3'), bookmark('4', 'true'), frame('MODIFIED', 'a', '6'), bookmark('9')] });
    const informer = new SharedIndexInformer<KubeObject>({ process, name: 'pods', listWatch });
    process.spawn('informer', (signal) => informer.run(signal));
    await runtime.advance(10);
    assert.deepEqual([informer.lastSyncResourceVersion, informer.indexer.lastStoreSyncResourceVersion], ['9', '9']);
  });

  test('an index that throws stops the process: a new list would only repeat it', async () => {
    const { runtime, server, start } = informerScene({
      indexers: {
        bad: () => {
          throw new Error('bad index');
        },
      },
    });
    server.set('a');
    start();
    await assert.rejects(runtime.settle(), /bad index/);
  });
});

describe('resyncs of an informer', () => {
  const updates = (informer: SharedIndexInformer<KubeObject>, resyncPeriodMs: number): { count: number } => {
    const seen = { count: 0 };
    informer.addEventHandler({ onUpdate: () => void seen.count++ }, { resyncPeriodMs });
    return seen;
  };

  test('come to each handler in its own period, none shorter than a second', async () => {
    const { runtime, server, informer, start } = informerScene({ resyncPeriodMs: 60_000 });
    server.set('a');
    const [often, seldom, tooOften, never] = [
      updates(informer, 2_000),
      updates(informer, 3_000),
      updates(informer, 10),
      updates(informer, 0),
    ];
    start();
    await runtime.advance(12_500);
    assert.deepEqual([often.count, seldom.count, tooOften.count, never.count], [6, 4, 12, 0]);
  });

  test('a handler that comes late cannot shorten the check period; without one there is none', async () => {
    const { runtime, server, informer, start } = informerScene({ resyncPeriodMs: 5_000 });
    server.set('a');
    start();
    await runtime.advance(10);
    const late = updates(informer, 1_000);
    await runtime.advance(20_000);
    // Five seconds after it came is just after a check: so at 10, 15 and 20 seconds.
    assert.equal(late.count, 3);
    const without = informerScene();
    without.server.set('a');
    const wanted = updates(without.informer, 1_000);
    without.start();
    await without.runtime.advance(20_000);
    assert.equal(wanted.count, 0);
  });
});

describe('a list that brings nothing new', () => {
  test('is told to the handlers whose resync is due, and to no others', async () => {
    const { runtime, server, informer, start } = informerScene({ resyncPeriodMs: 10_000 });
    for (const name of ['a', 'b']) server.set(name);
    const due: string[] = [];
    const never: string[] = [];
    informer.addEventHandler(recorder(due));
    informer.addEventHandler(recorder(never), { resyncPeriodMs: 0 });
    start();
    await runtime.advance(11_000);
    due.length = 0;
    never.length = 0;
    server.delete('b');
    server.compactedBelow = server.revision + 1;
    server.endWatches();
    await runtime.advance(5_000);
    assert.deepEqual(due, ['delete default/b', 'update a@1->1']);
    assert.deepEqual(never, ['delete default/b']);
  });
});

describe('a handler that does not keep up', () => {
  test('is warned of when thousands of events wait for it, once for each doubling', async () => {
    const { runtime, server, informer, start, logged } = informerScene();
    let waitMs = 150;
    informer.addEventHandler({ onUpdate: () => runtime.process('handler').clock.sleep(waitMs) });
    informer.addEventHandler({ onUpdate: () => runtime.process('handler').clock.sleep(1) });
    server.set('a');
    start();
    await runtime.advance(10);
    for (let i = 0; i < 3000; i++) server.set('a');
    await runtime.advance(1_000);
    assert.deepEqual(logged, ['A handler does not keep up']);
    for (let i = 0; i < 1500; i++) server.set('a');
    await runtime.advance(1_000);
    assert.deepEqual(logged.length, 1);
    for (let i = 0; i < 3000; i++) server.set('a');
    await runtime.advance(1_000);
    assert.deepEqual(logged.length, 2);
    waitMs = 0;
    await runtime.settle();
    waitMs = 150;
    for (let i = 0; i < 1500; i++) server.set('a');
    await runtime.advance(1_000);
    assert.deepEqual(logged.length, 3, 'it had caught up');
  });
});

test('CacheController closes its queue when it has ended, and says who never synced', async () => {
  const runtime = new SimRuntime();
  const process = runtime.process('c');
  const listWatch = new ScriptedListWatch(process);
  listWatch.watches.push({ delayMs: 60_000 });
  const queue = new RealFifo<KubeObject>();
  const controller = new CacheController<KubeObject>({
    process,
    name: 'pods',
    listWatch,
    queue,
    consumer: { batch: () => undefined, single: () => undefined },
  });
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  const waiting = assert.rejects(controller.whenSynced(), /The informer of pods ended before its first list/);
  await runtime.advance(100);
  assert.equal(queue.isClosed, false);
  stop.abort(new Error('enough'));
  await runtime.drive(running);
  await waiting;
  assert.equal(queue.isClosed, true);
});

describe('newInformer()', () => {
  const frames = [
    frame('ADDED', 'a', '3'),
    frame('ADDED', 'b', '3'),
    bookmark('3', 'true'),
    frame('MODIFIED', 'a', '4'),
    frame('DELETED', 'b', '5'),
    frame('ADDED', 'c', '6'),
  ];

  test('keeps a cache and tells one handler, through a lost connection and an expired version', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push(
      { frames: [...frames, errorFrame(newExpired('old'))] },
      { frames: [frame('ADDED', 'd', '8'), frame('ADDED', 'a', '9'), bookmark('9', 'true')] },
    );
    const seen: string[] = [];
    const { store, controller } = newInformer<KubeObject>({ process, name: 'pods', listWatch, handler: recorder(seen) });
    const stop = new AbortController();
    const running = controller.run(stop.signal);
    await runtime.drive(controller.whenSynced());
    assert.equal(controller.hasSynced, true);
    await runtime.advance(10_000);
    assert.deepEqual(seen, ['add a@3!', 'add b@3!', 'update a@3->4', 'delete ns/b', 'add c@6', 'delete ns/c?', 'add d@8', 'update a@4->9']);
    assert.deepEqual(store.listKeys(), ['ns/d', 'ns/a']);
    assert.equal(controller.lastSyncResourceVersion, '9');
    stop.abort(new Error('enough'));
    await runtime.drive(running);
  });

  test('transforms on the way in, also while it is read', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ batch: 1, frames });
    const seen: unknown[] = [];
    const { store, controller } = newInformer<KubeObject>({
      process,
      name: 'pods',
      listWatch,
      handler: { onAdd: (object) => seen.push(object.metadata.labels), onUpdate: (_old, object) => seen.push(object.metadata.labels) },
      transform: (object) => deepFreeze({ ...object, metadata: { ...object.metadata, labels: { made: 'yes' } } }) as Frozen<KubeObject>,
    });
    process.spawn('informer', (signal) => controller.run(signal));
    await runtime.advance(10);
    assert.equal(seen.length, 4);
    assert.ok(
      [...seen, ...store.list().map(({ metadata }) => metadata.labels)].every((labels) => (labels as { made?: string }).made === 'yes'),
    );
  });

  test('waiting for the first list ends when it is stopped before', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('c');
    const listWatch = new ScriptedListWatch(process);
    listWatch.lists.push(newInternalError('broken'));
    const { controller } = newInformer<KubeObject>({ process, name: 'pods', listWatch, watchList: false, handler: {} });
    const stop = new AbortController();
    const running = controller.run(stop.signal);
    const waiting = assert.rejects(controller.whenSynced(), /ended before its first list/);
    await runtime.advance(5000);
    stop.abort(new Error('enough'));
    await runtime.drive(Promise.all([running, waiting]));
  });
});

test('filteringHandler() tells of coming and going through the filter', () => {
  const seen: string[] = [];
  const handler = filteringHandler<KubeObject>((object) => object.metadata.name?.startsWith('in') === true, recorder(seen));
  const [inside, outside] = [pod('in', '1'), pod('out', '1')];
  handler.onAdd?.(inside, true);
  handler.onAdd?.(outside, true);
  handler.onUpdate?.(inside, inside);
  handler.onUpdate?.(outside, inside);
  handler.onUpdate?.(inside, outside);
  handler.onUpdate?.(outside, outside);
  handler.onDelete?.(inside);
  handler.onDelete?.(outside);
  handler.onDelete?.(new DeletedFinalStateUnknown<KubeObject>('ns/in', inside));
  handler.onDelete?.(new DeletedFinalStateUnknown<KubeObject>('ns/unknown', undefined));
  assert.deepEqual(seen, ['add in@1!', 'update in@1->1', 'add in@1', 'delete ns/in', 'delete ns/in', 'delete ns/in?']);
  const silent = filteringHandler<KubeObject>(() => true, {});
  silent.onAdd?.(inside, false);
  silent.onUpdate?.(inside, inside);
  silent.onDelete?.(inside);
});
