import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '@coracle/api';
import { NodeCluster } from './fixtures/node-cluster.ts';

async function clusterWithNodes(count = 1): Promise<NodeCluster> {
  const cluster = await NodeCluster.start();
  for (let i = 1; i <= count; i++) cluster.startNode(`n${i}`);
  await cluster.runtime.settle();
  return cluster;
}

const isReady = ({ status }: Pod): string | undefined => status?.conditions?.find(({ type }) => type === 'Ready')?.status;
const container = (more: Partial<Pod['spec']['containers'][number]>): Partial<Pod['spec']> => ({
  containers: [{ name: 'c', image: 'app', ...more }],
});

describe('probes', () => {
  test('a startup probe keeps the others waiting, and restarts a container that never starts', async () => {
    const cluster = await clusterWithNodes();
    cluster.run('app', ({ terminated }) => new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0))));
    await cluster.createPod(
      container({
        startupProbe: { tcpSocket: { port: 80 }, periodSeconds: 10, failureThreshold: 3 },
        ...{ livenessProbe: { tcpSocket: { port: 80 }, failureThreshold: 1 } },
      }),
    );
    await cluster.runtime.advance(15_000);
    assert.equal((await cluster.pod()).status?.containerStatuses?.[0]?.restartCount, 0, 'the liveness probe would have ended it by now');
    await cluster.runtime.advance(60_000);
    assert.ok(((await cluster.pod()).status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    assert.ok((await cluster.events()).some((event) => event.startsWith('Unhealthy: Startup probe failed')));
  });

  test('a tcp probe is met by a port that is listened on', async () => {
    const cluster = await clusterWithNodes();
    await cluster.createPod(container({ image: 'nginx', ports: [{ containerPort: 80 }], readinessProbe: { tcpSocket: { port: 80 } } }));
    await cluster.runtime.settle();
    assert.equal(isReady((await cluster.pod()) as Pod), 'True');
  });

  test('an exec probe is said to be impossible, and never makes a pod ready', async () => {
    const cluster = await clusterWithNodes();
    await cluster.createPod(container({ image: 'nginx', readinessProbe: { exec: { command: ['true'] } } }));
    await cluster.runtime.advance(60_000);
    assert.equal(isReady((await cluster.pod()) as Pod), 'False');
  });
});

describe('phases', () => {
  const cases = [
    { restartPolicy: 'Never', code: 0, want: 'Succeeded' },
    { restartPolicy: 'Never', code: 3, want: 'Failed' },
    { restartPolicy: 'OnFailure', code: 0, want: 'Succeeded' },
    { restartPolicy: 'OnFailure', code: 3, want: 'Running' },
    { restartPolicy: 'Always', code: 0, want: 'Running' },
  ];
  for (const { restartPolicy, code, want } of cases) {
    test(`${restartPolicy}, exit code ${code}: ${want}`, async () => {
      const cluster = await clusterWithNodes();
      cluster.run('app', async () => code);
      await cluster.createPod({ restartPolicy, ...container({}) });
      await cluster.runtime.settle();
      assert.equal((await cluster.pod()).status?.phase, want);
    });
  }
});

describe('addresses', () => {
  test('each pod has its own, below its node; a pod on the host network has the node’s', async () => {
    const cluster = await clusterWithNodes(2);
    for (const [name, nodeName, hostNetwork] of [
      ['a', 'n1', false],
      ['b', 'n1', false],
      ['c', 'n2', false],
      ['d', 'n1', true],
    ] as const) {
      await cluster.createPod({ nodeName, hostNetwork }, { name });
    }
    await cluster.runtime.settle();
    const statusOf = async (name: string): Promise<Pod['status']> => (await cluster.pod(name)).status as Pod['status'];
    const [a, b, c, d] = [await statusOf('a'), await statusOf('b'), await statusOf('c'), await statusOf('d')];
    assert.equal(new Set([a?.podIP, b?.podIP, c?.podIP]).size, 3);
    assert.equal(d?.podIP, d?.hostIP);
    assert.equal(d?.podIP, a?.hostIP);
  });
});

test('idle nodes do little: heartbeats, and nothing that grows', async () => {
  const cluster = await clusterWithNodes(3);
  const minute = async (): Promise<number> => (await cluster.runtime.advance(60_000)).steps;
  const first = await minute();
  for (let i = 0; i < 20; i++) await minute();
  const later = await minute();
  assert.ok(first < 400, `${first} steps in a minute`);
  assert.ok(later <= first * 1.2, `${later} steps in a minute, after ${first}`);
});
