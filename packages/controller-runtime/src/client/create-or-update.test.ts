import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isConflict } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControllerBuilder } from '../controller/builder.ts';
import { labelled, ours, scene } from '../fixtures/scene.ts';
import { createOrUpdate } from './create-or-update.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';

const { configMaps } = resources.core.v1;
const finalizer = 'example.com/cleanup';

describe('finalizers and createOrUpdate on a real server', () => {
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

  test('createOrUpdate creates, updates, leaves alone, conflicts, and refuses another name', async () => {
    const { cluster, admin, manager } = await scene();
    const key = { namespace: 'default', name: 'a' };
    const make = (data: Record<string, string>): ReturnType<typeof createOrUpdate> =>
      cluster.drive(createOrUpdate(manager.client, configMaps, key, (current) => ({ ...(current ?? labelled('a')), data })));
    assert.equal((await make({ a: '1' })).operation, 'created');
    const { metadata } = await cluster.drive(admin.coreV1.configMaps('default').get('a'));
    assert.equal((await make({ a: '1' })).operation, 'unchanged');
    assert.equal((await cluster.drive(admin.coreV1.configMaps('default').get('a'))).metadata.resourceVersion, metadata.resourceVersion);
    assert.equal((await make({ a: '2' })).operation, 'updated');
    const late = createOrUpdate(manager.client, configMaps, key, (current) => ({
      ...current,
      metadata: { ...metadata },
      data: { a: '3' },
    }));
    await assert.rejects(cluster.drive(late), isConflict);
    for (const renamed of [
      { name: 'b', namespace: 'default' },
      { name: 'a', namespace: 'other' },
    ]) {
      await assert.rejects(cluster.drive(createOrUpdate(manager.client, configMaps, key, () => ({ metadata: renamed }))), TypeError);
    }
  });
});
