import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ReplicaSet } from '@coracle/api';
import { controllerOf } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane, notReadyAnnotation } from '../fixtures/control-plane.ts';

const { replicaSets } = resources.apps.v1;
const { pods } = resources.core.v1;

function rs(replicas: number, more: Partial<ReplicaSet['spec']> = {}): ReplicaSet {
  const labels = { app: 'r' };
  return {
    metadata: { name: 'r', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'app' }] } },
      ...more,
    },
  };
}

async function planeWith(set: ReplicaSet, seed = 1): Promise<ControlPlane> {
  const plane = await ControlPlane.start({ seed });
  await plane.create(replicaSets, set);
  await plane.runtime.settle();
  return plane;
}

describe('ReplicaSetController', () => {
  test('makes the wanted pods, says so and reports them', async () => {
    const plane = await planeWith(rs(3));
    const { status } = await plane.get(replicaSets, 'r');
    assert.deepEqual(status, {
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
      terminatingReplicas: 0,
    });
    const names = await plane.names(pods);
    assert.deepEqual(
      (await plane.events('r')).toSorted(),
      names.map((name) => `SuccessfulCreate: Created pod: ${name}`),
    );
  });

  test('scales down', async () => {
    const plane = await planeWith(rs(4));
    await plane.patch(replicaSets, 'r', { spec: { replicas: 1 } });
    await plane.runtime.settle();
    assert.equal((await plane.names(pods)).length, 1);
    assert.equal((await plane.events('r')).filter((event) => event.startsWith('SuccessfulDelete')).length, 3);
  });

  test('never makes a pod too many, in any order of steps', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const plane = await planeWith(rs(7), seed);
      assert.equal(plane.writes.filter((write) => write.includes('POST /api/v1/namespaces/default/pods')).length, 7, `seed ${seed}`);
    }
  });

  test('replaces a pod that is deleted', async () => {
    const plane = await planeWith(rs(2));
    const [victim = ''] = await plane.names(pods);
    await plane.runtime.drive(plane.admin.coreV1.pods('default').delete(victim));
    await plane.runtime.settle();
    const names = await plane.names(pods);
    assert.equal(names.length, 2);
    assert.ok(!names.includes(victim));
  });

  test('adopts a pod that it selects, and releases one that it does not select any more', async () => {
    const plane = await ControlPlane.start();
    await plane.create(pods, {
      metadata: { name: 'orphan', namespace: 'default', labels: { app: 'r' } },
      spec: { containers: [{ name: 'c', image: 'app' }] },
    });
    await plane.runtime.settle(); // else it may make one of its own before it sees this one
    await plane.create(replicaSets, rs(1));
    await plane.runtime.settle();
    assert.deepEqual(await plane.names(pods), ['orphan']);
    assert.equal(controllerOf(await plane.get(pods, 'orphan'))?.name, 'r');
    await plane.patch(pods, 'orphan', { metadata: { labels: { app: 'other' } } });
    await plane.runtime.settle();
    assert.equal(controllerOf(await plane.get(pods, 'orphan')), undefined);
    assert.equal((await plane.names(pods)).length, 2);
  });

  test('counts pods as available after minReadySeconds', async () => {
    const plane = await ControlPlane.start();
    await plane.create(replicaSets, rs(1, { minReadySeconds: 30 }));
    await plane.runtime.advance(10_000);
    const early = await plane.get(replicaSets, 'r');
    assert.equal(early.status?.readyReplicas, 1);
    assert.equal(early.status?.availableReplicas, undefined);
    await plane.runtime.advance(30_000);
    assert.equal((await plane.get(replicaSets, 'r')).status?.availableReplicas, 1);
  });

  test('leaves pods that are not ready alone', async () => {
    const template = {
      metadata: { labels: { app: 'r' }, annotations: { [notReadyAnnotation]: '' } },
      spec: { containers: [{ name: 'c', image: 'app' }] },
    };
    const plane = await planeWith(rs(2, { template }));
    assert.equal((await plane.get(replicaSets, 'r')).status?.readyReplicas, undefined);
    assert.equal((await plane.runtime.settle()).steps, 0);
  });
});
