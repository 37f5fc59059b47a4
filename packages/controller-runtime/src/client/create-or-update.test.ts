import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodDisruptionBudget } from '@coracle/api';
import { isConflict, isForbidden, isNotFound } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { labelled, scene } from '../fixtures/scene.ts';
import { createOrPatch, createOrUpdate } from './create-or-update.ts';

const { configMaps } = resources.core.v1;
const budgets = resources.policy.v1.podDisruptionBudgets; // nobody here writes their status
const key = { namespace: 'default', name: 'a' };

describe('createOrUpdate() and createOrPatch()', () => {
  const makers = { createOrUpdate, createOrPatch };

  for (const [name, make] of Object.entries(makers)) {
    test(`${name} refuses another name and another namespace, of what is not there and of what is, and sends nothing`, async () => {
      const { cluster, admin, manager } = await scene();
      const maps = admin.coreV1.configMaps('default');
      const refuseAll = async (): Promise<void> => {
        for (const metadata of [{ ...key, name: 'b' }, { ...key, namespace: 'kube-system' }, { namespace: 'default' }]) {
          await assert.rejects(
            cluster.drive(make(manager.client, configMaps, key, (current) => ({ ...current, metadata, data: { a: '2' } }))),
            new TypeError('Cannot make ConfigMap "default/a" an object of another name or namespace'),
          );
        }
      };
      await refuseAll();
      await assert.rejects(cluster.drive(maps.get('a')), isNotFound);
      const { metadata } = await cluster.drive(maps.create(labelled('a')));
      await refuseAll();
      assert.equal((await cluster.drive(maps.get('a'))).metadata.resourceVersion, metadata.resourceVersion);
      await assert.rejects(cluster.drive(maps.get('b')), isNotFound);
    });

    test(`${name} throws what keeps it from reading, and asks nobody what the object is to be`, async () => {
      const { cluster, another } = await scene();
      const { client } = another({ clientset: cluster.cluster.clientset('nobody', { name: 'nobody', groups: [] }) });
      await assert.rejects(
        cluster.drive(make(client, configMaps, key, () => assert.fail('it is not known whether it is there'))),
        isForbidden,
      );
    });
  }
});

describe('createOrUpdate()', () => {
  test('creates, updates, leaves alone and conflicts', async () => {
    const { cluster, admin, manager } = await scene();
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
  });

  test('writes where a member without members comes', async () => {
    const { cluster, manager } = await scene();
    const of = (spec: PodDisruptionBudget['spec']): ReturnType<typeof createOrUpdate> =>
      cluster.drive(createOrUpdate(manager.client, budgets, key, (current) => ({ ...(current ?? labelled('a')), spec })));
    await of({ maxUnavailable: 1 });
    assert.equal((await of({ maxUnavailable: 1 })).operation, 'unchanged');
    assert.equal((await of({ maxUnavailable: 1, selector: {} })).operation, 'updated');
  });
});

describe('createOrPatch()', () => {
  const wants = (rest: object) => (current: object | undefined) => ({ ...(current ?? labelled('a')), ...rest }) as PodDisruptionBudget;

  test('says which of object and status it wrote', async () => {
    const { cluster, admin, manager } = await scene();
    const of = (rest: object): ReturnType<typeof createOrPatch<PodDisruptionBudget>> =>
      cluster.drive(createOrPatch(manager.client, budgets, key, wants(rest)));
    const status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 1, expectedPods: 0 };
    assert.equal((await of({ spec: { maxUnavailable: 1 } })).operation, 'created');
    const { metadata } = await cluster.drive(admin.policyV1.podDisruptionBudgets('default').get('a'));
    const unchanged = await of({});
    assert.deepEqual([unchanged.operation, unchanged.object.metadata.resourceVersion], ['unchanged', metadata.resourceVersion]);
    const updated = await of({ spec: { maxUnavailable: 2 } });
    assert.deepEqual([updated.operation, updated.object.spec?.maxUnavailable], ['updated', 2]);
    const only = await of({ status });
    assert.deepEqual([only.operation, only.object.status?.disruptionsAllowed], ['updatedStatusOnly', 1]);
    const both = await of({ spec: { maxUnavailable: 3 }, status: { ...status, disruptionsAllowed: 2 } });
    assert.deepEqual([both.operation, both.object.spec?.maxUnavailable, both.object.status?.disruptionsAllowed], ['updatedStatus', 3, 2]);
    assert.deepEqual(both.object, await cluster.drive(admin.policyV1.podDisruptionBudgets('default').get('a')));
  });

  test('leaves what others changed meanwhile', async () => {
    const { cluster, admin, manager } = await scene();
    const maps = admin.coreV1.configMaps('default');
    await cluster.drive(maps.create({ ...labelled('a'), data: { ours: '1', gone: '1', theirs: '1' } }));
    let theirs: Promise<unknown> | undefined;
    const ours = createOrPatch(manager.client, configMaps, key, (current) => {
      theirs = maps.patch('a', 'merge', { data: { theirs: '2' } });
      return { ...current, metadata: current?.metadata ?? key, data: { ours: '2', theirs: '1' } };
    });
    const { operation } = await cluster.drive(ours);
    await cluster.drive(theirs ?? assert.fail('nothing was there'));
    assert.equal(operation, 'updated');
    assert.deepEqual((await cluster.drive(maps.get('a'))).data, { ours: '2', theirs: '2' });
  });

  test('throws what mutate throws, before anything is sent', async () => {
    const { cluster, admin, manager } = await scene();
    const fails = createOrPatch(manager.client, configMaps, key, () => {
      throw new Error('no idea');
    });
    await assert.rejects(cluster.drive(fails), /no idea/);
    await assert.rejects(cluster.drive(admin.coreV1.configMaps('default').get('a')), isNotFound);
  });

  test('a status of what keeps none is not found', async () => {
    const { cluster, manager } = await scene();
    await cluster.drive(createOrPatch(manager.client, configMaps, key, () => labelled('a')));
    const change = createOrPatch(manager.client, configMaps, key, (current) => ({
      ...current,
      metadata: labelled('a').metadata,
      status: { a: 1 },
    }));
    await assert.rejects(cluster.drive(change), isNotFound);
  });
});
