import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frozen } from '@coracle/apimachinery';
import { NodeCluster } from './fixtures/node-cluster.ts';

/** Counts calls in its checkpoint and on its disk. */
function counter(cluster: NodeCluster): void {
  cluster.run('counter', async ({ checkpoint, resumed, network, files, terminated }) => {
    let count = Number(resumed ?? 0);
    checkpoint(() => count);
    using _server = network.listen(80, async () => {
      count++;
      files.write('/data/count', String(count));
      return {
        status: 200,
        headers: {},
        body: new TextEncoder().encode(`${count} ${files.read('/data/count')} ${files.read('/scratch/x') ?? ''}`),
      };
    });
    if (resumed === undefined) files.write('/scratch/x', 'kept');
    return await new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
  });
}

async function call(cluster: NodeCluster): Promise<string> {
  const { body } = await cluster.runtime.drive(
    cluster.network.dialer(cluster.admin.process).request(new URL('http://10.244.0.2/'), { method: 'GET' }),
  );
  return new TextDecoder().decode(body);
}

async function withCounter(): Promise<{
  readonly cluster: NodeCluster;
  readonly kubelet: ReturnType<NodeCluster['startNode']>['kubelet'];
}> {
  const cluster = await NodeCluster.start();
  counter(cluster);
  const { kubelet } = cluster.startNode('n1');
  await cluster.createBoundClaim('data');
  await createCounter(cluster);
  return { cluster, kubelet };
}

async function createCounter(cluster: NodeCluster): Promise<void> {
  const readinessProbe = { tcpSocket: { port: 80 } };
  const volumeMounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'scratch', mountPath: '/scratch' },
  ];
  await cluster.createPod({
    containers: [{ name: 'c', image: 'counter', readinessProbe, volumeMounts }],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'scratch', emptyDir: {} },
    ],
  });
  await cluster.runtime.settle();
}

test('a fork goes on under the same container ids, with the same state, and writes nothing', async () => {
  const { cluster, kubelet } = await withCounter();
  assert.equal(await call(cluster), '1 1 kept');
  const before = await cluster.pod();
  assert.equal(before.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  const state = JSON.parse(JSON.stringify(kubelet.snapshot())) as Frozen<ReturnType<typeof kubelet.snapshot>>; // it is plain data
  const fork = await NodeCluster.start({ runtime: cluster.runtime.fork({ label: 'other' }), from: cluster });
  counter(fork);
  fork.startNode('n1', { resumed: state });
  await fork.runtime.settle();
  assert.equal(fork.writes, 0);
  assert.equal((await fork.pod()).metadata.resourceVersion, before.metadata.resourceVersion);
  assert.equal(await call(fork), '2 2 kept');
  assert.equal(await call(fork), '3 3 kept');
  assert.equal(await call(cluster), '2 2 kept');
});

test('data of a PersistentVolume survives the pod, an emptyDir does not', async () => {
  const { cluster } = await withCounter();
  assert.equal(await call(cluster), '1 1 kept');
  await cluster.runtime.drive(cluster.admin.coreV1.pods('default').delete('p'));
  await cluster.runtime.settle();
  cluster.run('reader', async ({ stdout, files, terminated }) => {
    stdout.write(`${files.read('/data/count')} ${String(files.read('/scratch/x'))}\n`);
    return await new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
  });
  const volumeMounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'scratch', mountPath: '/scratch' },
  ];
  await cluster.createPod(
    {
      containers: [{ name: 'c', image: 'reader', volumeMounts }],
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
        { name: 'scratch', emptyDir: {} },
      ],
    },
    { name: 'q' },
  );
  await cluster.runtime.settle();
  const dialer = cluster.network.dialer(cluster.admin.process);
  const { body } = await cluster.runtime.drive(
    dialer.request(new URL('http://172.18.0.2:10250/containerLogs/default/q/c'), { method: 'GET' }),
  );
  assert.equal(new TextDecoder().decode(body), '1 undefined\n');
});
