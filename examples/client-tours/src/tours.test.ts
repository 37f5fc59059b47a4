import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readYamlDocuments } from '@coracle/apimachinery';
import { DiscoveryClient, RestMapper } from '@coracle/client';
import { createMissing, SimulatedCluster } from '@coracle/cluster';
import { clientsetTour } from './clientset-tour.ts';
import { dynamicCrud } from './dynamic-crud.ts';
import { informerTour } from './informer-tour.ts';
import { leaderElection } from './leader-election.ts';

test('clientsetTour() takes a Deployment through its life', async () => {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 1 });
  const lines: string[] = [];
  await cluster.drive(clientsetTour(cluster.admin, (line) => lines.push(line)));
  assert.deepEqual(lines, [
    'created demo with 2 replicas',
    'updated to 1 replica',
    'patched to nginx:1.14',
    'there is demo (1)',
    'deletion has begun',
  ]);
});

test('dynamicCrud() finds a custom resource by its name', async () => {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 1 });
  const [crd] = readYamlDocuments(readFileSync(new URL('../../sample-controller/artifacts/crd.yaml', import.meta.url), 'utf8'));
  await cluster.drive(
    createMissing(cluster.admin, new RestMapper(new DiscoveryClient(cluster.admin.rest)), crd as Parameters<typeof createMissing>[2]),
  ); // read from YAML
  await cluster.settle();
  const lines: string[] = [];
  await cluster.drive(dynamicCrud(cluster.admin, 'foo', { deploymentName: 'd', replicas: 1 }, (line) => lines.push(line)));
  assert.deepEqual(lines, [
    'foo is Foo of samplecontroller.k8s.io/v1alpha1',
    'created {"deploymentName":"d","replicas":1}',
    'labelled {"toured":"yes"}',
    '0 are left',
  ]);
});

test('informerTour() tells what changes', async () => {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 1 });
  const maps = cluster.admin.coreV1.configMaps('tour');
  await cluster.drive(cluster.admin.coreV1.namespaces().create({ metadata: { name: 'tour' } }));
  await cluster.drive(maps.create({ metadata: { name: 'first', labels: { team: 'blue' } } }));
  await cluster.settle();
  const lines: string[] = [];
  const stop = new AbortController();
  const touring = informerTour(
    cluster.admin,
    stop.signal,
    (line) => lines.push(line),
    async () => {
      await maps.create({ metadata: { name: 'second', labels: { team: 'blue' } } });
      await maps.patch('second', 'merge', { data: { a: '1' } });
      await maps.delete('second');
      await cluster.admin.process.clock.sleep(1_000);
    },
    'tour',
  );
  await cluster.settle();
  stop.abort();
  await cluster.drive(touring);
  const own = lines.filter((line) => !line.includes('kube-root-ca.crt'));
  assert.deepEqual(own, [
    'found tour/first',
    'added tour/second',
    'updated tour/second: {} to {"a":"1"}',
    'deleted tour/second',
    'of team blue: tour/first',
  ]);
});

test('leaderElection() lets one work at a time', async () => {
  const cluster = await SimulatedCluster.start({ seed: 1, nodes: 1 });
  const lines: string[] = [];
  const [one, two] = [new AbortController(), new AbortController()];
  const tell = (line: string): void => {
    lines.push(line);
  };
  const first = leaderElection(cluster.admin, 'one', one.signal, tell);
  await cluster.advance(3_000);
  const second = leaderElection(cluster.admin, 'two', two.signal, tell);
  await cluster.advance(20_000);
  assert.deepEqual(lines, ['one leads']);
  one.abort();
  await cluster.drive(first);
  await cluster.advance(20_000);
  two.abort();
  await cluster.drive(second);
  assert.deepEqual(lines, ['one leads', 'one stops', 'one has left', 'two leads', 'two stops', 'two has left']);
});

test('the README of the client shows the second half of pod-names.ts, but for empty lines', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8').replaceAll('\n\n', '\n');
  const [, shown = 'nothing'] = /```ts\n([^`]*)```/.exec(text('../../../packages/client/README.md')) ?? [];
  assert.ok(text('pod-names.ts').endsWith(shown));
});
