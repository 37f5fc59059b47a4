import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resources } from '@coracle/client';
import { ControllerBuilder } from '../controller/builder.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { awaitCondition } from './await-condition.ts';
import { isCreated, isDeleted, isPodRunning } from './conditions.ts';
import { hasFinalizer, reconcileFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';

const { configMaps, nodes, pods } = resources.core.v1;
const key = { namespace: 'default', name: 'a' };
const finalizer = 'example.com/cleanup';

describe('reconcileFinalizer', () => {
  for (const label of ['one', 'two', 'three', 'four']) {
    test(`two controllers and a third writer hold an object, and each cleans up once before it goes (order ${label})`, async () => {
      const { cluster, admin, manager, run } = await scene({}, label);
      const log: string[] = [];
      for (const finalizer of ['example.com/first', 'example.com/second']) {
        new ControllerBuilder(manager, configMaps, { predicates: [ours] }).named(finalizer).complete({
          async reconcile(request) {
            const map = await manager.client.get(configMaps, request);
            if (map === undefined) return;
            await reconcileFinalizer(manager.client, configMaps, map, {
              finalizer,
              async apply({ metadata }) {
                assert.ok(metadata.finalizers?.includes(finalizer));
              },
              async cleanUp() {
                log.push(finalizer);
              },
            });
          },
        });
      }
      await run();
      const maps = admin.coreV1.configMaps('default');
      await cluster.drive(maps.create({ ...labelled('a'), metadata: { ...labelled('a').metadata, finalizers: ['example.com/third'] } }));
      await cluster.settle();
      const { metadata } = await cluster.drive(maps.get('a'));
      assert.deepEqual([...(metadata.finalizers ?? [])].sort(), ['example.com/first', 'example.com/second', 'example.com/third']);
      const both = Promise.all([maps.delete('a'), maps.patch('a', 'merge', { data: { a: 'b' } })]);
      await cluster.drive(both);
      await cluster.settle();
      assert.deepEqual((await cluster.drive(maps.get('a'))).metadata.finalizers, ['example.com/third']);
      assert.deepEqual(log.sort(), ['example.com/first', 'example.com/second']);
      await cluster.drive(maps.patch('a', 'merge', { metadata: { finalizers: null } }));
      await cluster.settle();
      await assert.rejects(cluster.drive(maps.get('a')), /not found/);
      assert.deepEqual(cluster.runtime.failures, []);
    });
  }

  const never = {
    finalizer: 'example.com/x',
    apply: async (): Promise<void> => assert.fail('applied'),
    cleanUp: async (): Promise<void> => assert.fail('cleaned up'),
  };

  test('an object that was read late is not touched when another has its name, when it is going, or has gone', async () => {
    const { cluster, admin, manager } = await scene();
    const maps = admin.coreV1.configMaps('default');
    const old = await cluster.drive(maps.create(labelled('a')));
    await cluster.drive(maps.delete('a'));
    await cluster.drive(reconcileFinalizer(manager.client, configMaps, old, never));
    await cluster.drive(maps.create(labelled('a')));
    await cluster.drive(reconcileFinalizer(manager.client, configMaps, old, never));
    const held = await cluster.drive(maps.patch('a', 'merge', { metadata: { finalizers: ['example.com/other'] } }));
    await cluster.drive(maps.delete('a'));
    await cluster.drive(reconcileFinalizer(manager.client, configMaps, held, never));
    const going = await cluster.drive(maps.get('a'));
    await cluster.drive(reconcileFinalizer(manager.client, configMaps, going, never));
    assert.deepEqual((await cluster.drive(maps.get('a'))).metadata.finalizers, ['example.com/other']);
  });

  test('what cleaning up throws keeps the finalizer', async () => {
    const { cluster, admin, manager } = await scene();
    const maps = admin.coreV1.configMaps('default');
    const object = await cluster.drive(maps.create(labelled('a')));
    const given = await cluster.drive(reconcileFinalizer(manager.client, configMaps, object, { ...never, apply: async () => 'given' }));
    assert.equal(given, 'given');
    await cluster.drive(maps.delete('a'));
    const going = await cluster.drive(manager.apiReader.require(configMaps, key));
    const failing = { ...never, cleanUp: (): Promise<void> => Promise.reject(new Error('still in use')) };
    await assert.rejects(cluster.drive(reconcileFinalizer(manager.client, configMaps, going, failing)), /still in use/);
    assert.deepEqual((await cluster.drive(maps.get('a'))).metadata.finalizers, ['example.com/x']);
  });
});

describe('finalizers on a real server', () => {
  test('an object with our finalizer goes when we have cleaned up, not before', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const cleaned: string[] = [];
    const reconciler = noting(async (key) => {
      const map = await manager.client.get(configMaps, key);
      if (map === undefined) return;
      if (map.metadata.deletionTimestamp === undefined) {
        if (!hasFinalizer(map, finalizer)) await manager.client.update(configMaps, withFinalizer(map, finalizer));
        return;
      }
      cleaned.push(key.name);
      await manager.client.update(configMaps, withoutFinalizer(map, finalizer));
    });
    new ControllerBuilder(manager, configMaps, { predicates: [ours] }).complete(reconciler);
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    await cluster.settle();
    assert.deepEqual((await cluster.drive(maps.get('a'))).metadata.finalizers, [finalizer]);
    await cluster.drive(maps.delete('a'));
    await cluster.settle();
    assert.deepEqual(cleaned, ['a']);
    await assert.rejects(cluster.drive(maps.get('a')), /not found/);
  });
});

describe('Client.get()', () => {
  test('takes a namespace for what it is where a kind has some, and for nothing where it has none', async () => {
    const { cluster, admin, manager, run } = await scene();
    await cluster.drive(admin.coreV1.nodes().create({ metadata: { name: 'n' } }));
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await run();
    for (const reader of [manager.client, manager.apiReader]) {
      for (const namespace of ['', 'default']) {
        assert.equal((await cluster.drive(reader.get(nodes, { namespace, name: 'n' })))?.metadata.name, 'n');
      }
      assert.equal((await cluster.drive(reader.get(configMaps, key)))?.metadata.name, 'a');
    }
    await assert.rejects(cluster.drive(manager.client.get(configMaps, { ...key, namespace: '' })), RangeError);
    assert.equal(await cluster.drive(manager.client.get(nodes, { namespace: 'default', name: 'a' })), undefined);
  });

  test('many wait for one first list, and those that come later wait for nothing', async () => {
    const { cluster, admin, manager, run } = await scene();
    await cluster.drive(admin.coreV1.nodes().create({ metadata: { name: 'n' } }));
    await run();
    const read = (): Promise<unknown> => manager.client.get(nodes, { namespace: '', name: 'n' });
    const order: string[] = [];
    const early = ['first', 'second', 'third'].map(async (who) => {
      assert.ok((await read()) !== undefined);
      order.push(who);
    });
    await Promise.resolve();
    assert.deepEqual(order, []);
    await cluster.drive(Promise.all(early));
    assert.deepEqual(order.sort(), ['first', 'second', 'third']);
    const informers = [...manager.informers.informers.keys()];
    const atMs = manager.process.clock.monotonic();
    assert.ok((await cluster.drive(read())) !== undefined);
    assert.deepEqual([manager.process.clock.monotonic(), [...manager.informers.informers.keys()]], [atMs, informers]);
  });
});

describe('awaitCondition()', () => {
  test('resolves at once with what is so, and with nothing where nothing is', async () => {
    const { cluster, admin, manager } = await scene();
    const { clientset } = manager;
    assert.equal(await cluster.drive(awaitCondition(clientset, configMaps, key, (object) => !isCreated(object))), undefined);
    const made = await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    assert.deepEqual(await cluster.drive(awaitCondition(clientset, configMaps, key, isCreated)), made);
  });

  test('waits for what comes, changes and goes, of that object only', async () => {
    const { cluster, admin, manager } = await scene();
    const { clientset } = manager;
    const own = admin.coreV1.pods('default');
    const log: string[] = [];
    const note = (what: string, wait: Promise<{ readonly metadata: { readonly name?: string } } | undefined>): Promise<unknown> =>
      wait.then((object) => log.push(`${what} ${object?.metadata.name}`));
    const spec = { containers: [{ name: 'main', image: 'a' }] };
    const running = note('running', awaitCondition(clientset, pods, key, isPodRunning));
    await cluster.drive(own.create({ metadata: { name: 'b' }, spec }));
    await cluster.drive(own.patch('b', 'merge', { status: { phase: 'Running' } }, { subresource: 'status' }));
    const { metadata: made } = await cluster.drive(own.create({ metadata: { name: 'a' }, spec }));
    const gone = note('gone', awaitCondition(clientset, pods, key, isDeleted(made.uid ?? '')));
    await cluster.settle();
    assert.deepEqual(log, []);
    await cluster.drive(own.patch('a', 'merge', { status: { phase: 'Running' } }, { subresource: 'status' }));
    await cluster.drive(running);
    assert.deepEqual(log, ['running a']);
    await cluster.drive(own.delete('a', { gracePeriodSeconds: 0 }));
    await cluster.drive(gone);
    assert.deepEqual(log, ['running a', 'gone undefined']);
  });

  test('ends with the reason of its signal, and with what the condition throws', async () => {
    const { cluster, admin, manager } = await scene();
    const { clientset } = manager;
    using deadline = manager.process.clock.deadline(5_000);
    const late = awaitCondition(clientset, configMaps, key, isCreated, { signal: deadline.signal });
    await assert.rejects(cluster.drive(late), (error) => error === deadline.signal.reason);
    const broken = assert.rejects(
      awaitCondition(clientset, configMaps, key, (object) => {
        if (object === undefined) return false;
        throw new Error('what is that?');
      }),
      /^Error: what is that\?$/,
    );
    await cluster.settle();
    await cluster.drive(admin.coreV1.configMaps('default').create(labelled('a')));
    await cluster.drive(broken);
    assert.deepEqual(cluster.runtime.failures, []);
  });
});
