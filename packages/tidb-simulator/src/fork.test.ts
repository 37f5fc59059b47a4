import assert from 'node:assert/strict';
import test from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { tidbPrograms } from './index.ts';
import { SimulatedCluster } from './simulated-cluster.fixture.ts';

const env: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  discovery: { TC_NAME: 'basic', MY_POD_NAMESPACE: 'ns', PD_REPLICAS: '1' },
  pd: { NAMESPACE: 'ns', PEER_SERVICE_NAME: 'basic-pd-peer', SERVICE_NAME: 'basic-pd', SET_NAME: 'basic-pd' },
  tikv: { NAMESPACE: 'ns', CLUSTER_NAME: 'basic', HEADLESS_SERVICE_NAME: 'basic-tikv-peer' },
  tidb: { NAMESPACE: 'ns', CLUSTER_NAME: 'basic' },
};
const images: Readonly<Record<string, string>> = {
  discovery: 'pingcap/tidb-operator',
  pd: 'pingcap/pd',
  tikv: 'pingcap/tikv',
  tidb: 'pingcap/tidb',
};
const pods = ['basic-discovery-0', 'basic-pd-0', 'basic-tikv-0', 'basic-tikv-1', 'basic-tikv-2', 'basic-tidb-0'];

async function run(seed: number, resumed: ReadonlyMap<string, unknown>): Promise<ReadonlyMap<string, unknown>> {
  const runtime = new SimRuntime({ seed });
  const cluster = new SimulatedCluster(runtime.process('node'));
  for (const pod of pods) {
    const component = pod.split('-')[1] ?? '';
    const program = tidbPrograms().get(images[component] ?? '');
    assert.ok(program);
    cluster.start(pod, program, env[component] ?? {}, resumed.get(pod));
  }
  await runtime.settle();
  // Through JSON: what a checkpoint holds must be plain data.
  return new Map([...cluster.checkpoints].map(([pod, save]) => [pod, JSON.parse(JSON.stringify(save()))]));
}

/** Without the times, which are the clock's. */
function timeless(checkpoints: ReadonlyMap<string, unknown>): unknown {
  return JSON.parse(
    JSON.stringify(
      [...checkpoints].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      (key, value: unknown) => (key === 'heartbeatMs' ? 0 : value),
    ),
  );
}

test('programs resumed from their checkpoints go on with the same ids, stores and version', async () => {
  const before = await run(1, new Map());
  assert.equal(before.size, pods.length);
  const after = await run(2, before); // another seed: nothing may be drawn anew
  assert.deepEqual(timeless(after), timeless(before));
});
