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
import { DeletedFinalStateUnknown, deletionKey, metaNamespaceKey } from './keys.ts';

/** What a handler was told of one key. */
interface Told {
  readonly what: 'add' | 'update' | 'delete' | 'lost';
  readonly version: string;
  /** Lists that were asked for before. */
  readonly lists: number;
}

/**
 * Checks what a handler is told, as it is told: each update goes from the state that was told last, nothing is added or deleted twice, and
 * of one key, versions only grow. `history` is what really happened.
 */
class Judge {
  readonly known = new Map<string, string>();
  readonly told = new Map<string, Told[]>();
  readonly #seed: number;
  readonly #lists: () => number;

  constructor(seed: number, lists: () => number) {
    this.#seed = seed;
    this.#lists = lists;
  }

  add(object: Frozen<ConfigMap>): void {
    const [key, version] = identity(object);
    assert.ok(!this.known.has(key), `seed ${this.#seed}: ${key} was added twice`);
    this.#tell(key, 'add', version);
    this.known.set(key, version);
  }

  update(old: Frozen<ConfigMap>, object: Frozen<ConfigMap>): void {
    const [key, version] = identity(object);
    const before = identity(old)[1];
    assert.equal(this.known.get(key), before, `seed ${this.#seed}: ${key} was updated from a state that was not told`);
    assert.ok(Number(version) >= Number(before), `seed ${this.#seed}: ${key} went back from ${before} to ${version}`);
    // The same state again is told of a list only: nothing happened twice.
    if (version === before)
      assert.notEqual(this.told.get(key)?.at(-1)?.lists, this.#lists(), `seed ${this.#seed}: ${key}@${version} was told twice`);
    this.#tell(key, 'update', version);
    this.known.set(key, version);
  }

  delete(deleted: Frozen<ConfigMap> | DeletedFinalStateUnknown<ConfigMap>): void {
    const key = deletionKey<ConfigMap>(deleted);
    const isLost = deleted instanceof DeletedFinalStateUnknown;
    assert.ok(this.known.delete(key), `seed ${this.#seed}: ${key} was deleted, which was not there`);
    this.#tell(key, isLost ? 'lost' : 'delete', isLost ? '' : ((deleted as Frozen<ConfigMap>).metadata.resourceVersion ?? ''));
  }

  /** Between two lists the handler was told of everything that happened, in order. */
  checkNothingMissed(history: ReadonlyMap<string, readonly string[]>): void {
    for (const [key, told] of this.told) {
      const versions = history.get(key) ?? [];
      let last: { readonly at: number; readonly lists: number } | undefined;
      for (const { what, version, lists } of told) {
        if (what === 'lost') {
          last = undefined;
          continue;
        }
        const at = versions.indexOf(version);
        assert.ok(at >= 0, `seed ${this.#seed}: ${key}@${version} never was`);
        if (last !== undefined && last.lists === lists)
          assert.equal(at, last.at + 1, `seed ${this.#seed}: ${key} missed something before ${version}`);
        last = { at, lists };
      }
    }
  }

  #tell(key: string, what: Told['what'], version: string): void {
    const told = this.told.get(key) ?? [];
    told.push({ what, version, lists: this.#lists() });
    this.told.set(key, told);
  }
}

function identity(object: Frozen<ConfigMap>): readonly [string, string] {
  return [metaNamespaceKey(object), object.metadata.resourceVersion ?? ''];
}

/** One run; returns how often each fault struck. */
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
  const informers = new SharedInformerFactory(new Clientset({ process, transport }));
  const informer = informers.forResource(resources.core.v1.configMaps);
  const judge = new Judge(seed, () => transport.lists);
  const registration = informer.addEventHandler({
    onAdd: (map) => judge.add(map),
    onUpdate: (old, map) => judge.update(old, map),
    onDelete: (map) => judge.delete(map),
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
      const written = maps.create({ metadata: { name } }).catch(() => maps.patch(name, 'merge', { data: { i: String(i) } }));
      await runtime.drive(written.catch(ignoreRefusal));
    }
  }
  transport.isOver = true;
  await runtime.settle({ maxVirtualMs: 3_600_000 });
  const expected = (await runtime.drive(maps.list())).items.map((map) => identity(map).join('@')).sort();
  assert.deepEqual(
    informer.indexer
      .list()
      .map((map) => identity(map).join('@'))
      .sort(),
    expected,
    `seed ${seed}: the cache`,
  );
  assert.deepEqual([...judge.known].map((pair) => pair.join('@')).sort(), expected, `seed ${seed}: what the handler was told`);
  judge.checkNothingMissed(history);
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
