import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lagging, SimRuntime, uniform } from '@coracle/simulator';
import { NodeCluster } from './fixtures/node-cluster.ts';

/** In every order of steps, and with steps that lag, pods come to the same end. */
for (let seed = 1; seed <= 10; seed++) {
  test(`crashing and probed pods on two nodes run, and go when they are deleted: seed ${seed}`, async () => {
    const cluster = await NodeCluster.start({ runtime: new SimRuntime({ seed, strategy: lagging(uniform()) }) });
    for (const node of ['n1', 'n2']) cluster.startNode(node);
    cluster.run('flaky', async ({ process, terminated }) => {
      await process.clock.sleep(500 + process.random.below(3000));
      if (process.incarnation < 2) return 1;
      return await new Promise((resolve) => terminated.addEventListener('abort', () => resolve(0)));
    });
    const flaky = { name: 'c', image: 'flaky' };
    const probedContainer = { name: 'c', image: 'nginx', ports: [{ containerPort: 80 }], readinessProbe: { tcpSocket: { port: 80 } } };
    const pods = [flaky, flaky, probedContainer, probedContainer].map((container, i) => ({
      name: `p${i}`,
      container,
      nodeName: `n${1 + (i % 2)}`,
    }));
    for (const { name, container, nodeName } of pods) await cluster.createPod({ nodeName, containers: [container] }, { name });
    await cluster.runtime.settle();
    for (const { name, container } of pods) {
      const { status } = await cluster.pod(name);
      const [reported] = status?.containerStatuses ?? [];
      assert.deepEqual([status?.phase, reported?.ready, reported?.restartCount], ['Running', true, container === flaky ? 2 : 0]);
    }
    for (const { name } of pods) await cluster.runtime.drive(cluster.admin.coreV1.pods('default').delete(name));
    await cluster.runtime.settle();
    assert.deepEqual((await cluster.runtime.drive(cluster.admin.coreV1.pods('default').list())).items, []);
  });
}
