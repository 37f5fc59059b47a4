import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Attributes, EmbeddedStorage, liveKeySource } from '@coracle/apiserver';
import { isNotFound, readYamlDocuments } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime, uniform } from '@coracle/simulator';
import { explain, isReady, type TidbCluster, tidbClusters } from '@coracle/tidb-operator';
import { Cluster } from './cluster.ts';
import { Components, type ComponentsOptions } from './components.ts';

const serviceAccountKey = liveKeySource.keyPair().privateKey;

const basicTidbCluster = readYamlDocuments(readFileSync(new URL('../../../examples/tidb-cluster/basic.yaml', import.meta.url), 'utf8')).at(-1);

interface World {
  readonly runtime: SimRuntime;
  readonly store: MemoryStore;
  readonly cluster: Cluster;
  readonly components: Components;
  readonly allowed: { readonly attributes: Attributes; readonly reason: string }[];
}

async function start(seed: number, options: Partial<ComponentsOptions> = {}): Promise<World> {
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const store = new MemoryStore({ process: runtime.process('etcd') });
  const allowed: World['allowed'] = [];
  let components: Components | undefined;
  const cluster = new Cluster({
    runtime,
    storage: new EmbeddedStorage(store),
    serviceAccountKey,
    nodes: (name) => components?.nodes.connection(name),
    onAuthorized: (attributes, reason) => allowed.push({ attributes, reason }),
  });
  await runtime.drive(cluster.start());
  components = new Components(cluster, { nodes: 3, rootCA: 'a certificate', ...options });
  await runtime.drive(components.start());
  await runtime.settle();
  return { runtime, store, cluster, components, allowed };
}

describe('a whole cluster, simulated', () => {
  test('a deployment comes up, follows its scale, and is collected when it is deleted', async () => {
    const { runtime, cluster } = await start(11);
    const deployments = cluster.admin.appsV1.deployments('default');
    const labels = { app: 'web' };
    await runtime.drive(
      deployments.create({
        metadata: { name: 'web' },
        spec: { replicas: 3, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } } },
      } as never), // the server fills in the rest
    );
    await runtime.settle();
    assert.equal((await runtime.drive(deployments.get('web'))).status?.readyReplicas, 3);
    const pods = cluster.admin.coreV1.pods('default');
    assert.deepEqual((await runtime.drive(pods.list())).items.map(({ status }) => status?.phase), ['Running', 'Running', 'Running']);
    await runtime.drive(deployments.patch('web', 'merge', { spec: { replicas: 1 } }));
    await runtime.settle();
    assert.equal((await runtime.drive(pods.list())).items.length, 1);
    await runtime.drive(deployments.delete('web'));
    await runtime.settle();
    assert.deepEqual((await runtime.drive(pods.list())).items, []);
    assert.deepEqual((await runtime.drive(cluster.admin.appsV1.replicaSets('default').list())).items, []);
    assert.deepEqual(runtime.failures, []);
  });

  test('a TidbCluster comes up, its TiKV scales out and in, and a second settle has nothing to do', async () => {
    const { runtime, cluster } = await start(21);
    await runtime.drive(cluster.admin.coreV1.namespaces().create({ metadata: { name: 'tidb' } } as never)); // the server fills in the rest
    const clusters = cluster.admin.resource(tidbClusters, 'tidb');
    await runtime.drive(clusters.create(basicTidbCluster as never)); // YAML read as JSON
    await runtime.settle();
    const ready = await runtime.drive(clusters.get('basic'));
    assert.ok(isReady(ready as TidbCluster), JSON.stringify(ready.status?.conditions));
    assert.equal((await runtime.settle()).steps, 0);
    await runtime.drive(clusters.patch('basic', 'merge', { spec: { tikv: { replicas: 4 } } }));
    await runtime.settle();
    const scaled = await runtime.drive(clusters.get('basic'));
    assert.deepEqual(Object.values(scaled.status?.tikv?.stores ?? {}).map(({ state }) => state), ['Up', 'Up', 'Up', 'Up']);
    assert.deepEqual(runtime.failures, []);
  });

  for (const { without, waits } of [
    { without: { without: ['scheduler'] }, waits: 'scheduler' },
    { without: { without: ['tidb-operator'] }, waits: 'operator' },
    { without: { controllers: ['*', '-statefulset-controller'] }, waits: 'statefulset-controller' },
    { without: { nodes: 0 }, waits: 'scheduler' },
  ] as const) {
    test(`without ${JSON.stringify(without)} the bring-up stops where it waits for the ${waits}`, async () => {
      const { runtime, cluster } = await start(22, without);
      await runtime.drive(cluster.admin.coreV1.namespaces().create({ metadata: { name: 'tidb' } } as never)); // the server fills in the rest
      const clusters = cluster.admin.resource(tidbClusters, 'tidb');
      if (waits === 'operator') {
        await assert.rejects(runtime.drive(clusters.create(basicTidbCluster as never)), isNotFound); // its CustomResourceDefinition comes with it
        return;
      }
      await runtime.drive(clusters.create(basicTidbCluster as never)); // YAML read as JSON
      await runtime.advance(30_000);
      const tidbCluster = (await runtime.drive(clusters.get('basic'))) as TidbCluster;
      const statefulSets = (await runtime.drive(cluster.admin.appsV1.statefulSets('tidb').list())).items;
      const pods = (await runtime.drive(cluster.admin.coreV1.pods('tidb').list())).items;
      const [pd] = explain(tidbCluster, { statefulSets, pods } as Parameters<typeof explain>[1]);
      assert.equal(pd?.waitsFor?.who, waits);
    });
  }

  test('once settled nothing is left to do', async () => {
    const { runtime } = await start(12);
    assert.equal((await runtime.settle()).steps, 0);
  });

  test('nobody but the administrator is a member of system:masters', async () => {
    const { allowed } = await start(13);
    const users = new Set(allowed.filter(({ reason }) => reason === '').map(({ attributes }) => attributes.user.name));
    assert.deepEqual([...users], ['kubernetes-admin']);
    assert.ok(allowed.some(({ attributes }) => attributes.user.name === 'system:kube-scheduler'));
    assert.ok(allowed.every(({ attributes, reason }) => reason !== '' || attributes.user.name === 'kubernetes-admin'));
  });
});
