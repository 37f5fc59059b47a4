import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isInvalid, readYamlDocuments } from '@coracle/apimachinery';
import { type Clientset, DiscoveryClient, type ResourceClient, RestMapper, SharedInformerFactory } from '@coracle/client';
import { createMissing, SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';
import { uniform } from '@coracle/simulator';
import { SampleController } from './controller.ts';
import { type Deployment, deployments, newDeployment } from './deployment.ts';
import { type Foo, foos } from './foo.ts';

const artifact = (file: string): readonly unknown[] =>
  readYamlDocuments(readFileSync(new URL(`../artifacts/${file}`, import.meta.url), 'utf8'));
const user = {
  name: 'system:serviceaccount:default:sample-controller',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:default'],
};

/** A whole cluster with the artifacts applied, made once: each test gets a fork of it. */
let origin: Promise<SimulatedCluster> | undefined;

async function prepared(): Promise<SimulatedCluster> {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 1 });
  for (const object of [...artifact('crd.yaml'), ...artifact('rbac.yaml')]) {
    await cluster.drive(
      createMissing(cluster.admin, new RestMapper(new DiscoveryClient(cluster.admin.rest)), object as Parameters<typeof createMissing>[2]),
    ); // read from YAML
    await cluster.settle();
  }
  return cluster;
}

interface Scene {
  readonly cluster: SimulatedCluster;
  readonly admin: Clientset;
  readonly foos: ResourceClient<Foo>;
  readonly deployments: ResourceClient<Deployment>;
  /** Writes of the controller, as `VERB resource`. */
  readonly writes: string[];
  events(): Promise<readonly string[]>;
}

/** The controller runs as its own account, with the rights that artifacts/rbac.yaml gives it. */
async function scene(
  label: string,
  options: Pick<SimulatedClusterOptions, 'strategy' | 'interleave'> = {},
  before?: (admin: Clientset) => Promise<unknown>,
): Promise<Scene> {
  origin ??= prepared();
  const writes: string[] = [];
  const cluster = await (await origin).fork({
    ...options,
    label,
    onAuthorized: (attributes) => {
      if (
        attributes.resourceRequest &&
        attributes.user.name === user.name &&
        !['get', 'list', 'watch'].includes(attributes.verb) &&
        attributes.resource !== 'events'
      ) {
        writes.push(`${attributes.verb} ${attributes.resource}${attributes.subresource === '' ? '' : `/${attributes.subresource}`}`);
      }
    },
  });
  const { admin } = cluster;
  if (before !== undefined) await cluster.drive(before(admin));
  await cluster.settle();
  const clientset = cluster.cluster.clientset('sample-controller', user);
  const { process } = clientset;
  const kubeInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const fooInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const controller = new SampleController({ process, clientset, kubeInformers, fooInformers });
  kubeInformers.start();
  fooInformers.start();
  process.spawn('sample-controller', (signal) => controller.run(signal));
  return {
    cluster,
    admin,
    foos: admin.resource(foos, 'default'),
    deployments: admin.resource(deployments, 'default'),
    writes,
    async events() {
      const { items } = await cluster.drive(admin.coreV1.events('default').list());
      const about = items.filter(({ involvedObject }) => involvedObject.kind === 'Foo');
      return about.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
    },
  };
}

const fooNamed = (name: string, spec: NonNullable<Foo['spec']>): Foo => ({ metadata: { name, namespace: 'default' }, spec });

describe('SampleController', () => {
  test('example-foo gets its Deployment, its status and its event, is scaled, and takes the Deployment along', async () => {
    const { cluster, foos: foosOf, deployments: deploymentsOf, writes, events } = await scene('example');
    const [exampleFoo] = artifact('example-foo.yaml');
    const foo = await cluster.drive(foosOf.create(exampleFoo as Foo)); // read from YAML
    await cluster.settle();
    const deployment = await cluster.drive(deploymentsOf.get('example-foo'));
    assert.deepEqual(deployment.spec?.selector.matchLabels, { app: 'nginx', controller: 'example-foo' });
    assert.deepEqual(deployment.metadata.ownerReferences, [
      {
        apiVersion: 'samplecontroller.k8s.io/v1alpha1',
        kind: 'Foo',
        name: 'example-foo',
        uid: foo.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    assert.equal((await cluster.drive(foosOf.get('example-foo'))).status?.availableReplicas, 1);
    assert.ok((await events()).every((event) => event === 'Normal Synced: Foo synced successfully'));
    assert.equal(writes[0], 'create deployments');
    await cluster.drive(foosOf.patch('example-foo', 'merge', { spec: { replicas: 3 } }));
    await cluster.settle();
    assert.equal((await cluster.drive(foosOf.get('example-foo'))).status?.availableReplicas, 3);
    await cluster.drive(foosOf.delete('example-foo'));
    await cluster.settle();
    assert.deepEqual((await cluster.drive(deploymentsOf.list())).items, []);
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('writes only the status when the Deployment is as wanted', async () => {
    const { cluster, writes } = await scene('as-wanted', {}, async (admin) => {
      const foo = await admin.resource(foos, 'default').create(fooNamed('test', { deploymentName: 'test', replicas: 1 }));
      await admin.resource(deployments, 'default').create(newDeployment(foo));
    });
    await cluster.settle();
    assert.deepEqual([...new Set(writes)], ['update foos/status']);
  });

  test('does not touch a Deployment that is not its own, and says so', async () => {
    const {
      cluster,
      foos: foosOf,
      deployments: deploymentsOf,
      writes,
      events,
    } = await scene('foreign', {}, async (admin) => {
      const labels = { app: 'other' };
      const spec = {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
      };
      await admin.appsV1.deployments('default').create({ metadata: { name: 'taken' }, spec });
    });
    await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'taken', replicas: 1 })));
    await cluster.advance(1000);
    assert.deepEqual(writes, []);
    assert.equal((await cluster.drive(deploymentsOf.get('taken'))).spec?.replicas, 2);
    assert.deepEqual(await events(), ['Warning ErrResourceExists: Resource "taken" already exists and is not managed by Foo']);
  });

  test('does nothing for a Foo without a deployment name, and forgets one that has gone', async () => {
    const { cluster, foos: foosOf, writes } = await scene('nameless');
    await cluster.drive(foosOf.create(fooNamed('test', { replicas: 1 })));
    await cluster.settle();
    await cluster.drive(foosOf.delete('test'));
    await cluster.settle();
    assert.deepEqual(writes, []);
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('makes the Deployment anew when somebody deletes it', async () => {
    const { cluster, foos: foosOf, deployments: deploymentsOf } = await scene('anew');
    await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas: 1 })));
    await cluster.settle();
    const { metadata } = await cluster.drive(deploymentsOf.get('test'));
    await cluster.drive(deploymentsOf.delete('test'));
    await cluster.settle();
    assert.notEqual((await cluster.drive(deploymentsOf.get('test'))).metadata.uid, metadata.uid);
  });

  test('the schema refuses replicas that the kind does not allow', async () => {
    const { cluster, foos: foosOf } = await scene('schema');
    for (const replicas of [0, 11]) {
      await assert.rejects(cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas }))), isInvalid);
    }
  });

  test('ends in one Deployment with the last number of replicas under any order of steps, 25 seeds', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const {
        cluster,
        foos: foosOf,
        deployments: deploymentsOf,
      } = await scene(`seed ${seed}`, { strategy: uniform(), interleave: 'storage' });
      const random = cluster.runtime.random.fork('script');
      await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas: 1 })));
      for (let i = 0; i < 4; i++) {
        await cluster.advance(random.below(20));
        if (random.below(4) === 0) await cluster.drive(deploymentsOf.deleteCollection());
        await cluster.drive(foosOf.patch('test', 'merge', { spec: { replicas: 1 + random.below(3) } }));
      }
      await cluster.settle();
      const foo = await cluster.drive(foosOf.get('test'));
      const made = (await cluster.drive(deploymentsOf.list())).items;
      assert.deepEqual(
        made.map(({ spec }) => spec?.replicas),
        [foo.spec?.replicas],
        `seed ${seed}`,
      );
      assert.equal(foo.status?.availableReplicas, foo.spec?.replicas, `seed ${seed}`);
      assert.deepEqual(cluster.runtime.failures, [], `seed ${seed}`);
    }
  });
});
