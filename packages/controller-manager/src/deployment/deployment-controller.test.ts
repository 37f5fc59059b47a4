import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment } from '@coracle/api';
import { controllerOf, getOwn } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane, notReadyAnnotation } from '../fixtures/control-plane.ts';
import { revisionAnnotation } from './annotations.ts';
import { revisionOf } from './replica-sets.ts';

const { deployments, replicaSets } = resources.apps.v1;
const { pods } = resources.core.v1;

const container = (image: string): unknown => ({ template: { spec: { containers: [{ name: 'c', image }] } } });

async function planeWith(spec: Partial<Deployment['spec']> = {}, seed = 1): Promise<ControlPlane> {
  const plane = await ControlPlane.start({ seed });
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'app:1' }] } };
  await plane.create(deployments, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 3, selector: { matchLabels: labels }, template, ...spec },
  });
  await plane.runtime.settle();
  return plane;
}

async function change(plane: ControlPlane, spec: unknown): Promise<void> {
  await plane.patch(deployments, 'web', { spec });
  await plane.runtime.settle();
}

const conditionOf = async (plane: ControlPlane, type: string): Promise<string | undefined> =>
  (await plane.get(deployments, 'web')).status?.conditions?.find((condition) => condition.type === type)?.reason;
/** `revision image wanted`, in order of revisions. */
const setsOf = async (plane: ControlPlane): Promise<readonly string[]> =>
  (await plane.list(replicaSets))
    .map((set) => `${revisionOf(set)} ${set.spec.template?.spec?.containers[0]?.image} ${set.spec.replicas}`)
    .sort();

describe('DeploymentController', () => {
  test('rolls a template out and back, and gives the old ReplicaSet the next number', async () => {
    const plane = await planeWith();
    await change(plane, container('app:2'));
    assert.deepEqual(await setsOf(plane), ['1 app:1 0', '2 app:2 3']);
    await change(plane, container('app:1'));
    assert.deepEqual(await setsOf(plane), ['2 app:2 0', '3 app:1 3']);
    const web = await plane.get(deployments, 'web');
    assert.equal(getOwn(web.metadata.annotations, revisionAnnotation), '3');
    assert.equal(await conditionOf(plane, 'Progressing'), 'NewReplicaSetAvailable');
    assert.equal((await plane.runtime.settle()).steps, 0);
  });

  test('stops where the new pods do not become ready, and fails its deadline', async () => {
    const plane = await planeWith({ progressDeadlineSeconds: 60 });
    await plane.patch(deployments, 'web', { spec: { template: { metadata: { annotations: { [notReadyAnnotation]: '' } } } } });
    await plane.runtime.advance(30_000);
    assert.deepEqual(
      (await setsOf(plane)).map((text) => text.split(' ')[2]),
      ['3', '1'],
      'a quarter more, rounded up; none less',
    );
    assert.equal(await conditionOf(plane, 'Available'), 'MinimumReplicasAvailable');
    await plane.runtime.settle();
    assert.equal(await conditionOf(plane, 'Progressing'), 'ProgressDeadlineExceeded');
  });

  test('does not roll out while it is paused, but scales', async () => {
    const plane = await planeWith({ paused: true });
    assert.deepEqual(await setsOf(plane), []);
    await change(plane, { paused: false });
    await change(plane, { paused: true, replicas: 5, ...(container('app:2') as object) });
    assert.deepEqual(await setsOf(plane), ['1 app:1 5']);
    assert.equal(await conditionOf(plane, 'Progressing'), 'DeploymentPaused');
    await change(plane, { paused: false });
    assert.deepEqual(await setsOf(plane), ['1 app:1 0', '2 app:2 5']);
  });

  test('Recreate: never has pods of two templates', async () => {
    const plane = await planeWith({ strategy: { type: 'Recreate' } });
    const seen = new Set<string>();
    await plane.patch(deployments, 'web', { spec: container('app:2') });
    for (let i = 0; i < 60; i++) {
      await plane.runtime.advance(10);
      seen.add([...new Set((await plane.list(pods)).map(({ spec }) => spec.containers[0]?.image))].sort().join());
    }
    assert.ok(!seen.has('app:1,app:2'));
    assert.deepEqual(await setsOf(plane), ['1 app:1 0', '2 app:2 3']);
  });

  test('keeps as many old ReplicaSets as it shall', async () => {
    const plane = await planeWith({ revisionHistoryLimit: 1 });
    for (const image of ['app:2', 'app:3', 'app:4']) await change(plane, container(image));
    assert.deepEqual(await setsOf(plane), ['3 app:3 0', '4 app:4 3']);
  });

  test('adopts a ReplicaSet of its template, and orphans it when it goes by itself', async () => {
    const plane = await planeWith();
    await plane.runtime.drive(plane.admin.appsV1.deployments('default').delete('web', { propagationPolicy: 'Orphan' }));
    await plane.runtime.settle();
    const [orphan] = await plane.list(replicaSets);
    assert.equal(orphan && controllerOf(orphan), undefined);
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'app:1' }] } };
    await plane.create(deployments, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template },
    });
    await plane.runtime.settle();
    const [adopted, ...others] = await plane.list(replicaSets);
    assert.deepEqual([adopted?.metadata.uid, adopted?.spec.replicas, others.length], [orphan?.metadata.uid, 2, 0]);
  });

  test('keeps its promises in every order of steps', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const plane = await planeWith(
        { replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } },
        seed,
      );
      await plane.patch(deployments, 'web', { spec: container('app:2') });
      await plane.runtime.settle();
      assert.deepEqual(await setsOf(plane), ['1 app:1 0', '2 app:2 4'], `seed ${seed}`);
      assert.equal(
        plane.writes.filter((write) => write.endsWith('POST /api/v1/namespaces/default/pods')).length,
        8,
        `seed ${seed}: no pod too many`,
      );
    }
  });
});
