import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNotFound } from '@coracle/apimachinery';
import {
  KeyedController,
  metaNamespaceKey,
  NoMatchError,
  resourceHandle,
  resources,
  SharedInformerFactory,
  splitMetaNamespaceKey,
} from '@coracle/client';
import type { Component } from '@coracle/cluster';
import { uniform } from '@coracle/simulator';
import { forEachSeed } from './seeds.ts';
import { TestCluster } from './test-cluster.ts';

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: bowls.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Bowl, plural: bowls }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { soup: { type: string } } } } } }
`;
const bowl = 'apiVersion: example.com/v1\nkind: Bowl\nmetadata: { name: red }\nspec: { soup: borscht }\n';
const rights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: kitchen }
rules:
  - { apiGroups: [example.com], resources: [bowls], verbs: [get, list, watch] }
  - { apiGroups: [""], resources: [configmaps], verbs: [create] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: kitchen }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kitchen }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: kitchen }]
`;
const bowls = resourceHandle({ group: 'example.com', version: 'v1', resource: 'bowls', kind: 'Bowl', namespaced: true });

/** Writes down what is in each bowl. */
const kitchen: Component = {
  name: 'kitchen',
  user: { name: 'kitchen', groups: [] },
  async run({ process, clientset }) {
    const informers = new SharedInformerFactory(clientset);
    const informer = informers.forResource(bowls);
    const controller = new KeyedController({
      process,
      name: 'kitchen',
      sync: async (key) => {
        const { namespace, name } = splitMetaNamespaceKey(key);
        const found = informer.lister.namespace(namespace).get(name) as { readonly spec?: { readonly soup?: string } } | undefined;
        if (found === undefined) return;
        await clientset.coreV1.configMaps(namespace).create({ metadata: { name: `menu-${name}` }, data: { soup: found.spec?.soup ?? '' } });
      },
    });
    informer.addEventHandler({ onAdd: (object) => controller.queue.add(metaNamespaceKey(object)) });
    informers.start();
    await controller.run(process.signal);
  },
};

const start = (seed: number): Promise<TestCluster> =>
  TestCluster.start({ seed, strategy: uniform(), nodes: 1, manifests: [crd, rights], components: [kitchen] });

test('TestCluster runs a controller against a whole cluster, under its own rights', async () => {
  await forEachSeed(
    3,
    async (seed) => {
      const cluster = await start(seed);
      await cluster.apply(bowl);
      await cluster.settle();
      assert.equal((await cluster.get(resources.core.v1.configMaps, 'menu-red')).data?.['soup'], 'borscht');
      assert.deepEqual(
        cluster.requests('kitchen').filter(({ verb }) => verb === 'create'),
        [{ user: 'kitchen', verb: 'create', resource: 'configmaps', namespace: 'default', name: '' }],
      );
      assert.equal(await cluster.settle(), 0);
    },
    process.env['CORACLE_SEED'],
  );
});

test('TestCluster.apply() waits for a definition of the same text, and refuses a kind that nobody defines', async () => {
  const cluster = await TestCluster.start({ nodes: 1 });
  await cluster.apply(`${crd}---\n${bowl}`);
  assert.deepEqual(
    (await cluster.list(bowls)).map(({ metadata }) => metadata.name),
    ['red'],
  );
  await assert.rejects(cluster.apply('apiVersion: example.com/v1\nkind: Spoon\nmetadata: { name: a }\n'), NoMatchError);
});

test('TestCluster.fork() goes its own way from the same objects', async () => {
  const cluster = await TestCluster.start({ nodes: 1 });
  await cluster.create(resources.core.v1.configMaps, { metadata: { name: 'a' }, data: { x: '1' } });
  const fork = await cluster.fork({ label: 'other' });
  await fork.patch(resources.core.v1.configMaps, 'a', { data: { x: '2' } });
  await cluster.delete(resources.core.v1.configMaps, 'a');
  assert.equal((await fork.get(resources.core.v1.configMaps, 'a')).data?.['x'], '2');
  await assert.rejects(cluster.get(resources.core.v1.configMaps, 'a'), isNotFound);
});

test('forEachSeed() names the seed that failed, and runs one alone', async () => {
  const seen: number[] = [];
  const body = async (seed: number): Promise<void> => {
    seen.push(seed);
    if (seed === 2) throw new Error('no');
  };
  await assert.rejects(forEachSeed(3, body), /Seed 2 failed; CORACLE_SEED=2 runs it alone: no/);
  await forEachSeed(3, body, '7');
  assert.deepEqual(seen, [1, 2, 7]);
  await assert.rejects(forEachSeed(3, body, 'x'), RangeError);
});
