import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ApiRequest, parseTime, TransportError } from '@coracle/apimachinery';
import { NodeCluster } from '../fixtures/node-cluster.ts';

interface Scene {
  readonly cluster: NodeCluster;
  /** When the lease was last renewed and the status last reported, in seconds since the node was there. */
  heard(): Promise<{ readonly lease: number | undefined; readonly status: number }>;
}

async function scene(fault: (request: ApiRequest) => Error | undefined = () => undefined): Promise<Scene> {
  const cluster = await NodeCluster.start();
  cluster.startNode('n1', { fault });
  await cluster.runtime.settle();
  const { runtime, admin } = cluster;
  const startMs = runtime.nowMs;
  const seconds = (time: string | undefined): number => Math.round(((parseTime(time) ?? Number.NaN) - startMs) / 1000);
  return {
    cluster,
    heard: async () => {
      const { items } = await runtime.drive(admin.coordinationV1.leases('kube-node-lease').list());
      const node = await runtime.drive(admin.coreV1.nodes().get('n1'));
      const [lease] = items;
      return {
        lease: lease === undefined ? undefined : seconds(lease.spec.renewTime),
        status: seconds(node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime),
      };
    },
  };
}

describe('NodeAgent', () => {
  test('ends before it began, and not while a request of it is under way', async () => {
    const cluster = await NodeCluster.start();
    const { runtime } = cluster;
    await runtime.drive(cluster.startNode('n0').process.stop());
    const held = Promise.withResolvers<void>();
    let isHeld = false;
    const { process } = cluster.startNode('n1', { fault: ({ path }) => (isHeld && path.includes('/leases') ? held.promise : undefined) });
    await runtime.settle();
    isHeld = true;
    await runtime.advance(10_000);
    let hasStopped = false;
    const stopping = process.stop().then(() => {
      hasStopped = true;
    });
    await runtime.settle();
    assert.equal(hasStopped, false);
    held.resolve();
    await runtime.drive(stopping);
  });

  test('renews the lease every 10 s and reports the status every 5 minutes', async () => {
    const { cluster, heard } = await scene();
    const seen: unknown[] = [];
    for (const ms of [9_500, 1000, 10_000, 270_000, 15_000, 10_000]) {
      await cluster.runtime.advance(ms);
      const { lease, status } = await heard();
      seen.push([lease, status]);
    }
    assert.deepEqual(seen, [
      [0, 0],
      [10, 0],
      [20, 0],
      [290, 0],
      [300, 300],
      [310, 300],
    ]);
  });

  test('registers once the server answers, after waits that double', async () => {
    const triedAtMs: number[] = [];
    const cluster = await NodeCluster.start();
    const fault = ({ method, path }: ApiRequest): Error | undefined => {
      if (method !== 'POST' || path !== '/api/v1/nodes' || triedAtMs.push(cluster.runtime.nowMs) > 8) return undefined;
      return new TransportError('cut', { executed: 'no' });
    };
    cluster.startNode('n1', { fault });
    await cluster.runtime.settle();
    const waits = triedAtMs.slice(1).map((at, i) => at - (triedAtMs[i] ?? 0));
    assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 7000]);
    const node = await cluster.runtime.drive(cluster.admin.coreV1.nodes().get('n1'));
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  });

  test('a report that fails is tried again at once, five times in all', async () => {
    let [failures, tries] = [0, 0];
    const { cluster, heard } = await scene(({ method, path }) => {
      if (method !== 'PUT' || path !== '/api/v1/nodes/n1/status') return undefined;
      return ++tries <= failures ? new TransportError('cut', { executed: 'no' }) : undefined;
    });
    [failures, tries] = [4, 0];
    await cluster.runtime.advance(300_500);
    assert.deepEqual([(await heard()).status, tries], [300, 5]);
    [failures, tries] = [5, 0];
    await cluster.runtime.advance(300_000);
    assert.deepEqual([(await heard()).status, tries], [300, 5], 'then not before the next look');
    await cluster.runtime.advance(10_000);
    assert.deepEqual([(await heard()).status, tries], [610, 6]);
  });

  test('a lease is renewed soon after an outage that is shorter than itself', async () => {
    let isCut = false;
    const { cluster, heard } = await scene(() => (isCut ? new TransportError('cut', { executed: 'no' }) : undefined));
    await cluster.runtime.advance(9000);
    isCut = true;
    await cluster.runtime.advance(3500);
    isCut = false;
    await cluster.runtime.advance(1000);
    assert.equal((await heard()).lease, 13);
    isCut = true;
    await cluster.runtime.advance(20_000);
    isCut = false;
    await cluster.runtime.advance(10_000);
    const { lease = 0 } = await heard();
    assert.ok(lease > 33, `renewed at ${lease} s`);
  });

  test('the lease says for how long, by whom and of which node', async () => {
    const { cluster } = await scene();
    const { runtime, admin } = cluster;
    const lease = await runtime.drive(admin.coordinationV1.leases('kube-node-lease').get('n1'));
    const { metadata } = await runtime.drive(admin.coreV1.nodes().get('n1'));
    assert.deepEqual([lease.spec.holderIdentity, lease.spec.leaseDurationSeconds], ['n1', 40]);
    assert.deepEqual(lease.metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: metadata.uid }]);
  });

  test('makes a lease that was deleted anew', async () => {
    const { cluster, heard } = await scene();
    await cluster.runtime.drive(cluster.admin.coordinationV1.leases('kube-node-lease').delete('n1'));
    assert.equal((await heard()).lease, undefined);
    await cluster.runtime.advance(10_500);
    assert.equal((await heard()).lease, 10);
  });

  test('corrects a status that somebody else changed, within 10 s, and leaves conditions of others', async () => {
    const { cluster, heard } = await scene();
    const { runtime, admin } = cluster;
    const unknown = ['Ready', 'example.com/Disk'].map((type) => ({ type, status: 'Unknown', reason: 'Lost' }));
    await runtime.drive(admin.coreV1.nodes().patch('n1', 'strategic', { status: { conditions: unknown } }, { subresource: 'status' }));
    await runtime.advance(10_500);
    const { status } = await runtime.drive(admin.coreV1.nodes().get('n1'));
    const states = new Map(status?.conditions?.map((condition) => [condition.type, condition]));
    assert.deepEqual([states.get('Ready')?.status, states.get('Ready')?.reason], ['True', 'KubeletReady']);
    assert.equal(states.get('example.com/Disk')?.status, 'Unknown');
    assert.equal((await heard()).status, 10);
    assert.equal(parseTime(states.get('Ready')?.lastTransitionTime), parseTime(states.get('Ready')?.lastHeartbeatTime));
  });

  test('a node that is registered already keeps its labels and taints, and gets the labels that every node has', async () => {
    const cluster = await NodeCluster.start();
    const { runtime, admin } = cluster;
    const taints = [{ key: 'a', effect: 'NoSchedule' }];
    await runtime.drive(
      admin.coreV1.nodes().create({ metadata: { name: 'n1', labels: { mine: 'yes', 'kubernetes.io/hostname': 'old' } }, spec: { taints } }),
    );
    cluster.startNode('n1', { capacity: { cpu: '2' }, labels: { 'example.com/disk': 'ssd', 'topology.kubernetes.io/zone': 'a' } });
    await runtime.settle();
    const { metadata, spec, status } = await runtime.drive(admin.coreV1.nodes().get('n1'));
    assert.deepEqual(metadata.labels, {
      'beta.kubernetes.io/arch': 'amd64',
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'kubernetes.io/hostname': 'n1',
      'kubernetes.io/os': 'linux',
      'topology.kubernetes.io/zone': 'a',
      mine: 'yes',
    });
    assert.deepEqual(spec.taints, taints);
    assert.deepEqual([status?.capacity?.['cpu'], status?.allocatable?.['pods']], ['2', '110']);
  });

  test('comes to rest again after each heartbeat: a node alone never keeps a simulation awake', async () => {
    const { cluster } = await scene();
    await cluster.runtime.advance(305_000);
    assert.equal((await cluster.runtime.settle()).virtualMs, 0);
  });
});
