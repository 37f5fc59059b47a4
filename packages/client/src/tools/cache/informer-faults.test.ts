import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigMap } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { SimRuntime, uniform } from '@coracle/simulator';
import { TestApiServer } from '../../contract/api-server.fixture.ts';
import { SharedInformerFactory } from '../../informers/factory.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import { resources } from '../../kubernetes/resources.ts';
import { type Fault, FaultServer, faults } from './fixtures/fault-server.ts';
import { InformerJudge } from './fixtures/informer-judge.ts';
import { DeletedFinalStateUnknown, deletionKey, metaNamespaceKey } from './keys.ts';

function identity(object: Frozen<ConfigMap>): readonly [string, string] {
  return [metaNamespaceKey(object), object.metadata.resourceVersion ?? ''];
}

/** Enough that it is not made before it is read. */
const text = 'x'.repeat(250);

/** One run, over a wire in JSON or, with every second seed, in protobuf; returns how often each fault struck. */
async function run(seed: number, allowed: readonly Fault[], steps: number): Promise<ReadonlyMap<Fault, number>> {
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const server = new TestApiServer(runtime, { interleave: 'storage' });
  const adminProcess = runtime.process('admin');
  const admin = new Clientset({ process: adminProcess, transport: server.connect(adminProcess) });
  const maps = admin.coreV1.configMaps('default');
  await runtime.drive(admin.coreV1.namespaces().create({ metadata: { name: 'default' } }));
  const random = runtime.random.fork('script');
  const history = new Map<string, string[]>();
  adminProcess.spawn('history', async (signal) => {
    for await (const frames of await maps.watch({}, { signal })) {
      for (const { object } of frames) {
        const [key, version] = identity(object as Frozen<ConfigMap>); // the watch is of nothing else
        history.set(key, [...(history.get(key) ?? []), version]);
      }
    }
  });
  await runtime.settle();
  const process = runtime.process('component');
  const transport = new FaultServer(
    server.connect(process),
    process,
    runtime.random.fork('faults'),
    allowed,
    faults.length / allowed.length,
  );
  const informers = new SharedInformerFactory(new Clientset({ process, transport, prefersProtobuf: seed % 2 === 0 }));
  const informer = informers.forResource(resources.core.v1.configMaps);
  const judge = new InformerJudge(() => transport.lists);
  const registration = informer.addEventHandler({
    onAdd: (map) => judge.add(...identity(map)),
    onUpdate: (old, map) => judge.update(...identity(map), identity(old)[1]),
    onDelete: (map) => {
      const version = map instanceof DeletedFinalStateUnknown ? undefined : ((map as Frozen<ConfigMap>).metadata.resourceVersion ?? '');
      judge.delete(deletionKey<ConfigMap>(map), version);
    },
  });
  informers.start();
  const ignoreRefusal = (): undefined => undefined; // made already, or gone already: either is as good here
  for (let i = 0; i < steps; i++) {
    const name = 'abcde'[random.below(5)] ?? 'a';
    const action = random.below(20);
    if (action < 5) await runtime.drive(maps.delete(name).catch(ignoreRefusal));
    else if (action < 8) await runtime.drive(server.compact());
    else if (action < 13) await runtime.advance(random.below(3_000));
    else {
      const written = maps
        .create({ metadata: { name }, data: { text } })
        .catch(() => maps.patch(name, 'merge', { data: { i: String(i) } }));
      await runtime.drive(written.catch(ignoreRefusal));
    }
  }
  transport.isOver = true;
  await runtime.settle({ maxVirtualMs: 3_600_000 });
  const { items } = await runtime.drive(maps.list());
  const expected = items.map((map) => identity(map).join('@')).sort();
  assert.deepEqual(
    informer.indexer
      .list()
      .map((map) => identity(map).join('@'))
      .sort(),
    expected,
    `seed ${seed}: the cache`,
  );
  for (const map of items) assert.deepEqual(informer.indexer.getByKey(metaNamespaceKey(map)), map, `seed ${seed}`);
  assert.deepEqual([...judge.known].map((pair) => pair.join('@')).sort(), expected, `seed ${seed}: what the handler was told`);
  judge.checkNothingMissed(history);
  assert.deepEqual(judge.findings, [], `seed ${seed}`);
  assert.equal(registration.hasSynced(), true);
  assert.deepEqual(runtime.failures, [], `seed ${seed}`);
  return transport.seen;
}

describe('an informer of a real server', () => {
  test('is told everything, in order and once, and ends equal to the server, whatever goes wrong, 80 seeds', async () => {
    const seen = new Map<Fault, number>();
    for (let seed = 1; seed <= 80; seed++) {
      for (const [fault, count] of await run(seed, faults, 40)) seen.set(fault, (seen.get(fault) ?? 0) + count);
    }
    for (const fault of faults) assert.ok((seen.get(fault) ?? 0) > 5, `${fault} struck ${seen.get(fault) ?? 0} times`);
  });

  for (const fault of faults) {
    test(`outlives ${fault}, 5 seeds`, async () => {
      let struck = 0;
      // Watches end now and then: else there would be hardly a request to spoil.
      for (let seed = 1; seed <= 5; seed++) struck += (await run(seed, [fault, 'short-watch'], 40)).get(fault) ?? 0;
      assert.ok(struck > 0);
    });
  }

  test('waiting for the first list ends when the informers are shut down', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('component');
    const transport = new FaultServer(new TestApiServer(runtime).connect(process), process, runtime.random, ['refused'], 100);
    const informers = new SharedInformerFactory(new Clientset({ process, transport }));
    informers.forResource(resources.core.v1.configMaps);
    informers.start();
    assert.deepEqual([...informers.startedInformers], [['configmaps.v1.', true]]);
    const waiting = assert.rejects(informers.waitForCacheSync(), /ended before its first list/);
    await runtime.advance(5_000);
    await runtime.drive(informers.shutdown());
    await runtime.drive(waiting);
  });
});
