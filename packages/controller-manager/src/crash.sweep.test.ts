import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatefulSet } from '@coracle/api';
import { controllerOf } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane } from './fixtures/control-plane.ts';

const { apps, core } = resources;

/** Crashes tried of each scenario, spread over its writes. */
const mostCrashes = 5;

const deploymentSpec = (image: string): unknown => ({
  replicas: 3,
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
});
const setSpec = (image: string): StatefulSet['spec'] => ({
  replicas: 3,
  serviceName: 'db',
  selector: { matchLabels: { app: 'db' } },
  template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image }] } },
  volumeClaimTemplates: [
    { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  ],
});

/** Each phase is settled before the next. */
const scenarios: readonly { readonly name: string; readonly phases: readonly ((plane: ControlPlane) => Promise<unknown>)[] }[] = [
  {
    name: 'a Deployment that is made, rolled out and scaled',
    phases: [
      (plane) =>
        plane.create(apps.v1.deployments, { metadata: { name: 'web', namespace: 'default' }, spec: deploymentSpec('app:1') as never }),
      (plane) => plane.patch(apps.v1.deployments, 'web', { spec: { template: { spec: { containers: [{ name: 'c', image: 'app:2' }] } } } }),
      (plane) => plane.patch(apps.v1.deployments, 'web', { spec: { replicas: 2 } }),
    ],
  },
  {
    name: 'a StatefulSet that is made, updated and scaled',
    phases: [
      (plane) => plane.create(apps.v1.statefulSets, { metadata: { name: 'db', namespace: 'default' }, spec: setSpec('db:1') }),
      (plane) => plane.patch(apps.v1.statefulSets, 'db', { spec: { template: { spec: { containers: [{ name: 'c', image: 'db:2' }] } } } }),
      (plane) => plane.patch(apps.v1.statefulSets, 'db', { spec: { replicas: 2 } }),
    ],
  },
];

interface Outcome {
  readonly plane: ControlPlane;
  /** Writes of the controllers while the scenario ran. */
  readonly writes: number;
  readonly end: unknown;
}

/** `crashAt`: the controllers end when the server has done this write, and start anew when all is quiet. */
async function play(phases: (typeof scenarios)[number]['phases'], crashAt?: number): Promise<Outcome> {
  const plane = await ControlPlane.start();
  const before = plane.writes.length;
  let isDown = false;
  plane.onWrite = (count) => {
    if (crashAt === undefined || count - before !== crashAt) return;
    isDown = true;
    plane.crashControllers();
  };
  await plane.create(resources.storage.v1.storageClasses, {
    metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'coracle.dev/local',
  });
  for (const phase of phases) {
    await phase(plane);
    await plane.runtime.settle();
    if (!isDown) continue;
    isDown = false;
    plane.startControllers();
    await plane.runtime.settle();
  }
  return { plane, writes: plane.writes.length - before, end: await endOf(plane) };
}

/** What must not depend on crashes. */
async function endOf(plane: ControlPlane): Promise<unknown> {
  const pods = await plane.list(core.v1.pods);
  const sets = await plane.list(apps.v1.replicaSets);
  const owners = new Set([...sets, ...(await plane.list(apps.v1.statefulSets))].map(({ metadata }) => metadata.uid));
  for (const pod of pods) assert.ok(owners.has(controllerOf(pod)?.uid), `${pod.metadata.name} is an orphan`);
  return {
    deployments: (await plane.list(apps.v1.deployments)).map(({ status }) => ({
      ...status,
      conditions: status?.conditions?.map(({ type, status: is, reason }) => [type, is, reason]),
    })),
    replicaSets: sets.map(({ metadata, spec, status }) => [metadata.name, spec.replicas, status?.availableReplicas]),
    sets: (await plane.list(apps.v1.statefulSets)).map(({ status }) => status),
    revisions: (await plane.list(apps.v1.controllerRevisions)).map(({ metadata, revision }) => [metadata.name, revision]),
    pods: pods.map(({ spec, metadata }) => [metadata.generateName ?? metadata.name, spec.containers[0]?.image]).sort(),
    claims: (await plane.list(core.v1.persistentVolumeClaims)).map(({ metadata, status }) => [metadata.name, status?.phase]),
    volumes: (await plane.list(core.v1.persistentVolumes)).map(({ status }) => status?.phase),
  };
}

describe('controllers that crash', () => {
  for (const { name, phases } of scenarios) {
    test(`at any write come to the same end with ${name}`, async () => {
      const undisturbed = await play(phases);
      const stride = Math.max(1, Math.ceil(undisturbed.writes / mostCrashes));
      for (let crashAt = 1; crashAt <= undisturbed.writes; crashAt += stride) {
        const { plane, end } = await play(phases, crashAt);
        assert.deepEqual(end, undisturbed.end, `crash at write ${crashAt} of ${undisturbed.writes}`);
        assert.equal((await plane.runtime.settle()).steps, 0, `crash at write ${crashAt}`);
      }
    });

    test(`and find nothing to write when they start anew with ${name}`, async () => {
      const { plane, writes } = await play(phases);
      assert.ok(writes > 0);
      const before = plane.writes.length;
      plane.crashControllers();
      plane.startControllers();
      await plane.runtime.settle();
      assert.deepEqual(plane.writes.slice(before), []);
    });
  }
});
