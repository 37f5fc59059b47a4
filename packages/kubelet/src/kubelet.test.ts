import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiRequest } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import { SimRuntime } from '@coracle/simulator';
import { NodeCluster } from './fixtures/node-cluster.ts';

async function cluster(seed = 1): Promise<NodeCluster> {
  const created = await NodeCluster.start({ seed });
  created.startNode('n1');
  await created.runtime.settle();
  return created;
}

describe('Kubelet', () => {
  test('registers its node and its lease, and comes to rest', async () => {
    const { runtime, admin } = await cluster();
    const node = await runtime.drive(admin.coreV1.nodes().get('n1'));
    assert.equal(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.equal(node.spec.podCIDR, '10.244.0.0/24');
    const lease = await runtime.drive(admin.coordinationV1.leases('kube-node-lease').get('n1'));
    assert.equal(lease.spec.holderIdentity, 'n1');
    await runtime.advance(10_000);
    const later = await runtime.drive(admin.coordinationV1.leases('kube-node-lease').get('n1'));
    assert.notEqual(later.spec.renewTime, lease.spec.renewTime);
  });

  test('runs a pod and reports it as the real one does', async () => {
    const scene = await cluster();
    await scene.createPod({});
    await scene.runtime.settle();
    const { status } = await scene.pod();
    assert.equal(status?.phase, 'Running');
    assert.deepEqual(
      status.conditions?.map(({ type, status: is }) => `${type}=${is}`),
      ['PodReadyToStartContainers=True', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
    );
    assert.equal(status.podIP, '10.244.0.2');
    assert.equal(status.hostIP, '172.18.0.2');
    const [container] = status.containerStatuses ?? [];
    assert.match(container?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/);
    assert.equal(container?.image, 'docker.io/library/nginx:latest');
    assert.equal(container?.ready, true);
    const events = await scene.events();
    assert.deepEqual(
      events.map((event) => event.split(':')[0]),
      ['Pulling', 'Pulled', 'Created', 'Started'],
    );
    assert.equal((await scene.runtime.settle()).steps, 0);
  });

  test('stops a deleted pod within its grace, reports the end, then deletes it', async () => {
    const scene = await cluster();
    await scene.createPod({});
    await scene.runtime.settle();
    await scene.runtime.drive(scene.admin.coreV1.pods('default').delete('p'));
    const report = await scene.runtime.settle();
    await assert.rejects(scene.pod(), /not found/);
    assert.ok(report.virtualMs < 1000);
    assert.ok((await scene.events()).includes('Killing: Stopping container c'));
  });

  test('kills a program that ignores SIGTERM when the grace is over', async () => {
    const scene = await cluster();
    scene.run('stubborn', () => new Promise<number>(() => {}));
    await scene.createPod({ containers: [{ name: 'c', image: 'stubborn' }], terminationGracePeriodSeconds: 7 });
    await scene.runtime.settle();
    await scene.runtime.drive(scene.admin.coreV1.pods('default').delete('p'));
    const { virtualMs } = await scene.runtime.settle();
    assert.equal(virtualMs, 7000);
    await assert.rejects(scene.pod(), /not found/);
  });

  test('restarts what exits, at once and then after 10 s, 20 s, … up to 5 minutes', async () => {
    const scene = await cluster();
    const starts: number[] = [];
    scene.run('crash', async ({ process }) => {
      starts.push(process.clock.now());
      throw new Error('boom');
    });
    await scene.createPod({ containers: [{ name: 'c', image: 'crash' }] });
    await scene.runtime.settle(); // ends, because the wait at the cap is background
    const { status } = await scene.pod();
    const waits = starts.slice(1).map((at, i) => (at - (starts[i] ?? 0)) / 1000);
    assert.deepEqual(waits, [0, 10, 20, 40, 80, 160]);
    assert.equal(status?.phase, 'Running');
    const [container] = status.containerStatuses ?? [];
    assert.equal(container?.restartCount, 6);
    assert.equal(container?.state?.waiting?.reason, 'CrashLoopBackOff');
    assert.match(container?.state?.waiting?.message ?? '', /^back-off 5m0s restarting failed container=c pod=p_default\(/);
    assert.equal(container?.lastState?.terminated?.exitCode, 1);
    assert.equal(container?.lastState?.terminated?.reason, 'Error');
  });

  for (const { restartPolicy, code, phase } of [
    { restartPolicy: 'Never', code: 0, phase: 'Succeeded' },
    { restartPolicy: 'Never', code: 3, phase: 'Failed' },
    { restartPolicy: 'OnFailure', code: 0, phase: 'Succeeded' },
  ]) {
    test(`exit code ${code} with restart policy ${restartPolicy} ends as ${phase}`, async () => {
      const scene = await cluster();
      scene.run('job', async () => code);
      await scene.createPod({ containers: [{ name: 'c', image: 'job' }], restartPolicy });
      await scene.runtime.settle();
      const { status } = await scene.pod();
      assert.equal(status?.phase, phase);
      assert.equal(status.containerStatuses?.[0]?.state?.terminated?.exitCode, code);
      assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.reason, phase === 'Failed' ? 'PodFailed' : 'PodCompleted');
    });
  }

  test('says why an image cannot be pulled, and starts once it is there', async () => {
    const scene = await cluster();
    scene.programs.set('example.com/app', 'missing');
    await scene.createPod({ containers: [{ name: 'c', image: 'example.com/app:1' }] });
    await scene.runtime.settle();
    const [container] = (await scene.pod()).status?.containerStatuses ?? [];
    assert.equal(container?.state?.waiting?.reason, 'ImagePullBackOff');
    assert.match(
      container?.state?.waiting?.message ?? '',
      /^Back-off pulling image "example.com\/app:1": ErrImagePull: rpc error: code = NotFound/,
    );
    const events = await scene.events();
    for (const reason of [
      'Failed: Error: ErrImagePull',
      'Failed: Error: ImagePullBackOff',
      'BackOff: Back-off pulling image "example.com/app:1"',
    ])
      assert.ok(events.includes(reason), reason);
    scene.run(
      'example.com/app',
      async ({ terminated }) => new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0))),
    );
    await scene.runtime.advance(300_000);
    assert.equal((await scene.pod()).status?.phase, 'Running');
  });

  test('runs init containers one after the other before the main ones', async () => {
    const scene = await cluster();
    const order: string[] = [];
    for (const name of ['a', 'b']) {
      scene.run(name, async ({ process }) => {
        order.push(`${name} starts`);
        await process.clock.sleep(1000);
        order.push(`${name} ends`);
        return 0;
      });
    }
    await scene.createPod({
      initContainers: [
        { name: 'a', image: 'a' },
        { name: 'b', image: 'b' },
      ],
    });
    await scene.runtime.advance(500);
    const early = (await scene.pod()).status;
    assert.equal(early?.phase, 'Pending');
    assert.equal(early.conditions?.find(({ type }) => type === 'Initialized')?.message, 'containers with incomplete status: [a b]');
    assert.equal(early.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
    await scene.runtime.settle();
    assert.deepEqual(order, ['a starts', 'a ends', 'b starts', 'b ends']);
    assert.equal((await scene.pod()).status?.phase, 'Running');
  });

  test('waits for a ConfigMap that is missing and goes on when it comes', async () => {
    const scene = await cluster();
    const seen: (string | undefined)[] = [];
    scene.run('reader', async ({ env, files, terminated }) => {
      seen.push(env.get('MODE'), files.read('/etc/app/mode'));
      return new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
    });
    await scene.createPod({
      containers: [
        {
          name: 'c',
          image: 'reader',
          env: [{ name: 'MODE', valueFrom: { configMapKeyRef: { name: 'app', key: 'mode' } } }],
          volumeMounts: [{ name: 'v', mountPath: '/etc/app' }],
        },
      ],
      volumes: [{ name: 'v', configMap: { name: 'app' } }],
    });
    await scene.runtime.settle();
    assert.equal((await scene.pod()).status?.containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating');
    assert.ok((await scene.events()).includes('FailedMount: MountVolume.SetUp failed for volume "v" : configmap "app" not found'));
    await scene.create(resources.core.v1.configMaps, { metadata: { name: 'app', namespace: 'default' }, data: { mode: 'fast' } });
    await scene.runtime.settle();
    assert.deepEqual(seen, ['fast', 'fast']);
  });

  test('shows a missing key of a Secret as CreateContainerConfigError', async () => {
    const scene = await cluster();
    await scene.create(resources.core.v1.secrets, { metadata: { name: 's', namespace: 'default' }, data: { a: 'YQ==' } });
    await scene.createPod({
      containers: [{ name: 'c', image: 'nginx', env: [{ name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'b' } } }] }],
    });
    await scene.runtime.settle();
    const waiting = (await scene.pod()).status?.containerStatuses?.[0]?.state?.waiting;
    assert.deepEqual(waiting, { reason: 'CreateContainerConfigError', message: "couldn't find key b in Secret default/s" });
  });

  test('a readiness probe decides about Ready, a liveness probe about the life', async () => {
    const scene = await cluster();
    let healthy = true;
    scene.run('web', async ({ network, process, terminated }) => {
      await process.clock.sleep(4000);
      using _server = network.listen(80, async () => ({ status: healthy ? 200 : 503, headers: {}, body: new Uint8Array() }));
      return await new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
    });
    const probe = { httpGet: { path: '/', port: 80 }, periodSeconds: 3 };
    await scene.createPod({
      containers: [{ name: 'c', image: 'web', readinessProbe: probe, livenessProbe: { ...probe, initialDelaySeconds: 10 } }],
    });
    const { virtualMs } = await scene.runtime.settle();
    assert.equal(virtualMs, 6000);
    assert.equal((await scene.pod()).status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.ok(
      (await scene.events()).includes(
        'Unhealthy: Readiness probe failed: Get "http://10.244.0.2/": dial tcp 10.244.0.2:80: connect: connection refused',
      ),
    );
    healthy = false;
    await scene.runtime.advance(12_000);
    healthy = true;
    const events = await scene.events();
    assert.ok(events.includes('Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 503'));
    assert.ok(events.includes('Killing: Container c failed liveness probe, will be restarted'));
    await scene.runtime.advance(30_000);
    const { status } = await scene.pod();
    assert.equal(status?.containerStatuses?.[0]?.restartCount, 1);
    assert.equal(status?.containerStatuses?.[0]?.ready, true);
  });

  test('an active deadline ends the pod as Failed', async () => {
    const scene = await cluster();
    await scene.createPod({ activeDeadlineSeconds: 5 });
    await scene.runtime.settle();
    await scene.runtime.advance(6000);
    await scene.runtime.settle();
    const { status } = await scene.pod();
    assert.equal(status?.phase, 'Failed');
    assert.equal(status.reason, 'DeadlineExceeded');
  });

  test('a machine that was down finds its pods crashed and runs them again', async () => {
    const scene = await NodeCluster.start();
    const { process } = scene.startNode('n1');
    await scene.createPod({});
    await scene.runtime.settle();
    process.kill();
    scene.startNode('n1');
    await scene.runtime.settle();
    const [container] = (await scene.pod()).status?.containerStatuses ?? [];
    assert.equal(container?.restartCount, 1);
    assert.equal(container?.lastState?.terminated?.exitCode, 255);
    assert.equal(container?.ready, true);
  });

  test('does not call it a failure that a pod has changed while its status was written', async () => {
    const said: string[] = [];
    const scene = await NodeCluster.start({ runtime: new SimRuntime({ log: ({ message }) => void said.push(message) }) });
    const held = Promise.withResolvers<void>();
    let writes = 0;
    const fault = ({ path }: ApiRequest): Promise<void> | undefined =>
      path.endsWith('/pods/p/status') && ++writes === 1 ? held.promise : undefined;
    scene.startNode('n1', { fault });
    await scene.createPod({});
    await scene.runtime.until(() => writes === 1);
    await scene.runtime.drive(scene.admin.coreV1.pods('default').patch('p', 'merge', { metadata: { labels: { a: 'b' } } }));
    held.resolve();
    await scene.runtime.settle();
    const { metadata, status } = await scene.pod();
    assert.deepEqual([metadata.labels, status?.phase], [{ a: 'b' }, 'Running']);
    assert.deepEqual(said, []);
  });

  test('ends when its process stops, with all that ran on it', async () => {
    const scene = await NodeCluster.start();
    const { process } = scene.startNode('n1');
    scene.run('stubborn', () => new Promise<number>(() => {}));
    await scene.createPod({ containers: [{ name: 'c', image: 'stubborn' }] });
    await scene.runtime.settle();
    const before = await scene.pod();
    await scene.runtime.drive(process.stop());
    assert.equal(process.alive, false);
    assert.equal((await scene.pod()).metadata.resourceVersion, before.metadata.resourceVersion);
  });

  test('stops what runs for a pod whose object was deleted by force', async () => {
    const scene = await cluster();
    let terminated = false;
    scene.run('app', async (container) => {
      await new Promise<void>((resolve) => container.terminated.addEventListener('abort', () => resolve(), { once: true }));
      terminated = true;
      return 0;
    });
    await scene.createPod({ containers: [{ name: 'c', image: 'app' }] });
    await scene.runtime.settle();
    await scene.runtime.drive(scene.admin.coreV1.pods('default').delete('p', { gracePeriodSeconds: 0 }));
    await scene.createPod({}); // of the same name
    await scene.runtime.settle();
    assert.equal(terminated, true);
    const { status } = await scene.pod();
    assert.deepEqual([status?.phase, status?.podIP, status?.containerStatuses?.[0]?.restartCount], ['Running', '10.244.0.3', 0]);
  });
});
