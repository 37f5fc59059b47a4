import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type KubeObject, newInternalError, newTooManyRequests, TransportError } from '@coracle/apimachinery';
import { SimRuntime, uniform } from '@coracle/simulator';
import { SharedInformerFactory } from '../../informers/factory.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import { resources } from '../../kubernetes/resources.ts';
import { FakeServer } from './fixtures/fake-server.ts';
import { DeletedFinalStateUnknown, deletionKey } from './keys.ts';
import type { SharedIndexInformer } from './shared-informer.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly server: FakeServer;
  readonly informer: SharedIndexInformer<KubeObject>;
  readonly factory: SharedInformerFactory;
  readonly seen: string[];
}

function scene(options: { readonly resyncPeriodMs?: number; readonly seed?: number; readonly objects?: readonly string[] } = {}): Scene {
  const runtime = new SimRuntime({ seed: options.seed ?? 1, strategy: uniform() });
  const server = new FakeServer(runtime.process('server'));
  for (const name of options.objects ?? []) server.set(name);
  const clientset = new Clientset({ process: runtime.process('component'), transport: server });
  const factory = new SharedInformerFactory(clientset, { resyncPeriodMs: options.resyncPeriodMs ?? 0 });
  const informer: SharedIndexInformer<KubeObject> = factory.forResource<KubeObject>(resources.core.v1.configMaps);
  const seen: string[] = [];
  informer.addEventHandler({
    onAdd: (object, isInInitialList) => seen.push(`add ${object.metadata.name}${isInInitialList ? ' (initial)' : ''}`),
    onUpdate: (old, object) => seen.push(`update ${old.metadata.resourceVersion}->${object.metadata.resourceVersion}`),
    onDelete: (deleted) => seen.push(`delete ${deletionKey(deleted)}${deleted instanceof DeletedFinalStateUnknown ? ' (unknown)' : ''}`),
  });
  return { runtime, server, informer, factory, seen };
}

describe('SharedIndexInformer', () => {
  test('streams the list, follows, and rests without a timer', async () => {
    const { runtime, server, informer, factory, seen } = scene({ objects: ['a', 'b'] });
    factory.start();
    assert.equal(informer.hasSynced(), false);
    await runtime.settle();
    await runtime.drive(factory.waitForCacheSync());
    server.set('a');
    server.set('c');
    server.delete('b');
    await runtime.settle();
    assert.deepEqual(seen, ['add a (initial)', 'add b (initial)', 'update 1->3', 'add c', 'delete default/b']);
    assert.deepEqual(server.requests, ['watchlist']);
    assert.deepEqual(informer.indexer.listKeys(), ['default/a', 'default/c']);
    assert.equal(informer.lister.namespace('default').get('c')?.metadata.uid, 'uid-c');
    assert.equal((await runtime.settle()).steps, 0);
  });

  test('lists and watches where the server does not stream lists', async () => {
    const { runtime, server, factory, seen } = scene({ objects: ['a'] });
    server.watchList = false;
    factory.start();
    await runtime.settle();
    server.set('b');
    await runtime.settle();
    assert.deepEqual(seen, ['add a (initial)', 'add b']);
    assert.deepEqual(server.requests, ['watchlist', 'list 0', 'watch 1']);
  });

  test('goes on after the last version when a watch ends or breaks', async () => {
    for (const error of [undefined, new TransportError('reset', { executed: 'unknown' })]) {
      const { runtime, server, factory, seen } = scene({ objects: ['a'] });
      factory.start();
      await runtime.settle();
      server.endWatches(error);
      server.set('b');
      await runtime.settle();
      assert.deepEqual(seen, ['add a (initial)', 'add b']);
      assert.deepEqual(server.requests, ['watchlist', 'watch 1']);
    }
  });

  test('waits out refusals of the watch without a new list', async () => {
    const { runtime, server, factory, seen } = scene({ objects: ['a'] });
    factory.start();
    await runtime.settle();
    server.faults.push(new TransportError('refused', { executed: 'no' }), newTooManyRequests('busy', 1));
    server.endWatches();
    server.set('b');
    const { virtualMs } = await runtime.settle();
    assert.deepEqual(seen, ['add a (initial)', 'add b']);
    assert.deepEqual(server.requests, ['watchlist', 'watch 1', 'watch 1', 'watch 1']);
    assert.ok(virtualMs >= 800 + 1600, `waited ${virtualMs} ms`);
  });

  test('lists anew when its version was compacted, and reports what was deleted meanwhile', async () => {
    const { runtime, server, factory, seen } = scene({ objects: ['a', 'b'] });
    factory.start();
    await runtime.settle();
    server.endWatches();
    server.delete('b');
    server.set('c');
    server.compactedBelow = server.revision;
    await runtime.settle();
    // What the list holds unchanged is told too, as upstream: a handler that cares compares the versions.
    assert.deepEqual(seen.slice(2), ['delete default/b (unknown)', 'update 1->1', 'add c']);
    assert.deepEqual(server.requests, ['watchlist', 'watch 2', 'watchlist 2']);
  });

  test('survives every kind of failure, again and again', async () => {
    const { runtime, server, factory, seen } = scene({ objects: ['a'] });
    for (let i = 0; i < 20; i++)
      server.faults.push(i % 2 === 0 ? newInternalError('broken') : new TransportError('reset', { executed: 'unknown' }));
    factory.start();
    await runtime.settle({ maxVirtualMs: 3_600_000 });
    assert.deepEqual(seen, ['add a (initial)']);
  });

  test('ends a watch with an ERROR frame by a new cycle', async () => {
    const { runtime, server, factory, informer } = scene({ objects: ['a'] });
    factory.start();
    await runtime.settle();
    server.inject({ type: 'ERROR', object: { kind: 'Status', metadata: {}, code: 410, reason: 'Expired', message: 'too old' } });
    await runtime.settle();
    assert.deepEqual(server.requests, ['watchlist', 'watchlist 1']);
    assert.equal(informer.lastSyncResourceVersion, '1');
    assert.equal(server.watchers, 1);
  });

  test('moves its version with bookmarks', async () => {
    const { runtime, server, factory, informer } = scene({ objects: ['a'] });
    factory.start();
    await runtime.settle();
    server.inject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '77' } } });
    await runtime.settle();
    assert.equal(informer.lastSyncResourceVersion, '77');
  });

  test('resyncs in the background, only the handlers that ask for it', async () => {
    const { runtime, factory, informer, seen } = scene({ objects: ['a'], resyncPeriodMs: 30_000 });
    const without: string[] = [];
    informer.addEventHandler({ onUpdate: () => without.push('update') }, { resyncPeriodMs: 0 });
    factory.start();
    const { virtualMs } = await runtime.settle();
    assert.equal(virtualMs, 0);
    await runtime.advance(65_000);
    assert.deepEqual(seen, ['add a (initial)', 'update 1->1', 'update 1->1']);
    assert.deepEqual(without, []);
  });

  test('gives a late handler the present objects before what happens next', async () => {
    const { runtime, server, factory, informer } = scene({ objects: ['a'] });
    factory.start();
    await runtime.settle();
    const late: string[] = [];
    const registration = informer.addEventHandler({
      onAdd: (object, initial) => late.push(`add ${object.metadata.name} ${initial}`),
      onUpdate: (_, object) => late.push(`update ${object.metadata.name}`),
    });
    assert.deepEqual(late, []);
    assert.equal(registration.hasSynced(), false);
    server.set('a');
    await runtime.settle();
    assert.deepEqual(late, ['add a true', 'update a']);
    assert.equal(registration.hasSynced(), true);
    registration.remove();
    registration.remove();
    server.set('b');
    await runtime.settle();
    assert.deepEqual(late, ['add a true', 'update a']);
  });

  test('ends its watch on shutdown and takes no handler after it', async () => {
    const { runtime, server, factory, informer } = scene({ objects: ['a'] });
    factory.start();
    await runtime.settle();
    await runtime.drive(factory.shutdown());
    await runtime.settle();
    assert.equal(server.watchers, 0);
    assert.throws(() => informer.addEventHandler({}), /has stopped/);
  });

  test('a handler that throws stops the process, as a panic does', async () => {
    const { runtime, factory, informer, seen } = scene({ objects: ['a'] });
    informer.addEventHandler({
      onAdd: () => {
        throw new Error('bad handler');
      },
    });
    factory.start();
    await assert.rejects(runtime.settle(), /bad handler/);
    assert.deepEqual(seen, ['add a (initial)']);
  });

  test('ends equal to the server under any order and any cut, 200 seeds', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { runtime, server, factory, informer } = scene({ seed, objects: ['a', 'b', 'c'] });
      const random = runtime.random.fork('script');
      server.watchList = seed % 2 === 0;
      factory.start();
      for (let i = 0; i < 30; i++) {
        const name = 'abcde'[random.below(5)] ?? 'a';
        switch (random.below(6)) {
          case 0:
            server.delete(name);
            break;
          case 1:
            server.endWatches(new TransportError('cut', { executed: 'unknown' }));
            break;
          case 2:
            server.compactedBelow = server.revision;
            break;
          case 3:
            await runtime.advance(random.below(3000));
            break;
          default:
            server.set(name);
        }
      }
      await runtime.settle();
      const expected = await runtime.drive(
        new Clientset({ process: runtime.process('check'), transport: server }).coreV1.configMaps('default').list(),
      );
      const versions = (objects: readonly { readonly metadata: { readonly resourceVersion?: string } }[]): unknown =>
        objects.map(({ metadata }) => metadata.resourceVersion).sort();
      assert.deepEqual(versions(informer.indexer.list()), versions(expected.items), `seed ${seed}`);
    }
  });
});
