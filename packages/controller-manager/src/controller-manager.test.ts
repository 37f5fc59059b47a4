import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Deployment, Service, StatefulSet } from '@coracle/api';
import { resources, SharedInformerFactory } from '@coracle/client';
import type { ControllerDescriptor } from './controller/context.ts';
import { ControllerManager } from './controller-manager.ts';
import { controllers, selectControllers } from './controllers.ts';
import { ControlPlane } from './fixtures/control-plane.ts';

const { apps, core, discovery, storage } = resources;

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'app:1' }] } };
const deployment: Deployment = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
};
const service: Service = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
};
const set: StatefulSet = {
  metadata: { name: 'db', namespace: 'default' },
  spec: {
    replicas: 2,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db:1' }] } },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};

async function busyCluster(seed = 1): Promise<ControlPlane> {
  const plane = await ControlPlane.start({ seed });
  await plane.create(storage.v1.storageClasses, { metadata: { name: 'local' }, provisioner: 'coracle.dev/local' });
  await plane.create(apps.v1.deployments, deployment);
  await plane.create(core.v1.services, service);
  await plane.create(apps.v1.statefulSets, set);
  await plane.runtime.settle();
  return plane;
}

describe('ControllerManager', () => {
  test('brings a cluster to rest that has one of everything', async () => {
    const plane = await busyCluster();
    const [web] = await plane.list(apps.v1.deployments);
    assert.equal(web?.status?.availableReplicas, 3);
    assert.equal((await plane.get(apps.v1.statefulSets, 'db')).status?.readyReplicas, 2);
    const claims = await plane.list(core.v1.persistentVolumeClaims);
    assert.deepEqual(
      claims.map(({ metadata, status }) => [metadata.name, status?.phase]),
      [
        ['data-db-0', 'Bound'],
        ['data-db-1', 'Bound'],
      ],
    );
    const [slice] = await plane.list(discovery.v1.endpointSlices);
    assert.equal(slice?.endpoints.length, 3);
    assert.equal((await plane.get(core.v1.endpoints, 'web')).subsets?.[0]?.addresses?.length, 3);
    assert.deepEqual(await plane.names(core.v1.serviceAccounts), ['default']);
    assert.deepEqual(plane.runtime.failures, []);
  });

  test('has nothing to do when all is settled', async () => {
    const plane = await busyCluster();
    assert.equal((await plane.runtime.settle()).steps, 0);
  });

  test('writes nothing in a fork of a settled cluster', async () => {
    const fork = await (await busyCluster()).fork();
    await fork.runtime.settle();
    assert.deepEqual(fork.writes, []);
  });

  test('writes nothing while a settled cluster grows an hour older', async () => {
    const plane = await busyCluster();
    const before = plane.writes.length;
    await plane.runtime.advance(3_600_000);
    assert.deepEqual(plane.writes.slice(before), []);
  });

  test('comes to the same end in every order of steps', async () => {
    for (let seed = 2; seed <= 8; seed++) {
      const plane = await busyCluster(seed);
      const sets = await plane.list(apps.v1.replicaSets);
      assert.deepEqual(
        sets.map(({ status }) => status?.availableReplicas),
        [3],
        `seed ${seed}`,
      );
      assert.deepEqual(await plane.names(core.v1.persistentVolumeClaims), ['data-db-0', 'data-db-1'], `seed ${seed}`);
      assert.equal((await plane.names(core.v1.pods)).length, 5, `seed ${seed}`);
      assert.equal((await plane.names(discovery.v1.endpointSlices)).length, 1, `seed ${seed}`);
    }
  });

  test('runs those controllers only that were chosen', async () => {
    const plane = await ControlPlane.start({ controllers: ['*', '-deployment-controller'] });
    await plane.create(apps.v1.deployments, deployment);
    await plane.runtime.settle();
    assert.deepEqual(await plane.list(apps.v1.replicaSets), []);
    assert.equal(plane.manager.states.has('deployment-controller'), false);
    assert.equal(plane.manager.states.get('replicaset-controller'), 'running');
  });
});

describe('ControllerManager.run()', () => {
  const failing: ControllerDescriptor = {
    name: 'failing-controller',
    serviceAccount: 'failing',
    start: () => ({
      run: async () => {
        throw new Error('no luck');
      },
    }),
  };
  const patient: ControllerDescriptor = {
    name: 'patient-controller',
    serviceAccount: 'patient',
    start: () => ({ run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })) }),
  };

  test('goes on with the others when a controller fails, and throws its error in the end', async () => {
    const plane = await ControlPlane.start({ controllers: [] });
    const { process } = plane.admin;
    const manager = new ControllerManager({
      process,
      clientsetFor: () => plane.admin,
      informers: new SharedInformerFactory(plane.admin),
      rootCA: '',
      known: [failing, patient],
    });
    const stop = new AbortController();
    const run = manager.run(stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    await plane.runtime.settle();
    assert.deepEqual(
      [...manager.states],
      [
        ['failing-controller', 'failed'],
        ['patient-controller', 'running'],
      ],
    );
    stop.abort();
    const error = await run;
    assert.ok(error instanceof AggregateError);
    assert.equal(String(error.errors[0]), 'Error: Controller "failing-controller" failed');
  });
});

describe('selectControllers()', () => {
  const cases = [
    { list: ['*'], want: controllers.length },
    { list: [], want: 0 },
    { list: ['deployment-controller', 'replicaset-controller'], want: 2 },
    { list: ['*', '-garbage-collector-controller'], want: controllers.length - 1 },
    { list: ['deployment-controller', '-deployment-controller'], want: 0 },
  ];
  for (const { list, want } of cases) {
    test(`[${list}] names ${want}`, () => assert.equal(selectControllers(controllers, list).length, want));
  }
  test('is stopped at any point of its start without a word', async () => {
    const said: string[] = [];
    const plane = await ControlPlane.start({ log: ({ message, fields }) => said.push(`${message} ${JSON.stringify(fields)}`) });
    await plane.stopControllers();
    for (let steps = 0; steps < 600; steps += 15) {
      plane.startControllers();
      const end = plane.runtime.steps + steps;
      await plane.runtime.until(() => plane.runtime.steps >= end);
      await plane.stopControllers();
    }
    assert.deepEqual(said, []);
  });

  test('refuses a controller that does not exist', () => {
    assert.throws(() => selectControllers(controllers, ['*', '-nobody-controller']), {
      name: 'RangeError',
      message: '"nobody-controller" is not in the list of known controllers',
    });
  });
});
