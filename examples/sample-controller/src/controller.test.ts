import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type KubeObject } from '@coracle/apimachinery';
import { Clientset, SharedInformerFactory } from '@coracle/client';
import { SimRuntime } from '@coracle/simulator';
import { SampleController } from './controller.ts';
import { type Deployment, newDeployment } from './deployment.ts';
import { MemoryServer } from './fixtures/memory-server.ts';
import type { Foo } from './foo.ts';

const fooPath = '/apis/samplecontroller.k8s.io/v1alpha1/namespaces/default/foos/test';
const deploymentPath = '/apis/apps/v1/namespaces/default/deployments/test-deployment';
const eventPath = '/api/v1/namespaces/default/events/';

function foo(spec: Foo['spec']): Foo {
  return { apiVersion: 'samplecontroller.k8s.io/v1alpha1', kind: 'Foo', metadata: { name: 'test', namespace: 'default', uid: 'uid-test' }, ...(spec === undefined ? {} : { spec }) };
}

const fooWith = (replicas: number): Foo => foo({ deploymentName: 'test-deployment', replicas });

function scene(objects: Readonly<Record<string, KubeObject>>): { readonly runtime: SimRuntime; readonly server: MemoryServer; readonly writes: () => string[]; readonly events: () => string[] } {
  const runtime = new SimRuntime();
  const server = new MemoryServer(runtime.process('server'));
  for (const [path, object] of Object.entries(objects)) server.set(path, object);
  const process = runtime.process('sample-controller');
  const clientset = new Clientset({ process, transport: server });
  const kubeInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const fooInformers = new SharedInformerFactory(clientset, { resyncPeriodMs: 30_000 });
  const controller = new SampleController({ process, clientset, kubeInformers, fooInformers });
  kubeInformers.start();
  fooInformers.start();
  process.spawn('sample-controller', (signal) => controller.run(signal));
  const eventsOf = ([path, object]: [string, KubeObject]): string[] => (path.startsWith(eventPath) && 'reason' in object && 'message' in object ? [`${object.reason}: ${object.message}`] : []);
  return {
    runtime,
    server,
    writes: () => [...new Set(server.writes.filter((write) => !write.includes('/events')))],
    events: () => [...server.objects].flatMap(eventsOf),
  };
}

describe('SampleController', () => {
  test('creates the Deployment, reports status and says so', async () => {
    const { runtime, server, writes, events } = scene({ [fooPath]: fooWith(1) });
    await runtime.until(() => server.objects.has(deploymentPath));
    await runtime.advance(1000);
    assert.deepEqual(writes(), [`create ${deploymentPath}`, `update ${fooPath}/status`]);
    assert.deepEqual(events(), ['Synced: Foo synced successfully']);
    const created = server.objects.get(deploymentPath) as Deployment | undefined;
    assert.equal(created?.spec?.replicas, 1);
    assert.equal(created?.metadata.ownerReferences?.[0]?.uid, 'uid-test');
  });

  test('writes only the status when the Deployment is as wanted', async () => {
    const wanted = fooWith(1);
    const { runtime, writes } = scene({ [fooPath]: wanted, [deploymentPath]: newDeployment(deepFreeze(wanted)) });
    await runtime.advance(1000);
    assert.deepEqual(writes(), [`update ${fooPath}/status`]);
  });

  test('scales the Deployment', async () => {
    const { runtime, server, writes } = scene({ [fooPath]: fooWith(2), [deploymentPath]: newDeployment(deepFreeze(fooWith(1))) });
    await runtime.advance(1000);
    assert.deepEqual(writes(), [`update ${deploymentPath}`, `update ${fooPath}/status`]);
    assert.equal((server.objects.get(deploymentPath) as Deployment | undefined)?.spec?.replicas, 2);
  });

  test('leaves a Deployment of others alone, and warns', async () => {
    const { metadata, ...rest } = newDeployment(deepFreeze(fooWith(1)));
    const { ownerReferences: _, ...unowned } = metadata;
    const { runtime, writes, events } = scene({ [fooPath]: fooWith(1), [deploymentPath]: { ...rest, metadata: unowned } });
    await runtime.advance(1000);
    assert.deepEqual(writes(), []);
    assert.deepEqual(events(), ['ErrResourceExists: Resource "test-deployment" already exists and is not managed by Foo']);
  });

  test('does nothing for a Foo without a deployment name', async () => {
    const { runtime, server } = scene({ [fooPath]: foo({ replicas: 1 }) });
    await runtime.advance(1000);
    assert.deepEqual(server.writes, []);
  });

  test('makes the Deployment anew when somebody deletes it', async () => {
    const { runtime, server } = scene({ [fooPath]: fooWith(1) });
    await runtime.until(() => server.objects.has(deploymentPath));
    await runtime.advance(1000);
    server.delete(deploymentPath);
    await runtime.advance(1000);
    assert.ok(server.objects.has(deploymentPath));
  });
});
