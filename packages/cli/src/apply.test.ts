import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '@coracle/apimachinery';
import { SimulatedCluster } from '@coracle/cluster';
import { applyManifest, mergePatch } from './apply.ts';
import { ManifestError } from './manifest.ts';

const configMap = (data: Readonly<Record<string, string>>, name = 'a'): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }) as KubeObject;

async function apply(cluster: SimulatedCluster, ...objects: readonly KubeObject[]): Promise<readonly string[]> {
  const results: string[] = [];
  const placed = objects.map((object, i) => ({ object, where: `document ${i + 1}` }));
  await cluster.drive(applyManifest(cluster.admin, placed, ({ metadata }, applied) => results.push(`${metadata.name ?? ''} ${applied}`)));
  return results;
}

test('applyManifest() changes what the manifest changed, and nothing that the cluster did meanwhile', async () => {
  const cluster = await SimulatedCluster.start({ nodes: 0 });
  const maps = cluster.admin.coreV1.configMaps('default');
  assert.deepEqual(await apply(cluster, configMap({ a: '1', b: '2' })), ['a created']);
  await cluster.drive(maps.patch('a', 'merge', { data: { a: 'changed by hand' } }));
  assert.deepEqual(await apply(cluster, configMap({ a: '1', b: '2' })), ['a unchanged']);
  assert.deepEqual(await apply(cluster, configMap({ a: '1', c: '3' })), ['a configured']);
  assert.deepEqual((await cluster.drive(maps.get('a'))).data, { a: 'changed by hand', c: '3' });
  assert.deepEqual(await apply(cluster, configMap({ a: '1', c: '3' })), ['a unchanged']);
});

test('applyManifest() leaves alone what others made', async () => {
  const cluster = await SimulatedCluster.start({ nodes: 0 });
  await cluster.drive(cluster.admin.coreV1.configMaps('default').create(configMap({ a: '1' }) as never)); // its kind is given
  assert.deepEqual(await apply(cluster, configMap({ a: '2' })), ['a left as it is']);
});

for (const text of ['{not json', '', '[1]', 'null', '{} {}']) {
  test(`applyManifest() takes a note ${JSON.stringify(text)} of what was applied last for nothing noted`, async () => {
    const cluster = await SimulatedCluster.start({ nodes: 0 });
    const maps = cluster.admin.coreV1.configMaps('default');
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': text };
    await cluster.drive(maps.create({ metadata: { name: 'a', annotations }, data: { a: '1', b: '2' } }));
    assert.deepEqual(await apply(cluster, configMap({ a: '2' })), ['a configured']);
    assert.deepEqual((await cluster.drive(maps.get('a'))).data, { a: '2', b: '2' });
    assert.deepEqual(await apply(cluster, configMap({ a: '2' })), ['a unchanged']);
  });
}

for (const { fault, object, says } of [
  {
    fault: 'an unknown kind',
    object: { ...configMap({}), kind: 'Boat' },
    says: /^Cannot apply Boat "a", document 1: no resource serves kind "Boat" of v1: is its CustomResourceDefinition applied\?$/,
  },
  {
    fault: 'an unknown field',
    object: { ...configMap({}), date: {} },
    says: /^Cannot apply ConfigMap "a", document 1: .*unknown field "date"/,
  },
  {
    fault: 'an invalid name',
    object: configMap({}, 'A b'),
    says: /^Cannot apply ConfigMap "A b", document 1: .*metadata\.name: Invalid value: "A b"/,
  },
] as const) {
  test(`applyManifest() refuses ${fault}, and says where it stands`, async () => {
    const cluster = await SimulatedCluster.start({ nodes: 0 });
    await assert.rejects(apply(cluster, object as KubeObject), (error) => error instanceof ManifestError && says.test(error.message));
  });
}

test('mergePatch() says what is new, other and gone', () => {
  const text = JSON.stringify(mergePatch({ a: 1, b: { c: 1, d: 2 }, e: [1], f: 0 }, { a: 1, b: { c: 1, d: 3 }, e: [2] }));
  assert.equal(text, '{"b":{"d":3},"e":[2],"f":null}');
});
