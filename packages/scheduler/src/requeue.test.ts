import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Affinity, PersistentVolume, PersistentVolumeClaim } from '@coracle/api';
import type { Transport } from '@coracle/apimachinery';
import { type NodeRow, type PodRow, taint } from './fixtures/objects.ts';
import { type Scene, scene } from './fixtures/scene.ts';

interface Case {
  /** What helps a pod that no node took. */
  readonly what: string;
  readonly node?: NodeRow;
  readonly before?: (found: Scene) => Promise<unknown>;
  readonly pod: PodRow;
  readonly change: (found: Scene) => Promise<unknown>;
}

const namespaceLabels = (labels: Readonly<Record<string, string>>) => ({ metadata: { labels } });
const nearWeb: Affinity = {
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } }],
  },
};
const farFromWeb: Affinity = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } }],
  },
};
const nearTeam: Affinity = {
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'zone', labelSelector: {}, namespaceSelector: { matchLabels: { team: 'a' } } },
    ],
  },
};
const inZone: NodeRow = { labels: { zone: 'a' } };
const usesData: PodRow = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
const claim: PersistentVolumeClaim = {
  metadata: { name: 'data' },
  spec: { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
};
const volume: PersistentVolume = {
  metadata: { name: 'v' },
  spec: { storageClassName: 'late', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/v' } },
};

async function addClass({ runtime, admin }: Scene): Promise<void> {
  const row = { metadata: { name: 'late' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' };
  await runtime.drive(admin.storageV1.storageClasses().create(row));
}

const addClaim = ({ runtime, admin }: Scene): Promise<PersistentVolumeClaim> =>
  runtime.drive(admin.coreV1.persistentVolumeClaims('default').create(claim));

async function addVolume({ runtime, admin }: Scene): Promise<void> {
  const volumes = admin.coreV1.persistentVolumes();
  const created = await runtime.drive(volumes.create(volume));
  await runtime.drive(volumes.updateStatus({ ...created, status: { phase: 'Available' } }));
}

describe('a pod that no node took gets one at once', () => {
  const cases: readonly Case[] = [
    {
      what: 'when a node gets the label that it asks for',
      pod: { nodeSelector: { disk: 'ssd' } },
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.nodes().patch('n1', 'merge', { metadata: { labels: { disk: 'ssd' } } })),
    },
    {
      what: 'when a node loses the taint that it does not tolerate',
      node: { taints: [taint('a', 'NoSchedule')] },
      pod: {},
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.nodes().patch('n1', 'merge', { spec: { taints: null } })),
    },
    {
      what: 'when a node is not cordoned any more',
      node: { unschedulable: true },
      pod: {},
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.nodes().patch('n1', 'merge', { spec: { unschedulable: null } })),
    },
    {
      what: 'when a node has more to give',
      pod: { requests: { cpu: '6' } },
      change: ({ runtime, admin }) =>
        runtime.drive(admin.coreV1.nodes().patch('n1', 'merge', { status: { allocatable: { cpu: '8' } } }, { subresource: 'status' })),
    },
    {
      what: 'when the pod comes that it wants to be near',
      node: inZone,
      pod: { affinity: nearWeb },
      change: ({ addPod }) => addPod({ name: 'web', labels: { app: 'web' } }),
    },
    {
      what: 'when the pod goes that it must not be near',
      node: inZone,
      before: async ({ addPod, runtime }) => {
        await addPod({ name: 'web', labels: { app: 'web' } });
        await runtime.settle();
      },
      pod: { affinity: farFromWeb },
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.pods('default').delete('web', { gracePeriodSeconds: 0 })),
    },
    {
      what: 'when the pod changes its labels that it must not be near',
      node: inZone,
      before: async ({ addPod, runtime }) => {
        await addPod({ name: 'web', labels: { app: 'web' } });
        await runtime.settle();
      },
      pod: { affinity: farFromWeb },
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.pods('default').patch('web', 'merge', { metadata: { labels: null } })),
    },
    {
      what: 'when a namespace gets the label of those that it wants to be near',
      node: inZone,
      before: async ({ addPod, runtime }) => {
        await addPod({ name: 'web' });
        await runtime.settle();
      },
      pod: { affinity: nearTeam },
      change: ({ runtime, admin }) => runtime.drive(admin.coreV1.namespaces().patch('default', 'merge', namespaceLabels({ team: 'a' }))),
    },
    {
      what: 'when its claim comes',
      before: async (found) => {
        await addClass(found);
        await addVolume(found);
      },
      pod: usesData,
      change: addClaim,
    },
    {
      what: 'when a volume comes that its claim may have',
      before: async (found) => {
        await addClass(found);
        await addClaim(found);
      },
      pod: usesData,
      change: addVolume,
    },
    {
      what: 'when the class of its claim comes',
      before: async (found) => {
        await addClaim(found);
        await addVolume(found);
      },
      pod: usesData,
      change: addClass,
    },
  ];
  for (const { what, node = {}, before, pod, change } of cases) {
    test(what, async () => {
      const found = await scene();
      const { runtime, admin, addNode, addPod, getPod, events } = found;
      await addNode(node);
      await before?.(found);
      await addPod({ name: 'p', ...pod });
      await runtime.settle();
      assert.equal((await getPod('p')).spec.nodeName, undefined);
      assert.match((await events('p')).join(), /^FailedScheduling: /);
      await change(found);
      await runtime.settle();
      if (pod !== usesData) assert.equal((await getPod('p')).spec.nodeName, 'n1');
      // Nobody here finishes the bond, which the pod waits for.
      else assert.equal((await runtime.drive(admin.coreV1.persistentVolumes().get('v'))).spec.claimRef?.name, 'data');
    });
  }
});

describe('a pod that has its node is not given one', () => {
  async function counting(): Promise<Scene & { readonly bindings: () => number; readonly release: () => void }> {
    let bindings = 0;
    const held = Promise.withResolvers<void>();
    const wrap = (transport: Transport): Transport => ({
      upgrade: (request, options) => transport.upgrade(request, options),
      exchange: async (request, options) => {
        if (!request.path.endsWith('/binding')) return transport.exchange(request, options);
        bindings++;
        await held.promise;
        return transport.exchange(request, options);
      },
    });
    return { ...(await scene(1, wrap)), bindings: () => bindings, release: held.resolve };
  }

  test('when somebody else has bound it while it waited', async () => {
    const { runtime, admin, addNode, addPod, bindings, getPod } = await counting();
    await addNode({ name: 'n1' });
    await addPod({ name: 'p', requests: { cpu: '8' } });
    await runtime.settle();
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } };
    await runtime.drive(admin.coreV1.pods('default').subresource('p', 'binding').create(binding));
    await addNode({ name: 'n2', allocatable: { cpu: '16' } });
    await runtime.advance(600_000);
    assert.equal((await getPod('p')).spec.nodeName, 'n1');
    assert.equal(bindings(), 0);
  });

  test('when the news of a change comes after that of its binding', async () => {
    let bindings = 0;
    const gates: (() => void)[] = []; // one for each batch of news since then
    async function* held<T>(events: AsyncIterable<T>): AsyncIterable<T> {
      for await (const batch of events) {
        if (bindings > 0) await new Promise<void>((resolve) => gates.push(resolve));
        yield batch;
      }
    }
    const bound = Promise.withResolvers<void>();
    const wrap = (transport: Transport): Transport => ({
      upgrade: (request, options) => transport.upgrade(request, options),
      exchange: async (request, options) => {
        if (request.path.endsWith('/binding') && ++bindings === 1) await bound.promise;
        const response = await transport.exchange(request, options);
        return request.path === '/api/v1/pods' && 'events' in response ? { ...response, events: held(response.events) } : response;
      },
    });
    const { runtime, admin, addNode, addPod, getPod } = await scene(1, wrap);
    await addNode({ name: 'n1' });
    await addPod({ name: 'p' });
    await runtime.until(() => bindings === 1);
    await runtime.drive(admin.coreV1.pods('default').patch('p', 'merge', { metadata: { labels: { a: 'b' } } }));
    await runtime.until(() => gates.length > 0);
    bound.resolve();
    await runtime.advance(1_000);
    assert.equal((await getPod('p')).spec.nodeName, 'n1');
    for (let gate = gates.shift(); gate !== undefined; gate = gates.shift()) {
      gate();
      await runtime.advance(1_000);
    }
    assert.equal(bindings, 1);
  });

  test('when it changes while it is being bound', async () => {
    const { runtime, admin, addNode, addPod, bindings, release, getPod } = await counting();
    for (const name of ['n1', 'n2']) await addNode({ name });
    await addPod({ name: 'p' });
    await runtime.until(() => bindings() === 1);
    await runtime.drive(admin.coreV1.pods('default').patch('p', 'merge', { metadata: { labels: { a: 'b' } } }));
    await runtime.advance(60_000);
    release();
    await runtime.settle();
    assert.equal(bindings(), 1);
    assert.notEqual((await getPod('p')).spec.nodeName, undefined);
  });
});
