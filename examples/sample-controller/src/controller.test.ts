import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { isInvalid, isNotFound, readYamlDocuments, type Transport, TransportError } from '@coracle/apimachinery';
import { Clientset, DiscoveryClient, type ResourceClient, resources, RestMapper, SharedInformerFactory } from '@coracle/client';
import { createMissing, SimulatedCluster, type SimulatedClusterOptions } from '@coracle/cluster';
import { Manager } from '@coracle/controller-runtime';
import { uniform } from '@coracle/simulator';
import { SampleController } from './controller.ts';
import { type Deployment, deployments, newDeployment } from './deployment.ts';
import { type Foo, foos } from './foo.ts';
import { addFooController, fooCrd } from './short.ts';

const seeds = Number(process.env['CORACLE_SEEDS'] ?? 6);
const { customResourceDefinitions } = resources.apiextensions.v1;
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

/** Both do the same, from the same parts. */
const forms = {
  'part by part'(clientset: Clientset): void {
    const { process } = clientset;
    const kubeInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
    const fooInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
    const controller = new SampleController({ process, clientset, kubeInformers, fooInformers });
    kubeInformers.start();
    fooInformers.start();
    process.spawn('sample-controller', (signal) => controller.run(signal));
  },
  short(clientset: Clientset): void {
    const { process } = clientset;
    const manager = new Manager({ process, clientset, name: 'sample-controller', resyncPeriodMs: 30_000 });
    addFooController(manager);
    process.spawn('manager', (signal) => manager.run(signal));
  },
};
type Form = keyof typeof forms;

interface Scene {
  readonly cluster: SimulatedCluster;
  readonly admin: Clientset;
  readonly foos: ResourceClient<Foo>;
  readonly deployments: ResourceClient<Deployment>;
  /** Writes of the controller, as `VERB resource`. */
  readonly writes: string[];
  readonly line: Line;
  events(): Promise<readonly string[]>;
}

interface SceneOptions extends Pick<SimulatedClusterOptions, 'strategy' | 'interleave' | 'controllers'> {
  /** What is there before the controller. */
  before?(admin: Clientset): Promise<unknown>;
}

/** The controller runs as its own account, with the rights that artifacts/rbac.yaml gives it. */
async function scene(form: Form, label: string, { before, ...options }: SceneOptions = {}): Promise<Scene> {
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
  const { process, rest } = cluster.cluster.clientset('sample-controller', user);
  const line = new Line(rest.transport);
  forms[form](new Clientset({ process, transport: line }));
  return {
    cluster,
    admin,
    foos: admin.resource(foos, 'default'),
    deployments: admin.resource(deployments, 'default'),
    writes,
    line,
    async events() {
      const { items } = await cluster.drive(admin.coreV1.events('default').list());
      const about = items.filter(({ involvedObject }) => involvedObject.kind === 'Foo');
      return about.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
    },
  };
}

/** The controller's way to the server, which can be cut, and listened to. */
class Line implements Transport {
  /** Called before each request is sent. */
  onRequest: (method: string, path: string) => Promise<unknown> = async () => undefined;
  readonly #transport: Transport;
  #cut = Promise.withResolvers<void>();
  #isCut = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Ends watches and refuses requests, until `mend`. */
  cut(): void {
    this.#isCut = true;
    this.#cut.resolve();
  }

  mend(): void {
    this.#isCut = false;
    this.#cut = Promise.withResolvers();
  }

  async exchange(...[request, options]: Parameters<Transport['exchange']>): ReturnType<Transport['exchange']> {
    if (this.#isCut) throw new TransportError('The line is cut', { executed: 'no' });
    await this.onRequest(request.method, request.path);
    const response = await this.#transport.exchange(request, options);
    return 'events' in response ? { ...response, events: until(response.events, this.#cut.promise) } : response;
  }

  upgrade(...call: Parameters<Transport['upgrade']>): ReturnType<Transport['upgrade']> {
    return this.#transport.upgrade(...call);
  }
}

async function* until<T>(items: AsyncIterable<T>, end: Promise<void>): AsyncGenerator<T, void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), end.then(() => ({ done: true, value: undefined }) as const)]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

const fooNamed = (name: string, spec: NonNullable<Foo['spec']>): Foo => ({ metadata: { name, namespace: 'default' }, spec });

for (const form of Object.keys(forms) as Form[]) {
  describe(`sample-controller, ${form}`, () => {
    test('example-foo gets its Deployment, its status and its event, is scaled, and takes the Deployment along', async () => {
      const { cluster, foos: foosOf, deployments: deploymentsOf, writes, events } = await scene(form, 'example');
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
      const said = await events();
      assert.ok(said.length > 0 && said.every((event) => event === 'Normal Synced: Foo synced successfully'));
      assert.deepEqual(writes.slice(0, 2), ['create deployments', 'update foos/status']);
      await cluster.drive(foosOf.patch('example-foo', 'merge', { spec: { replicas: 3 } }));
      await cluster.settle();
      assert.ok(writes.includes('update deployments'));
      assert.equal((await cluster.drive(foosOf.get('example-foo'))).status?.availableReplicas, 3);
      await cluster.drive(foosOf.delete('example-foo'));
      await cluster.settle();
      assert.deepEqual((await cluster.drive(deploymentsOf.list())).items, []);
      assert.deepEqual(cluster.runtime.failures, []);
    });

    test('writes only the status when the Deployment is as wanted', async () => {
      const { cluster, writes } = await scene(form, 'as-wanted', {
        async before(admin) {
          const foo = await admin.resource(foos, 'default').create(fooNamed('test', { deploymentName: 'test', replicas: 1 }));
          await admin.resource(deployments, 'default').create(newDeployment(foo));
        },
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
      } = await scene(form, 'foreign', {
        async before(admin) {
          const labels = { app: 'other' };
          const spec = {
            replicas: 2,
            selector: { matchLabels: labels },
            template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
          };
          await admin.appsV1.deployments('default').create({ metadata: { name: 'taken' }, spec });
        },
      });
      await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'taken', replicas: 1 })));
      await cluster.advance(1000);
      assert.deepEqual(writes, []);
      assert.equal((await cluster.drive(deploymentsOf.get('taken'))).spec?.replicas, 2);
      assert.deepEqual(await events(), ['Warning ErrResourceExists: Resource "taken" already exists and is not managed by Foo']);
    });

    test('does nothing for a Foo without a deployment name, and forgets one that has gone', async () => {
      const { cluster, foos: foosOf, writes } = await scene(form, 'nameless');
      await cluster.drive(foosOf.create(fooNamed('test', { replicas: 1 })));
      await cluster.settle();
      await cluster.drive(foosOf.delete('test'));
      await cluster.settle();
      assert.deepEqual(writes, []);
      assert.deepEqual(cluster.runtime.failures, []);
    });

    test('makes the Deployment anew when somebody deletes it, also while nobody watched', async () => {
      const { cluster, foos: foosOf, deployments: deploymentsOf, line } = await scene(form, 'anew');
      await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas: 1 })));
      await cluster.settle();
      const first = await cluster.drive(deploymentsOf.get('test'));
      await cluster.drive(deploymentsOf.delete('test'));
      await cluster.settle();
      const second = await cluster.drive(deploymentsOf.get('test'));
      assert.notEqual(second.metadata.uid, first.metadata.uid);
      line.cut();
      await cluster.advance(1_000);
      await cluster.drive(deploymentsOf.delete('test'));
      // The deletion is no longer to be watched: the next list says that it is gone, and a tombstone is all that is left of it.
      await cluster.drive(cluster.cluster.server.storage.compact(cluster.store.revision));
      line.mend();
      await cluster.advance(120_000);
      await cluster.settle();
      const third = await cluster.drive(deploymentsOf.get('test'));
      assert.notEqual(third.metadata.uid, second.metadata.uid);
    });

    test('ignores a Deployment whose Foo is not there', async () => {
      const { cluster, writes } = await scene(form, 'orphan', {
        controllers: ['*', '-garbage-collector-controller'], // which would take it away
        async before(admin) {
          const foo: Foo = {
            ...fooNamed('gone', { deploymentName: 'orphan', replicas: 1 }),
            metadata: { name: 'gone', namespace: 'default', uid: 'u' },
          };
          await admin.resource(deployments, 'default').create(newDeployment(foo as Parameters<typeof newDeployment>[0])); // frozen soon
        },
      });
      await cluster.settle();
      assert.equal((await cluster.drive(cluster.admin.resource(deployments, 'default').get('orphan'))).metadata.name, 'orphan');
      assert.deepEqual(writes, []);
      assert.deepEqual(cluster.runtime.failures, []);
    });

    test('comes back after a conflict, and then has the status right', async () => {
      const { cluster, admin, foos: foosOf, line, writes } = await scene(form, 'conflict');
      let conflicts = 0;
      line.onRequest = async (method, path) => {
        if (method !== 'PUT' || !path.endsWith('/foos/test/status') || conflicts++ > 0) return;
        await admin.resource(foos, 'default').patch('test', 'merge', { metadata: { labels: { touched: 'yes' } } });
      };
      await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas: 2 })));
      await cluster.settle();
      assert.ok(conflicts > 1 && writes.filter((write) => write === 'update foos/status').length > 1);
      const { metadata, status } = await cluster.drive(foosOf.get('test'));
      assert.deepEqual([metadata.labels, status?.availableReplicas], [{ touched: 'yes' }, 2]);
    });

    test('without the subresource status the Deployment is made, and the status is an error that is tried again', async () => {
      const {
        cluster,
        foos: foosOf,
        deployments: deploymentsOf,
        line,
        events,
      } = await scene(form, 'no-status', {
        async before(admin) {
          const definitions = admin.resource(customResourceDefinitions, '');
          await definitions.patch('foos.samplecontroller.k8s.io', 'json', [{ op: 'remove', path: '/spec/versions/0/subresources' }]);
        },
      });
      let tries = 0;
      line.onRequest = async (method, path) => {
        if (method === 'PUT' && path.endsWith('/foos/test/status')) tries++;
      };
      await cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas: 1 })));
      await cluster.advance(5_000);
      assert.equal((await cluster.drive(deploymentsOf.get('test'))).spec?.replicas, 1);
      assert.equal((await cluster.drive(foosOf.get('test'))).status, undefined);
      assert.ok(tries > 2);
      assert.deepEqual(await events(), []);
      await assert.rejects(cluster.drive(foosOf.updateStatus(fooNamed('test', {}))), isNotFound);
    });

    test(`ends in one Deployment with the last number of replicas under any order of steps, ${seeds} seeds`, async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const {
          cluster,
          foos: foosOf,
          deployments: deploymentsOf,
        } = await scene(form, `seed ${seed}`, { strategy: uniform(), interleave: 'storage' });
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
}

describe('the kind Foo', () => {
  test('refuses replicas that its schema does not allow', async () => {
    const { cluster, foos: foosOf } = await scene('short', 'schema');
    for (const replicas of [0, 11]) {
      await assert.rejects(cluster.drive(foosOf.create(fooNamed('test', { deploymentName: 'test', replicas }))), isInvalid);
    }
  });

  test('is in the short form what artifacts/crd.yaml says', () => {
    const [yaml] = artifact('crd.yaml') as readonly (typeof fooCrd)[]; // read from YAML
    const propertiesOf = (crd: typeof fooCrd | undefined): Readonly<Record<string, { readonly required?: readonly string[] }>> =>
      crd?.spec.versions[0]?.schema?.openAPIV3Schema?.properties ?? {};
    const { spec, status } = propertiesOf(fooCrd);
    const { required, ...fields } = status ?? {};
    assert.deepEqual([{ spec, status: fields }, required], [propertiesOf(yaml), ['availableReplicas']]);
    assert.deepEqual([fooCrd.metadata.name, fooCrd.spec.names.plural], [yaml?.metadata.name, yaml?.spec.names.plural]);
  });
});
