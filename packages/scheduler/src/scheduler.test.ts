import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolumeClaim, Pod } from '@coracle/api';
import { type ApiRequest, isConflict, type Transport, TransportError } from '@coracle/apimachinery';
import { Clientset } from '@coracle/client';
import { SimRuntime } from '@coracle/simulator';
import { pod, type PodRow, taint } from './fixtures/objects.ts';
import { scene } from './fixtures/scene.ts';
import { Scheduler } from './scheduler.ts';

const scheduledOf = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled');

describe('Scheduler', () => {
  test('binds a pod to the node that fits, says so, and rests', async () => {
    const { runtime, addNode, addPod, getPod, events } = await scene();
    await addNode({ name: 'n1', taints: [taint('a', 'NoSchedule')] });
    await addNode({ name: 'n2' });
    await addPod({ name: 'web', requests: { cpu: '1' } });
    await runtime.settle();
    const web = await getPod('web');
    assert.deepEqual([web.spec?.nodeName, scheduledOf(web)?.status], ['n2', 'True']);
    assert.deepEqual(await events('web'), ['Scheduled: Successfully assigned default/web to n2']);
    assert.equal((await runtime.settle()).steps, 0);
    assert.deepEqual(runtime.failures, []);
  });

  test('says why a pod has no node, writes nothing more, and binds it when a node comes', async () => {
    const { runtime, addNode, addPod, getPod, events, revision } = await scene();
    await addNode({ name: 'n1' });
    await addPod({ name: 'big', requests: { cpu: '8' } });
    await runtime.settle();
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    const condition = scheduledOf(await getPod('big'));
    assert.deepEqual(
      [condition?.status, condition?.reason, condition?.message, condition?.observedGeneration],
      ['False', 'Unschedulable', message, 1],
    );
    assert.deepEqual(await events('big'), [`FailedScheduling: ${message}`]);
    const before = revision();
    await addPod({ name: 'small' });
    await runtime.advance(60_000);
    const [created, bound, event] = [1, 1, 1];
    assert.equal(revision(), before + created + bound + event, 'nothing about the big pod');
    await addNode({ name: 'n2', allocatable: { cpu: '16' } });
    await runtime.settle();
    assert.equal((await getPod('big')).spec?.nodeName, 'n2');
  });

  test('gives a place that a deleted pod leaves to the one that waits, the most urgent first', async () => {
    const { runtime, admin, addNode, addPod, getPod } = await scene();
    await addNode({ name: 'n1', allocatable: { pods: '1' } });
    await runtime.drive(admin.schedulingV1.priorityClasses().create({ metadata: { name: 'high' }, value: 1000 }));
    await addPod({ name: 'first' });
    await runtime.settle();
    await addPod({ name: 'second' });
    await addPod({ name: 'urgent', priorityClassName: 'high' });
    await runtime.settle();
    assert.match(scheduledOf(await getPod('second'))?.message ?? '', /^0\/1 nodes are available: 1 Too many pods\.$/);
    await runtime.advance(20_000);
    await runtime.drive(admin.coreV1.pods('default').delete('first', { gracePeriodSeconds: 0 }));
    await runtime.settle();
    assert.equal((await getPod('urgent')).spec?.nodeName, 'n1');
    assert.equal((await getPod('second')).spec?.nodeName, undefined);
  });

  test('gives away the place of a pod that has ended', async () => {
    const { runtime, admin, addNode, addPod, getPod } = await scene();
    await addNode({ name: 'n1', allocatable: { pods: '1' } });
    await addPod({ name: 'first' });
    await addPod({ name: 'second' });
    await runtime.settle();
    const pods = admin.coreV1.pods('default');
    const placed = (await getPod('first')).spec.nodeName === 'n1' ? 'first' : 'second';
    await runtime.drive(pods.patch(placed, 'merge', { status: { phase: 'Succeeded' } }, { subresource: 'status' }));
    await runtime.settle();
    assert.equal((await getPod(placed === 'first' ? 'second' : 'first')).spec.nodeName, 'n1');
  });

  test('searches a large cluster in turns', async () => {
    const { runtime, addNode, addPod, getPod } = await scene();
    // Of 150 nodes 100 are looked at. Those at the end, which all would rather have, are not among the first.
    for (let i = 0; i < 150; i++) await addNode({ name: `n${i}`, ...(i < 100 ? { taints: [taint('a', 'PreferNoSchedule')] } : {}) });
    const nodes: number[] = [];
    for (const name of ['first', 'second']) {
      await addPod({ name });
      await runtime.settle();
      nodes.push(Number((await getPod(name)).spec.nodeName?.slice(1)));
    }
    assert.deepEqual(
      nodes.map((node) => node < 100),
      [true, false],
    );
  });

  test('leaves pods with gates, of other schedulers and with a node alone', async () => {
    const { runtime, admin, addNode, addPod, getPod, events } = await scene();
    await addNode({ name: 'n1' });
    await addPod({ name: 'gated', schedulingGates: [{ name: 'example.com/wait' }] });
    await addPod({ name: 'foreign', schedulerName: 'other' });
    await addPod({ name: 'placed', nodeName: 'elsewhere' });
    await runtime.settle();
    for (const [name, want] of [
      ['gated', undefined],
      ['foreign', undefined],
      ['placed', 'elsewhere'],
    ] as const) {
      assert.equal((await getPod(name)).spec?.nodeName, want);
      assert.deepEqual(await events(name), []);
    }
    await runtime.drive(admin.coreV1.pods('default').patch('gated', 'merge', { spec: { schedulingGates: null } }));
    await runtime.settle();
    assert.equal((await getPod('gated')).spec?.nodeName, 'n1');
  });

  test('selects the node of a late claim and binds the pod once the volume is there', async () => {
    const { runtime, admin, addNode, addPod, getPod } = await scene();
    const claims = admin.coreV1.persistentVolumeClaims('default');
    await addNode({ name: 'n1' });
    await addLateClaim(runtime, admin);
    await addPod({ name: 'db', ...usesData });
    await runtime.settle();
    const claim: PersistentVolumeClaim = await runtime.drive(claims.get('data'));
    assert.equal(claim.metadata.annotations?.['volume.kubernetes.io/selected-node'], 'n1');
    assert.equal((await getPod('db')).spec?.nodeName, undefined);
    const annotations = { ...claim.metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    await runtime.drive(
      claims.update({ ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName: 'v1' } }),
    );
    await runtime.settle();
    assert.equal((await getPod('db')).spec?.nodeName, 'n1');
  });

  test('tries anew when the provisioner gives the claim back', async () => {
    const { runtime, admin, addNode, addPod, events } = await scene();
    const claims = admin.coreV1.persistentVolumeClaims('default');
    await addNode({ name: 'n1' });
    await addLateClaim(runtime, admin);
    await addPod({ name: 'db', ...usesData });
    await runtime.settle();
    await runtime.drive(claims.patch('data', 'merge', { metadata: { annotations: { 'volume.kubernetes.io/selected-node': null } } }));
    await runtime.settle();
    assert.deepEqual(await events('db'), [
      'FailedScheduling: running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"',
    ]);
    const claim = await runtime.drive(claims.get('data'));
    assert.equal(claim.metadata.annotations?.['volume.kubernetes.io/selected-node'], 'n1');
  });

  for (let seed = 1; seed <= 5; seed++) {
    test(`never overcommits a node, seed ${seed}`, async () => {
      const { runtime, admin, addNode, addPod } = await scene(seed);
      for (const name of ['n1', 'n2', 'n3']) await addNode({ name });
      for (let i = 0; i < 15; i++) await addPod({ name: `p${i}`, requests: { cpu: '1' } });
      await runtime.settle();
      const { items } = await runtime.drive(admin.coreV1.pods('default').list());
      const perNode = Map.groupBy(items, ({ spec }) => spec?.nodeName ?? '');
      assert.deepEqual([...perNode].map(([name, pods]) => [name, pods.length]).sort(), [
        ['', 3],
        ['n1', 4],
        ['n2', 4],
        ['n3', 4],
      ]);
      assert.deepEqual(runtime.failures, []);
    });
  }

  test('counts a pod where somebody else has bound it, whoever was first', async () => {
    const winners = new Set<string | undefined>();
    for (let seed = 1; seed <= 20; seed++) {
      const { runtime, admin, addNode, getPod, addPod } = await scene(seed);
      for (const name of ['n1', 'n2'])
        await addNode({ name, allocatable: { pods: '1' }, ...(name === 'n2' ? { taints: [taint('a', 'PreferNoSchedule')] } : {}) });
      const pods = admin.coreV1.pods('default');
      const { metadata: _, ...contested } = pod();
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'contested' }, target: { kind: 'Node', name: 'n2' } };
      const bindIt = async (): Promise<void> => {
        await pods.create({ ...contested, metadata: { name: 'contested' } });
        await pods
          .subresource('contested', 'binding')
          .create(binding)
          .catch((error) => assert.ok(isConflict(error)));
      };
      await runtime.drive(bindIt());
      await runtime.settle();
      const { nodeName } = (await getPod('contested')).spec;
      winners.add(nodeName);
      await addPod({ name: 'next' });
      await runtime.settle();
      assert.equal((await getPod('next')).spec.nodeName, nodeName === 'n1' ? 'n2' : 'n1', `seed ${seed}`);
      assert.deepEqual(runtime.failures, []);
    }
    assert.equal(winners.size, 2, 'both orders were seen');
  });

  for (const { executed, want } of [
    {
      executed: 'no',
      want: ['FailedScheduling: running Bind plugin "DefaultBinder": cut', 'Scheduled: Successfully assigned default/p to n1'],
    },
    { executed: 'unknown', want: undefined },
  ] as const) {
    test(`binds after all when the connection breaks ${executed === 'no' ? 'before' : 'after'} the request`, async () => {
      let broken = false;
      const breaks = (transport: Transport): Transport => ({
        upgrade: (request, options) => transport.upgrade(request, options),
        exchange: async (request: ApiRequest, options) => {
          if (broken || !request.path.endsWith('/binding')) return transport.exchange(request, options);
          broken = true;
          if (executed === 'unknown') await transport.exchange(request, options);
          throw new TransportError('cut', { executed });
        },
      });
      const { runtime, addNode, addPod, getPod, events } = await scene(1, breaks);
      await addNode({ name: 'n1', allocatable: { pods: '1' } });
      await addPod({});
      await runtime.settle();
      assert.ok(broken);
      assert.equal((await getPod('p')).spec.nodeName, 'n1');
      if (want !== undefined) assert.deepEqual(await events('p'), want);
      assert.deepEqual(runtime.failures, []);
    });
  }

  test('tries the newest version of a pod whose binding failed', async () => {
    let meanwhile: (() => Promise<void>) | undefined;
    let failures = 0;
    const breaks = (transport: Transport): Transport => ({
      upgrade: (request, options) => transport.upgrade(request, options),
      exchange: async (request: ApiRequest, options) => {
        if (failures === 2 || !request.path.endsWith('/binding')) return transport.exchange(request, options);
        // The second time the condition is as before, so that no write of it brings the newer version.
        if (++failures === 2) await meanwhile?.();
        throw new TransportError('cut', { executed: 'no' });
      },
    });
    const { runtime, admin, addNode, addPod, getPod } = await scene(1, breaks);
    await addNode({ name: 'n1', labels: { zone: 'a' } });
    meanwhile = async () => {
      await admin.coreV1.pods('default').patch('p', 'merge', { metadata: { labels: { app: 'other' } } });
      await admin.process.clock.sleep(1000); // the scheduler sees it
    };
    const term = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } };
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    await addPod({ labels: { app: 'web' }, affinity }); // the first of its kind may go anywhere
    await runtime.settle();
    const found = await getPod('p');
    assert.equal(found.spec.nodeName, undefined);
    assert.match(scheduledOf(found)?.message ?? '', /didn't match pod affinity rules/);
  });

  test('cuts the message of an event, and not that of the condition', async () => {
    const { runtime, addNode, addPod, getPod, events } = await scene();
    await addNode({ name: 'n1' });
    const names = Array.from({ length: 30 }, (_, i) => `example.com/${'long-name-'.repeat(5)}${i}`);
    await addPod({ containers: [{ name: 'c', image: 'i', resources: { requests: mapOf(names), limits: mapOf(names) } }] });
    await runtime.settle();
    const { message = '' } = scheduledOf(await getPod('p')) ?? {};
    assert.ok(message.length > 1024);
    assert.deepEqual(await events('p'), [`FailedScheduling: ${message.slice(0, 1020)} ...`]);
  });

  test('a pod that is deleted while it waits is not tried, and says so', async () => {
    const { runtime, admin, addNode, addPod, events, getPod } = await scene();
    await addPod({ name: 'kept', ...usesData });
    await runtime.drive(admin.coreV1.pods('default').patch('kept', 'merge', { metadata: { finalizers: ['example.com/keep'] } }));
    await runtime.settle();
    await runtime.drive(admin.coreV1.pods('default').delete('kept'));
    await addNode({ name: 'n1' });
    await addLateClaim(runtime, admin);
    await runtime.settle();
    assert.equal((await getPod('kept')).spec?.nodeName, undefined);
    assert.deepEqual(await events('kept'), [
      'FailedScheduling: no nodes available to schedule pods',
      'FailedScheduling: skip schedule deleting pod: default/kept',
    ]);
  });

  test('run() settles when the process stops while a pod waits for its volume', async () => {
    const { runtime, addNode, addPod, getPod, admin, stop } = await scene();
    await addNode({ name: 'n1' });
    await addLateClaim(runtime, admin);
    await addPod({ name: 'db', ...usesData });
    await runtime.settle();
    await stop();
    assert.equal((await getPod('db')).spec?.nodeName, undefined);
    assert.deepEqual(runtime.failures, []);
  });

  test('knows every pod before it decides, however long it takes to look at them', async () => {
    const { runtime, addNode, addPod, getPod, stop, startAnother } = await scene();
    await addNode({ name: 'n1', allocatable: { pods: '40' } });
    await stop();
    await addPod({ name: 'a' });
    for (let i = 0; i < 40; i++) await addPod({ name: `b${i}`, nodeName: 'n1' });
    // Each look at the clock takes as long as a handler may keep the loop from others.
    startAnother((clock) => {
      let nowMs = clock.monotonic();
      return { ...clock, monotonic: () => (nowMs += 10) };
    });
    await runtime.settle();
    const { spec, status } = await getPod('a');
    assert.equal(spec?.nodeName, undefined);
    assert.match(status?.conditions?.[0]?.message ?? '', /Too many pods/);
  });

  test('run() settles when its signal aborts before the first list', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('scheduler');
    const clientset = new Clientset({
      process,
      transport: { exchange: () => new Promise(() => {}), upgrade: () => new Promise(() => {}) },
    });
    const stop = new AbortController();
    const running = new Scheduler({ process, clientset }).run(stop.signal);
    stop.abort(new Error('enough'));
    await runtime.drive(running);
  });
});

const mapOf = (names: readonly string[]): Readonly<Record<string, string>> => Object.fromEntries(names.map((name) => [name, '1']));

const usesData: PodRow = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };

/** A claim `data` whose volume is made only for a pod that has its node. */
async function addLateClaim(runtime: SimRuntime, admin: Clientset): Promise<void> {
  const volumeBindingMode = 'WaitForFirstConsumer';
  await runtime.drive(
    admin.storageV1.storageClasses().create({ metadata: { name: 'late' }, provisioner: 'example.com/disk', volumeBindingMode }),
  );
  const spec = { storageClassName: 'late', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  await runtime.drive(admin.coreV1.persistentVolumeClaims('default').create({ metadata: { name: 'data' }, spec }));
}
