import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { newInformer } from './controller.ts';
import type { ResourceEventHandler } from './event-handlers.ts';
import { informerScene } from './fixtures/informer-scene.ts';
import { bookmark, frame, ScriptedListWatch } from './fixtures/scripted-list-watch.ts';
import { deletionKey } from './keys.ts';
import type { HandlerRegistration } from './processor-listener.ts';

function named(object: Frozen<KubeObject>, name: string): Frozen<KubeObject> {
  return deepFreeze({ ...object, metadata: { ...object.metadata, name } });
}

function recorder(seen: string[]): ResourceEventHandler<KubeObject> {
  return {
    onAdd: ({ metadata }) => seen.push(`add ${metadata.name}@${metadata.resourceVersion}`),
    onUpdate: (old, { metadata }) => seen.push(`update ${metadata.name}@${old.metadata.resourceVersion}->${metadata.resourceVersion}`),
    onDelete: (deleted) => seen.push(`delete ${deletionKey(deleted)}`),
  };
}

describe('a handler that is added by a handler', () => {
  test('is told everything once, when what is handled is a list', async () => {
    const { runtime, server, informer, start } = informerScene();
    for (const name of ['a', 'b', 'c']) server.set(name);
    const seen: string[] = [];
    let inner: HandlerRegistration | undefined;
    informer.addEventHandler({
      onAdd() {
        inner ??= informer.addEventHandler(recorder(seen));
      },
    });
    start();
    await runtime.settle();
    assert.deepEqual(seen, ['add a@1', 'add b@2', 'add c@3']);
    assert.equal(inner?.hasSynced(), true);
  });

  test('is told everything once, when what is handled is one of several changes that came together', async () => {
    const { runtime, server, informer, start } = informerScene();
    server.set('a');
    const seen: string[] = [];
    let isAdded = false;
    informer.addEventHandler({
      onUpdate() {
        if (!isAdded) informer.addEventHandler(recorder(seen));
        isAdded = true;
      },
    });
    start();
    await runtime.settle();
    server.set('a');
    server.set('b');
    server.delete('a');
    await runtime.settle();
    assert.deepEqual(seen.slice().sort(), ['add a@2', 'add b@3', 'delete default/a']);
    assert.deepEqual(seen.at(-1), 'delete default/a');
  });

  test('is told everything once, when what is handled is a resync', async () => {
    const { runtime, server, informer, start } = informerScene({ resyncPeriodMs: 1000 });
    for (const name of ['a', 'b', 'c']) server.set(name);
    const seen: string[] = [];
    let isAdded = false;
    informer.addEventHandler({
      onUpdate() {
        if (!isAdded) informer.addEventHandler(recorder(seen));
        isAdded = true;
      },
    });
    start();
    await runtime.advance(1500);
    assert.deepEqual(seen, ['add a@1', 'add b@2', 'add c@3']);
  });
});

test('a handler that another one has removed is told no more, not even of what came together', async () => {
  const { runtime, server, informer, start } = informerScene();
  for (const name of ['a', 'b', 'c']) server.set(name);
  const seen: string[] = [];
  let second: HandlerRegistration | undefined;
  informer.addEventHandler({ onAdd: ({ metadata }) => (metadata.name === 'b' ? second?.remove() : undefined) });
  second = informer.addEventHandler(recorder(seen));
  start();
  await runtime.settle();
  assert.deepEqual(seen, ['add a@1']);
});

describe('a transform', () => {
  test('that gives an object another key is followed, whether it came of a list or of a watch', async () => {
    const seen: string[] = [];
    const { runtime, server, informer, start } = informerScene({
      transform: (object) => named(object, `t-${object.metadata.uid?.slice(4)}`),
    });
    informer.addEventHandler(recorder(seen));
    server.set('a');
    start();
    await runtime.settle();
    server.set('a');
    server.set('b');
    await runtime.settle();
    server.delete('a');
    await runtime.settle();
    assert.deepEqual(seen, ['add t-a@1', 'update t-a@1->2', 'add t-b@3', 'delete default/t-a']);
    assert.deepEqual(informer.indexer.listKeys(), ['default/t-b']);
  });

  test('that gives two objects one key leaves the last one of a list, told once', async () => {
    const seen: string[] = [];
    const { runtime, server, informer, start } = informerScene({ transform: (object) => named(object, 'same') });
    informer.addEventHandler(recorder(seen));
    for (const name of ['a', 'b', 'c']) server.set(name);
    start();
    await runtime.settle();
    assert.deepEqual(seen, ['add same@3']);
    assert.deepEqual(
      informer.indexer.list().map(({ metadata }) => metadata.resourceVersion),
      ['3'],
    );
    server.compactedBelow = 4;
    server.set('d');
    server.endWatches();
    await runtime.advance(5_000);
    assert.deepEqual(seen.slice(1), ['update same@3->4']);
  });

  test('that makes no object is reported, and the list is asked for again', async () => {
    for (const watchList of [true, false]) {
      let isBroken = true;
      const errors: string[] = [];
      const seen: string[] = [];
      const { runtime, server, informer, start, logged } = informerScene({
        watchList,
        transform: (object) => (isBroken ? (undefined as unknown as Frozen<KubeObject>) : object), // what the types forbid
        onWatchError: (error) => errors.push(error.message),
      });
      informer.addEventHandler(recorder(seen));
      server.set('a');
      start();
      await runtime.advance(100);
      isBroken = false;
      server.set('a');
      await runtime.advance(5_000);
      assert.deepEqual(seen, ['add a@2']);
      assert.ok([...errors, ...logged].some((line) => /Cannot read the metadata of an object that has none/.test(line)));
    }
  });
});

describe('an index function that throws', () => {
  test('adds no index', async () => {
    const { runtime, server, informer, start } = informerScene();
    server.set('a');
    start();
    await runtime.settle();
    const bad = (): never => {
      throw new Error('odd object');
    };
    assert.throws(
      () => informer.addIndexers({ good: () => ['x'], bad }),
      /Cannot calculate an index entry for key "default\/a" on index "bad": odd object/,
    );
    assert.equal(informer.indexer.hasIndex('good'), false);
    server.set('a');
    await runtime.settle();
    assert.equal(informer.indexer.getByKey('default/a')?.metadata.resourceVersion, '2');
    informer.addIndexers({ bad: () => ['y'] });
    assert.deepEqual(informer.indexer.indexKeys('bad', 'y'), ['default/a']);
  });
});

describe('newInformer()', () => {
  test('freezes what a transform makes, and tells nothing after it has ended', async () => {
    const runtime = new SimRuntime();
    const process = runtime.process('component');
    const listWatch = new ScriptedListWatch(process);
    listWatch.watches.push({ frames: [frame('ADDED', 'a', '1'), frame('ADDED', 'b', '2'), bookmark('2', 'true')] });
    const seen: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { store, controller } = newInformer<KubeObject>({
      process,
      name: 'pods',
      listWatch,
      transform: ({ metadata }) => ({ metadata: { ...metadata } }) as Frozen<KubeObject>,
      handler: {
        onAdd({ metadata }) {
          seen.push(metadata.name ?? '');
          return gate.promise;
        },
      },
    });
    const stop = new AbortController();
    let hasEnded = false;
    process.spawn('informer', async () => {
      await controller.run(stop.signal);
      hasEnded = true;
    });
    await runtime.advance(10);
    assert.ok(Object.isFrozen(store.getByKey('ns/a')?.metadata));
    stop.abort(new Error('enough'));
    await runtime.advance(10);
    assert.equal(hasEnded, false, 'it ends after its handler');
    gate.resolve();
    await runtime.settle();
    assert.equal(hasEnded, true);
    assert.deepEqual(seen, ['a']);
  });
});

test('periods that are no times are refused', () => {
  for (const resyncPeriodMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => informerScene({ resyncPeriodMs }), RangeError);
    assert.throws(() => informerScene().informer.addEventHandler({}, { resyncPeriodMs }), RangeError);
  }
});

test('a lister says once that it has to look at every object of every namespace', async () => {
  const { runtime, server, informer, start, logged } = informerScene();
  server.set('a');
  start();
  await runtime.settle();
  for (let i = 0; i < 3; i++) {
    assert.equal(informer.lister.namespace('default').list().length, 1);
    assert.equal(logged.filter((line) => line.startsWith('Listing a namespace without its index')).length, 1);
  }
  assert.deepEqual(informer.lister.namespace('other').list(), []);
});
