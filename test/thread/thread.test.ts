import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EmbeddedStorage, liveKeySource, type Storage } from '@coracle/apiserver';
import { Cluster } from '@coracle/cluster';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime, uniform } from '@coracle/simulator';
import { grantAll, launcher, node } from './thread-components.ts';

interface World {
  readonly runtime: SimRuntime;
  readonly store: MemoryStore;
  readonly storage: EmbeddedStorage;
  readonly cluster: Cluster;
}

function worldOf(
  runtime: SimRuntime,
  store: MemoryStore,
  options: {
    readonly interleave?: 'requests' | 'storage';
    readonly wrap?: (storage: Storage) => Storage;
    readonly origin?: EmbeddedStorage;
  } = {},
): World {
  const storage = new EmbeddedStorage(store, options.origin === undefined ? {} : { origin: options.origin });
  const cluster = new Cluster({
    runtime,
    serviceAccountKey,
    storage: options.wrap?.(storage) ?? storage,
    interleave: options.interleave ?? 'storage',
  });
  return { runtime, store, storage, cluster };
}

/** What a fresh server holds, and the rights of the components: made once, forked for each run. */
let prepared: World | undefined;

async function preparedWorld(runtime: SimRuntime): Promise<World> {
  if (prepared === undefined) {
    prepared = worldOf(new SimRuntime({ seed: 0 }), new MemoryStore());
    await prepared.runtime.drive(prepared.cluster.start());
    await prepared.runtime.drive(grantAll(prepared.cluster));
  }
  return worldOf(runtime, forkOf(prepared.store, runtime), { origin: prepared.storage });
}

function forkOf(store: MemoryStore, runtime: SimRuntime): MemoryStore {
  return store.fork(runtime.process('store')) as MemoryStore; // a fork is in memory
}

async function runScenario(seed: number, maps = 3): Promise<World> {
  const runtime = new SimRuntime({ seed, strategy: uniform() });
  const world = await preparedWorld(runtime);
  const { cluster } = world;
  await runtime.drive(cluster.start());
  cluster.run(launcher);
  cluster.run(node);
  for (let i = 0; i < maps; i++)
    await runtime.drive(cluster.admin.coreV1.configMaps('default').create({ metadata: { name: `app-${i}`, labels: { run: 'web' } } }));
  await runtime.settle();
  return world;
}

const seeds = 1_000;
const creates = 1_000;
const serviceAccountKey = liveKeySource.keyPair().privateKey;

describe('the thread, simulated', () => {
  test('a controller and a node bring the cluster to rest, and a second settle has nothing to do', async () => {
    const { runtime, cluster } = await runScenario(7);
    const pods = await runtime.drive(cluster.admin.coreV1.pods('default').list());
    assert.deepEqual(
      pods.items.map(({ metadata, status }) => [metadata.name, status?.phase]),
      [
        ['app-0', 'Running'],
        ['app-1', 'Running'],
        ['app-2', 'Running'],
      ],
    );
    await runtime.settle();
    assert.equal((await runtime.settle()).steps, 0);
    assert.deepEqual(runtime.failures, []);
  });

  test(`each of ${seeds} seeds replays to the same hash, and seeds differ`, async (t) => {
    const hashes = new Set<number>();
    const started = process.cpuUsage();
    let steps = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const first = await runScenario(seed);
      const second = await runScenario(seed);
      assert.equal(first.runtime.hash, second.runtime.hash, `seed ${seed}`);
      hashes.add(first.runtime.hash);
      steps += first.runtime.steps + second.runtime.steps;
    }
    const seconds = cpuSeconds(started);
    t.diagnostic(
      `${steps} steps, ${Math.round(steps / seconds)} per second of CPU; ${((seconds / seeds / 2) * 1000).toFixed(1)} ms of CPU for a run from start to rest`,
    );
    assert.ok(hashes.size > 0.9 * seeds, `only ${hashes.size} of ${seeds} seeds differ`);
  });

  test('what is created is there', async (t) => {
    const { runtime, cluster } = worldOf(new SimRuntime({ seed: 1 }), new MemoryStore());
    await runtime.drive(cluster.start());
    const maps = cluster.admin.coreV1.configMaps('default');
    let started = process.cpuUsage();
    for (let i = 0; i < 2 * creates; i++) {
      if (i === creates) started = process.cpuUsage(); // the code is compiled by now
      await runtime.drive(maps.create({ metadata: { name: `map-${i}` }, data: { key: 'value' } }));
    }
    t.diagnostic(`${Math.round((cpuSeconds(started) / creates) * 1e6)} us of CPU per create in process`);
    assert.equal((await runtime.drive(maps.list())).items.length, 2 * creates);
  });

  test('a fork of the settled cluster settles without a write', async () => {
    const { runtime, store } = await runScenario(3);
    const forked = runtime.fork();
    const copy = worldOf(forked, forkOf(store, forked));
    const before = copy.store.revision;
    await forked.drive(copy.cluster.start());
    copy.cluster.run(launcher);
    copy.cluster.run(node);
    await forked.settle();
    assert.equal(copy.store.revision, before);
    assert.equal(store.revision, before);
  });

  for (const { interleave, finds } of [
    { interleave: 'storage', finds: true },
    { interleave: 'requests', finds: false },
  ] as const) {
    test(`a lost update in the server ${finds ? 'is found' : 'stays hidden'} when ${interleave} interleave`, async () => {
      let lost = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const { runtime, cluster } = worldOf(new SimRuntime({ seed, strategy: uniform() }), new MemoryStore(), {
          interleave,
          wrap: forgetsToCompare,
        });
        await runtime.drive(cluster.start());
        const maps = cluster.admin.coreV1.configMaps('default');
        await runtime.drive(maps.create({ metadata: { name: 'shared' } }));
        await runtime.drive(Promise.all(['a', 'b', 'c'].map((key) => maps.patch('shared', 'merge', { data: { [key]: '1' } }))));
        const { data = {} } = await runtime.drive(maps.get('shared'));
        if (Object.keys(data).length < 3) lost++;
      }
      assert.equal(lost > 0, finds, `${lost} of 20 seeds lost an update`);
    });
  }
});

function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** The bug that compare-and-swap is there to prevent. */
function forgetsToCompare(storage: Storage): Storage {
  return {
    get: (key, options) => storage.get(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    async commit(request) {
      const { stored } = await storage.get(request.key);
      return storage.commit({ ...request, expect: stored?.revision ?? 'absent' });
    },
    watch: (prefix, after, sink) => storage.watch(prefix, after, sink),
    currentRevision: () => storage.currentRevision(),
    progress: () => storage.progress(),
    compact: (revision) => storage.compact(revision),
  };
}
