import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isForbidden, isNotFound } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { ControlPlane } from '../fixtures/control-plane.ts';
import { pod, time } from '../fixtures/objects.ts';
import { podGraceSeconds } from './content-deleter.ts';

const { configMaps, namespaces, pods, serviceAccounts } = resources.core.v1;

async function planeWithNamespace(): Promise<ControlPlane> {
  const plane = await ControlPlane.start();
  await plane.create(namespaces, { metadata: { name: 'team' }, spec: {} });
  await plane.runtime.settle();
  return plane;
}

const conditionsOf = async (plane: ControlPlane): Promise<Readonly<Record<string, string | undefined>>> =>
  Object.fromEntries(
    ((await plane.get(namespaces, 'team')).status?.conditions ?? []).map(({ type, status, message }) => [
      type,
      status === 'True' ? message : undefined,
    ]),
  );

describe('a namespace', () => {
  test('gets its ServiceAccount and the CA, and gets them again', async () => {
    const plane = await planeWithNamespace();
    assert.deepEqual(await plane.names(serviceAccounts, 'team'), ['default']);
    assert.deepEqual((await plane.get(configMaps, 'kube-root-ca.crt', 'team')).data, { 'ca.crt': 'the CA' });
    await plane.runtime.drive(plane.admin.coreV1.serviceAccounts('team').delete('default'));
    await plane.runtime.drive(plane.admin.coreV1.configMaps('team').delete('kube-root-ca.crt'));
    await plane.runtime.settle();
    assert.deepEqual(await plane.names(serviceAccounts, 'team'), ['default']);
    assert.deepEqual(await plane.names(configMaps, 'team'), ['kube-root-ca.crt']);
  });

  test('has its CA put right when somebody changes it', async () => {
    const plane = await planeWithNamespace();
    await plane.runtime.drive(
      plane.admin.coreV1.configMaps('team').patch('kube-root-ca.crt', 'merge', { data: { 'ca.crt': 'forged', more: 'x' } }),
    );
    await plane.runtime.settle();
    assert.deepEqual((await plane.get(configMaps, 'kube-root-ca.crt', 'team')).data, { 'ca.crt': 'the CA' });
  });

  test('goes with all it holds, and lets nothing new in meanwhile', async () => {
    const plane = await planeWithNamespace();
    await plane.create(configMaps, { metadata: { name: 'a', namespace: 'team' } });
    await plane.create(pods, { metadata: { name: 'p', namespace: 'team' }, spec: { containers: [{ name: 'c', image: 'app' }] } });
    await plane.runtime.settle();
    await plane.runtime.drive(plane.admin.coreV1.namespaces().delete('team'));
    await assert.rejects(plane.create(configMaps, { metadata: { name: 'late', namespace: 'team' } }), isForbidden);
    await plane.runtime.settle();
    await assert.rejects(plane.get(namespaces, 'team'), isNotFound);
    assert.deepEqual([await plane.names(configMaps, 'team'), await plane.names(pods, 'team')], [[], []]);
    assert.equal((await plane.runtime.settle()).steps, 0);
  });

  test('says what holds it, and goes when that does', async () => {
    const plane = await planeWithNamespace();
    await plane.create(configMaps, { metadata: { name: 'held', namespace: 'team', finalizers: ['test/hold'] } });
    await plane.runtime.drive(plane.admin.coreV1.namespaces().delete('team'));
    await plane.runtime.advance(20_000);
    const {
      NamespaceContentRemaining: content,
      NamespaceFinalizersRemaining: finalizers,
      NamespaceDeletionContentFailure: failure,
    } = await conditionsOf(plane);
    assert.equal(content, 'Some resources are remaining: configmaps. has 1 resource instances');
    assert.equal(finalizers, 'Some content in the namespace has finalizers remaining: test/hold in 1 resource instances');
    assert.equal(failure, undefined);
    await plane.runtime.drive(plane.admin.coreV1.configMaps('team').patch('held', 'merge', { metadata: { finalizers: null } }));
    await plane.runtime.advance(20_000);
    await assert.rejects(plane.get(namespaces, 'team'), isNotFound);
  });
});

describe('podGraceSeconds()', () => {
  const namespace = { metadata: { name: 'team', deletionTimestamp: time(0) }, spec: {} };
  const graceful = (terminationGracePeriodSeconds: number, phase = 'Running'): ReturnType<typeof pod> =>
    pod({ phase, spec: { terminationGracePeriodSeconds } });
  const cases = [
    { name: 'no pods', pods: [], atMs: 0, want: 0 },
    { name: 'the longest counts', pods: [graceful(5), graceful(30)], atMs: 1000, want: 30 },
    { name: 'pods that have ended do not', pods: [graceful(5), graceful(30, 'Failed')], atMs: 1000, want: 5 },
    { name: 'the time is over', pods: [graceful(30)], atMs: 30_000, want: 0 },
  ];
  for (const { name, pods: of, atMs, want } of cases) test(name, () => assert.equal(podGraceSeconds(of, namespace, atMs), want));
});
