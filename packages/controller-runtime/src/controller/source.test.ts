import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resources } from '@coracle/client';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { RequestControllerBuilder } from './request-controller-builder.ts';
import { objectRequests } from './request-type.ts';
import { kindSource } from './source.ts';

const { configMaps } = resources.core.v1;

describe('kindSource()', () => {
  test('has synced when its handler has dealt with every object that was there, however long it takes; only then work begins', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const maps = admin.coreV1.configMaps('default');
    for (let i = 0; i < 20; i++) await cluster.drive(maps.create(labelled(`map-${i}`)));
    let handled = 0;
    const handledBefore: number[] = [];
    new RequestControllerBuilder(manager, 'slow', objectRequests)
      .watches(
        configMaps,
        {
          async create({ metadata: { name = '' } }, queue) {
            queue.add({ namespace: 'default', name });
            await manager.process.clock.sleep(100);
            handled++;
          },
        },
        { predicates: [ours] },
      )
      .complete(noting(async () => void handledBefore.push(handled)));
    await run();
    assert.deepEqual(
      handledBefore,
      Array.from({ length: 20 }, () => 20),
    );
  });

  test('tells handlers of creations, updates and deletions, as predicates let them through', async () => {
    const { cluster, admin, manager, noting, run } = await scene();
    const told: string[] = [];
    const heard =
      (kind: string) =>
      (object: { readonly metadata: { readonly name?: string } }): void =>
        void told.push(`${kind} ${object.metadata.name}`);
    const source = kindSource(
      manager.cache,
      configMaps,
      { create: heard('create'), update: (_old, object) => heard('update')(object), delete: heard('delete') },
      ours,
      { create: ({ metadata }) => metadata.name !== 'uncreated', update: ({ metadata }) => metadata.name !== 'unchanged' },
      { delete: ({ metadata }) => metadata.name !== 'undeleted' },
    );
    new RequestControllerBuilder(manager, 'heard', objectRequests).watchesSource(source).complete(noting());
    await run();
    const maps = admin.coreV1.configMaps('default');
    for (const name of ['plain', 'uncreated', 'unchanged', 'undeleted']) {
      await cluster.drive(maps.create(labelled(name)));
      await cluster.settle();
      await cluster.drive(maps.patch(name, 'merge', { data: { a: 'b' } }));
      await cluster.settle();
      await cluster.drive(maps.delete(name));
      await cluster.settle();
    }
    assert.deepEqual(told, [
      ...['create plain', 'update plain', 'delete plain'],
      ...['update uncreated', 'delete uncreated'],
      ...['create unchanged', 'delete unchanged'],
      ...['create undeleted', 'update undeleted'],
    ]);
  });

  test('a handler without a member leaves out its events', async () => {
    const { cluster, admin, manager, reconciled, noting, run } = await scene();
    const controller = new RequestControllerBuilder(manager, 'deaf', objectRequests).watches(configMaps, {}).complete(noting());
    await run();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create(labelled('a')));
    await cluster.drive(maps.patch('a', 'merge', { data: { a: 'b' } }));
    await cluster.drive(maps.delete('a'));
    await cluster.settle();
    assert.deepEqual([reconciled, controller.length, cluster.runtime.failures], [[], 0, []]);
  });
});
