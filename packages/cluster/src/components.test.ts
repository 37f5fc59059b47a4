import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type Frozen, readYamlDocuments } from '@coracle/apimachinery';
import { kubernetesVersion } from '@coracle/apiserver';
import { type Program, untilTerminated } from '@coracle/kubelet';
import { uniform } from '@coracle/simulator';
import { isReady, type Seen, type TidbCluster, tidbClusters } from '@coracle/tidb-operator';
import { SimulatedCluster, type SimulatedClusterOptions } from './simulated-cluster.ts';
import { type ComponentProgress, progressOf } from './tidb-progress.ts';

const basicTidbCluster = readYamlDocuments(readFileSync(new URL('../../../examples/tidb-cluster/basic.yaml', import.meta.url), 'utf8')).at(
  -1,
);

const start = (seed: number, options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> =>
  SimulatedCluster.start({ seed, strategy: uniform(), ...options });

async function createTidbCluster(cluster: SimulatedCluster): Promise<void> {
  await cluster.drive(cluster.admin.coreV1.namespaces().create({ metadata: { name: 'tidb' } } as never)); // the server fills in the rest
  await cluster.drive(cluster.admin.resource(tidbClusters, 'tidb').create(basicTidbCluster as never)); // YAML read as JSON
}

async function tidbCluster(cluster: SimulatedCluster): Promise<TidbCluster> {
  return (await cluster.drive(cluster.admin.resource(tidbClusters, 'tidb').get('basic'))) as TidbCluster; // frozen
}

async function progress(cluster: SimulatedCluster): Promise<readonly ComponentProgress[]> {
  const statefulSets = (await cluster.drive(cluster.admin.appsV1.statefulSets('tidb').list())).items;
  const pods = (await cluster.drive(cluster.admin.coreV1.pods('tidb').list())).items;
  return progressOf(await tidbCluster(cluster), { statefulSets, pods } as Frozen<Seen> as Seen); // frozen
}

describe('a whole cluster, simulated', () => {
  test('a deployment comes up, follows its scale, and is collected when it is deleted', async () => {
    const cluster = await start(11);
    const deployments = cluster.admin.appsV1.deployments('default');
    const labels = { app: 'web' };
    await cluster.drive(
      deployments.create({
        metadata: { name: 'web' },
        spec: {
          replicas: 3,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
        },
      } as never), // the server fills in the rest
    );
    await cluster.settle();
    assert.equal((await cluster.drive(deployments.get('web'))).status?.readyReplicas, 3);
    const pods = cluster.admin.coreV1.pods('default');
    assert.deepEqual(
      (await cluster.drive(pods.list())).items.map(({ status }) => status?.phase),
      ['Running', 'Running', 'Running'],
    );
    await cluster.drive(deployments.patch('web', 'merge', { spec: { replicas: 1 } }));
    await cluster.settle();
    assert.equal((await cluster.drive(pods.list())).items.length, 1);
    await cluster.drive(deployments.delete('web'));
    await cluster.settle();
    assert.deepEqual((await cluster.drive(pods.list())).items, []);
    assert.deepEqual((await cluster.drive(cluster.admin.appsV1.replicaSets('default').list())).items, []);
    assert.deepEqual(cluster.runtime.failures, []);
  });

  test('once settled nothing is left to do', async () => {
    const cluster = await start(12);
    assert.equal((await cluster.settle()).steps, 0);
    const { items } = await cluster.drive(cluster.admin.coreV1.nodes().list());
    const versions = new Set(items.map(({ status }) => status?.nodeInfo?.kubeletVersion));
    assert.deepEqual([...versions], [kubernetesVersion.gitVersion], 'nodes and server are of one version');
  });
});

/** Runs, listens nowhere, and answers nobody. */
const silent: Program = async (container) => {
  await untilTerminated(container);
  return 0;
};

describe('a bring-up without one of its parts stops where the real one would', () => {
  const cases: readonly {
    readonly part: string;
    readonly options?: SimulatedClusterOptions;
    stop?(cluster: SimulatedCluster): Promise<void>;
    readonly says: RegExp;
  }[] = [
    {
      part: 'the scheduler',
      stop: (cluster) => cluster.drive(cluster.components.stopPart('kube-scheduler')),
      says: /^scheduler: .*basic-pd-0/,
    },
    {
      part: 'kubelets',
      stop: async (cluster) => {
        const { nodes } = cluster.components;
        for (const name of nodes.names) await cluster.drive(nodes.remove(name));
      },
      says: /^kubelet: .*basic-pd-0.*node-\d/,
    },
    {
      part: 'the StatefulSet controller',
      options: { controllers: ['*', '-statefulset-controller'] },
      says: /^statefulset-controller: .*basic-pd-0/,
    },
    { part: 'PD', options: { programs: [['pingcap/pd', silent]] }, says: /^pd: / },
    { part: 'the operator', stop: (cluster) => cluster.drive(cluster.components.stopPart('tidb-controller-manager')), says: /^operator: / },
  ];
  for (const { part, options, stop, says } of cases) {
    test(`without ${part}`, async () => {
      const cluster = await start(22, options);
      await stop?.(cluster);
      await createTidbCluster(cluster);
      await cluster.advance(120_000);
      const [pd, tikv, tidb] = await progress(cluster);
      assert.match(pd?.waitsFor ?? '', says);
      assert.deepEqual([pd?.ready, tikv?.ready, tidb?.ready], [0, 0, 0]);
      assert.ok(!isReady(await tidbCluster(cluster)));
    });
  }

  test('without nodes', async () => {
    const cluster = await start(23, { nodes: 0 });
    await createTidbCluster(cluster);
    await cluster.advance(120_000);
    assert.match((await progress(cluster))[0]?.waitsFor ?? '', /^scheduler: .*basic-pd-0.*no nodes available/);
  });

  test('and goes on when the part is there again', async () => {
    const cluster = await start(24);
    await cluster.drive(cluster.components.stopPart('kube-scheduler'));
    await createTidbCluster(cluster);
    await cluster.advance(60_000);
    cluster.components.startPart('kube-scheduler');
    await cluster.settle();
    assert.ok(isReady(await tidbCluster(cluster)));
  });
});
