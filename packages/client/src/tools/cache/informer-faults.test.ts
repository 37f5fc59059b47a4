import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newTooManyRequests, type Transport, TransportError, type WatchFrame } from '@coracle/apimachinery';
import { SimRuntime, uniform } from '@coracle/simulator';
import { TestApiServer } from '../../contract/api-server.fixture.ts';
import { SharedInformerFactory } from '../../informers/factory.ts';
import { Clientset } from '../../kubernetes/clientset.ts';
import { resources } from '../../kubernetes/resources.ts';
import { metaNamespaceKey } from './keys.ts';

/** Cuts watches, refuses requests and loses connections, with a chance each. */
function faulty(transport: Transport, below: (n: number) => number, isOver: () => boolean): Transport {
  const cut = async function* (events: AsyncIterable<readonly WatchFrame[]>): AsyncGenerator<readonly WatchFrame[], void, undefined> {
    for await (const batch of events) {
      if (!isOver() && below(4) === 0) return; // the batch is lost, and the watch with it
      yield batch;
      if (!isOver() && below(6) === 0) throw new TransportError('cut', { executed: 'unknown' });
    }
  };
  return {
    ...transport,
    async exchange(request, options) {
      if (!isOver() && below(5) === 0) {
        if (below(2) === 0) throw newTooManyRequests('busy', 1);
        throw new TransportError('refused', { executed: below(2) === 0 ? 'no' : 'unknown' });
      }
      const response = await transport.exchange(request, options);
      return 'events' in response ? { ...response, events: cut(response.events) } : response;
    },
  };
}

describe('an informer of a real server', () => {
  test('ends equal to the store whatever is cut, lost, refused or compacted, 100 seeds', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const runtime = new SimRuntime({ seed, strategy: uniform() });
      const server = new TestApiServer(runtime, { interleave: 'storage' });
      const admin = new Clientset({ process: runtime.process('admin'), transport: server.connect(runtime.process('admin')) });
      await runtime.drive(admin.coreV1.namespaces().create({ metadata: { name: 'default' } }));
      const random = runtime.random.fork('script');
      const process = runtime.process('component');
      let isOver = false;
      const transport = faulty(
        server.connect(process),
        (n) => random.below(n),
        () => isOver,
      );
      const informers = new SharedInformerFactory(new Clientset({ process, transport }));
      const informer = informers.forResource(resources.core.v1.configMaps);
      const known = new Map<string, string>();
      informer.addEventHandler({
        onAdd: (map) => known.set(metaNamespaceKey(map), map.metadata.resourceVersion ?? ''),
        onUpdate: (_old, map) => known.set(metaNamespaceKey(map), map.metadata.resourceVersion ?? ''),
        onDelete: (map) =>
          known.delete(
            'key' in map && typeof map.key === 'string' ? map.key : metaNamespaceKey(map as Parameters<typeof metaNamespaceKey>[0]),
          ),
      });
      informers.start();
      const maps = admin.coreV1.configMaps('default');
      for (let i = 0; i < 25; i++) {
        const name = 'abcde'[random.below(5)] ?? 'a';
        const ignoreRefusal = (): undefined => undefined; // made already, or gone already: either is as good here
        if (random.below(4) === 0) await runtime.drive(maps.delete(name).catch(ignoreRefusal));
        else if (random.below(5) === 0) await runtime.drive(server.compact());
        else if (random.below(3) === 0) await runtime.advance(random.below(2_000));
        else
          await runtime.drive(
            maps
              .create({ metadata: { name } })
              .catch(() => maps.patch(name, 'merge', { data: { i: String(i) } }))
              .catch(ignoreRefusal),
          );
      }
      isOver = true;
      await runtime.settle();
      const expected = (await runtime.drive(maps.list())).items
        .map((map) => `${metaNamespaceKey(map)}@${map.metadata.resourceVersion}`)
        .sort();
      const cached = informer.indexer.list().map((map) => `${metaNamespaceKey(map)}@${map.metadata.resourceVersion}`);
      assert.deepEqual(cached.sort(), expected, `seed ${seed}: the cache`);
      assert.deepEqual([...known].map(([key, version]) => `${key}@${version}`).sort(), expected, `seed ${seed}: what the handler was told`);
      assert.deepEqual(runtime.failures, [], `seed ${seed}`);
    }
  });

  test('waiting for the first list ends when the informers are shut down', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const process = runtime.process('component');
    const transport = faulty(
      new TestApiServer(runtime).connect(process),
      () => 0,
      () => false,
    );
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
