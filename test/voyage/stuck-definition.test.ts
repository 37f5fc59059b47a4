import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNotFound } from '@coracle/apimachinery';
import { resourceHandle, resources } from '@coracle/client';
import { TestCluster } from '@coracle/testing';

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: bowls.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Bowl, plural: bowls }
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
`;
const bowls = resourceHandle({ group: 'example.com', version: 'v1', resource: 'bowls', kind: 'Bowl', namespaced: true });
const definitions = resources.apiextensions.v1.customResourceDefinitions;

test('a definition waits for an object that a finalizer holds, without a step, and goes when it has gone', async () => {
  const cluster = await TestCluster.start({ nodes: 0, manifests: [crd] });
  await cluster.create(bowls, { metadata: { name: 'held', finalizers: ['example.com/spoon'] } });
  await cluster.create(bowls, { metadata: { name: 'free' } });
  await cluster.delete(definitions, 'bowls.example.com');
  await cluster.settle();
  assert.equal(await cluster.settle(), 0);
  assert.deepEqual(
    (await cluster.list(bowls)).map(({ metadata }) => metadata.name),
    ['held'],
  );
  const terminating = (await cluster.get(definitions, 'bowls.example.com')).status?.conditions?.find(({ type }) => type === 'Terminating');
  assert.equal(terminating?.status, 'True');
  const before = cluster.simulated.store.revision;
  await cluster.advance(60_000);
  const after = cluster.simulated.store.revision;
  assert.equal(after, before, 'nothing is written while it waits');
  await cluster.patch(bowls, 'held', { metadata: { finalizers: [] } });
  await cluster.settle();
  await assert.rejects(cluster.get(definitions, 'bowls.example.com'), isNotFound);
});
