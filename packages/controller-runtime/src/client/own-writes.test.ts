import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, type Frozen, isConflict, isNotFound, type KubeObject, labelMatcher } from '@coracle/apimachinery';
import { type Clientset, type ObjectOf, resources, SharedInformerFactory } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import type { Strategy } from '@coracle/simulator';
import { lateWatches } from '../fixtures/late-watches.ts';
import { Client } from './client.ts';
import { InformerCache } from './informer-cache.ts';
import { OwnWrites } from './own-writes.ts';

const { configMaps } = resources.core.v1;
type ConfigMap = ObjectOf<typeof configMaps>;

const namespace = 'default';
const seeds = Number(process.env['CORACLE_SEEDS'] ?? 8);

let origin: Promise<SimulatedCluster> | undefined;

interface Scene {
  readonly cluster: SimulatedCluster;
  readonly admin: Clientset;
  readonly client: Client;
  readonly factory: SharedInformerFactory;
}

async function scene(label: string, options: { readonly ownWriteLimit?: number; readonly strategy?: Strategy } = {}): Promise<Scene> {
  origin ??= SimulatedCluster.start({ seed: 1, nodes: 0, controllers: [] });
  const cluster = await (await origin).fork({ label, strategy: options.strategy ?? lateWatches });
  const clientset = cluster.cluster.clientset('writer', { name: 'writer', groups: ['system:masters'] });
  const { process } = clientset;
  const factory = new SharedInformerFactory(clientset);
  const cache = new InformerCache({ process, informers: factory, signal: () => process.signal, syncTimeoutMs: 120_000 });
  const { ownWriteLimit } = options;
  const client = new Client({ clientset, cache, ...(ownWriteLimit !== undefined && { ownWriteLimit }) });
  client.indexField(configMaps, 'data.colour', ({ data }) => (data?.['colour'] === undefined ? [] : [data['colour']]));
  return { cluster, admin: cluster.admin, client, factory };
}

/** What this client's own writes to a key promise to its next reads. */
interface Promised {
  /** Nothing older is shown. */
  version: bigint;
  readonly gone: Set<string>;
  /** As written last, while nobody else has touched it. */
  last: Frozen<ConfigMap> | 'deleted' | undefined;
}

/** Own and others' writes in an order that the seed chooses, with every read checked after each. */
class Script {
  readonly #scene: Scene;
  readonly #names = ['a', 'b', 'c'];
  readonly #promised = new Map<string, Promised>();
  readonly #colours = ['red', 'blue'];
  stale = 0;

  constructor(of: Scene) {
    this.#scene = of;
  }

  async run(steps: number): Promise<void> {
    const { cluster } = this.#scene;
    const random = cluster.runtime.random.fork('script');
    for (let i = 0; i < steps; i++) {
      const name = this.#names[random.below(this.#names.length)] ?? 'a';
      const colour = this.#colours[random.below(2)] ?? 'red';
      await cluster.advance(random.below(3) === 0 ? random.below(2_000) : 0);
      if (random.below(5) === 0) await this.#others(name, random.below(3), colour);
      else await this.#own(name, random.below(7), colour);
      await this.#check();
    }
  }

  #of(name: string): Promised {
    let promised = this.#promised.get(name);
    if (promised === undefined) {
      promised = { version: 0n, gone: new Set(), last: undefined };
      this.#promised.set(name, promised);
    }
    return promised;
  }

  async #others(name: string, what: number, colour: string): Promise<void> {
    const { cluster, admin } = this.#scene;
    const maps = admin.coreV1.configMaps(namespace);
    this.#of(name).last = undefined;
    if (what === 0) await refusable(cluster.drive(maps.create({ metadata: { name }, data: { colour } })));
    if (what === 1) await refusable(cluster.drive(maps.patch(name, 'merge', { data: { colour } })));
    if (what === 2) await refusable(cluster.drive(maps.delete(name)));
  }

  async #own(name: string, what: number, colour: string): Promise<void> {
    const { cluster, client } = this.#scene;
    const key = { namespace, name };
    const promised = this.#of(name);
    if (what < 2) {
      this.#wrote(promised, await refusable(cluster.drive(client.create(configMaps, { metadata: key, data: { colour } }))));
    } else if (what < 4) {
      this.#wrote(promised, await refusable(cluster.drive(client.patch(configMaps, key, 'merge', { data: { colour } }))));
    } else if (what === 4) {
      const present = await cluster.drive(client.get(configMaps, key));
      if (present === undefined) return;
      const finalizers = present.metadata.finalizers === undefined ? ['example.com/held'] : [];
      const metadata = { ...present.metadata, finalizers };
      this.#wrote(promised, await refusable(cluster.drive(client.update(configMaps, { ...present, metadata }))));
    } else if (what === 5) {
      const before = await cluster.drive(client.direct.get(configMaps, key));
      if (before === undefined) return;
      await refusable(cluster.drive(client.delete(configMaps, key)));
      const after = await cluster.drive(client.direct.get(configMaps, key)); // a finalizer may hold it
      if (after === undefined) this.#deleted(promised, before.metadata.uid ?? '');
      else this.#wrote(promised, after);
    } else {
      const before = await cluster.drive(client.direct.list(configMaps, { namespace }));
      await cluster.drive(client.deleteAllOf(configMaps, namespace));
      const after = await cluster.drive(client.direct.list(configMaps, { namespace }));
      for (const { metadata } of before) {
        const left = after.find((other) => other.metadata.name === metadata.name);
        if (left !== undefined) this.#wrote(this.#of(metadata.name ?? ''), left);
        else this.#deleted(this.#of(metadata.name ?? ''), metadata.uid ?? '');
      }
    }
  }

  #wrote(promised: Promised, answer: Frozen<ConfigMap> | undefined): void {
    if (answer === undefined) return;
    promised.version = BigInt(answer.metadata.resourceVersion ?? '0');
    const { deletionTimestamp, finalizers = [], uid = '' } = answer.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.#deleted(promised, uid);
    else promised.last = answer;
  }

  #deleted(promised: Promised, uid: string): void {
    promised.gone.add(uid);
    promised.last = 'deleted';
  }

  async #check(): Promise<void> {
    const { cluster, client, factory } = this.#scene;
    const listed = new Map((await cluster.drive(client.list(configMaps, { namespace }))).map((map) => [map.metadata.name, map]));
    const red = new Set(
      (await cluster.drive(client.list(configMaps, { fields: { 'data.colour': 'red' } }))).map(({ metadata }) => metadata.name),
    );
    for (const [name, { version, gone, last }] of this.#promised) {
      const got = await cluster.drive(client.get(configMaps, { namespace, name }));
      const cached = factory.forResource(configMaps).indexer.getByKey(`${namespace}/${name}`);
      if (cached?.metadata.resourceVersion !== got?.metadata.resourceVersion) this.stale++;
      for (const seen of [got, listed.get(name)]) {
        if (seen === undefined) {
          assert.ok(last === undefined || last === 'deleted', `${name} is missing after its own write`);
          continue;
        }
        assert.ok(BigInt(seen.metadata.resourceVersion ?? '0') >= version, `${name} is older than its own write`);
        assert.ok(!gone.has(seen.metadata.uid ?? ''), `${name} is back after its own delete`);
      }
      if (last !== undefined && last !== 'deleted') assert.equal(red.has(name), last.data?.['colour'] === 'red', `${name} in its index`);
    }
  }
}

/** Undefined for what the server refuses because of others' writes, or the client's own earlier ones. */
async function refusable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isConflict(error) || isNotFound(error) || /already exists|no new finalizers/.test(String(error))) return undefined;
    throw error;
  }
}

describe('Client', () => {
  test(`never reads what is older than its own writes, ${seeds} seeds`, async () => {
    let stale = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const ownWriteLimit = seed % 2 === 0 ? 1 : 1_000;
      const of = await scene(`seed ${seed}`, { ownWriteLimit });
      const script = new Script(of);
      try {
        await script.run(25);
        await of.cluster.settle();
        const server = await of.cluster.drive(of.client.direct.list(configMaps, { namespace }));
        const cached = of.factory
          .forResource(configMaps)
          .indexer.list()
          .filter(({ metadata }) => metadata.namespace === namespace);
        assert.deepEqual(byName(cached), byName(server));
        assert.deepEqual(byName(await of.cluster.drive(of.client.list(configMaps, { namespace }))), byName(server));
        assert.equal(of.client.pendingWrites(configMaps), 0, 'what the cache has seen is forgotten');
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
      stale += script.stale;
    }
    assert.ok(stale > seeds, `the cache was behind ${stale} times: the script shows nothing`);
  });

  test('a kind that is read first after a write is not read from before it', async () => {
    const { cluster, client } = await scene('write-first');
    const made = await cluster.drive(client.create(configMaps, { metadata: { namespace, name: 'a' } }));
    assert.equal((await cluster.drive(client.get(configMaps, { namespace, name: 'a' })))?.metadata.uid, made.metadata.uid);
  });

  test('a dry run writes nothing, and nothing of it is read', async () => {
    const { cluster, client } = await scene('dry-run');
    const key = { namespace, name: 'a' };
    await cluster.drive(client.create(configMaps, { metadata: key }, { dryRun: 'All' }));
    assert.equal(await cluster.drive(client.get(configMaps, key)), undefined);
    await cluster.drive(client.create(configMaps, { metadata: key }));
    await cluster.drive(client.delete(configMaps, key, { dryRun: ['All'] }));
    assert.equal((await cluster.drive(client.get(configMaps, key)))?.metadata.name, 'a');
  });

  test('says NotFound in the server’s words, and refuses a field without an index', async () => {
    const { cluster, client } = await scene('refused');
    const key = { namespace, name: 'none' };
    for (const reader of [client, client.direct]) {
      assert.equal(await cluster.drive(reader.get(configMaps, key)), undefined);
      await assert.rejects(cluster.drive(reader.require(configMaps, key)), (error: Error) => {
        assert.ok(isNotFound(error));
        assert.equal(error.message, 'configmaps "none" not found');
        return true;
      });
    }
    await assert.rejects(cluster.drive(client.list(configMaps, { fields: { 'data.size': '1' } })), /field:data.size does not exist/);
    assert.throws(() => client.indexField(configMaps, 'data.colour', () => []), RangeError);
  });

  test('lists by namespace, labels and fields, from the cache as from the server', async () => {
    const { cluster, client, admin } = await scene('list');
    for (const name of ['a', 'b']) await cluster.drive(client.create(configMaps, { metadata: { namespace, name, labels: { name } } }));
    await cluster.drive(admin.coreV1.configMaps('kube-system').create({ metadata: { name: 'a', labels: { name: 'a' } } }));
    client.indexField(configMaps, 'metadata.name', ({ metadata }) => [metadata.name ?? '']);
    await cluster.settle();
    for (const reader of [client, client.direct]) {
      const names = async (options: Parameters<typeof reader.list>[1]): Promise<readonly string[]> =>
        (await cluster.drive(reader.list(configMaps, options))).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
      const selector = labelMatcher({ matchLabels: { name: 'a' } });
      assert.deepEqual(await names({ selector }), ['default/a', 'kube-system/a']);
      assert.deepEqual(await names({ selector, namespace }), ['default/a']);
      assert.deepEqual(await names({ fields: { 'metadata.name': 'b' } }), ['default/b']);
      assert.deepEqual(await names({ fields: { 'metadata.name': 'b' }, selector }), []);
    }
  });
});

const byName = (maps: readonly Frozen<ConfigMap>[]): readonly Frozen<ConfigMap>[] =>
  maps.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));

describe('OwnWrites', () => {
  const object = (name: string, version: number, uid = `${name}-1`, more: object = {}): Frozen<KubeObject> =>
    deepFreeze({ metadata: { name, uid, resourceVersion: String(version), ...more } });

  function laidOver(limit = 1_000) {
    const objects = new Map<string, Frozen<KubeObject>>();
    let version = 0;
    const own = new OwnWrites<KubeObject>({ limit });
    own.attach({
      getByKey: (key) => objects.get(key),
      get lastStoreSyncResourceVersion() {
        return String(version);
      },
    });
    return {
      own,
      see(seen: Frozen<KubeObject>) {
        objects.set(seen.metadata.name ?? '', seen);
        version = Number(seen.metadata.resourceVersion);
        own.seen(seen);
      },
      seeGone(name: string, at: number) {
        const last = objects.get(name);
        objects.delete(name);
        version = at;
        own.seenGone(name, last);
      },
    };
  }

  test('the newer of write and cache counts, and a write that was seen is forgotten', () => {
    const { own, see } = laidOver();
    see(object('a', 5));
    own.wrote(object('a', 7));
    assert.equal(own.get('a')?.metadata.resourceVersion, '7');
    own.wrote(object('a', 6)); // a late answer
    assert.equal(own.get('a')?.metadata.resourceVersion, '7');
    see(object('a', 6));
    assert.equal(own.get('a')?.metadata.resourceVersion, '7');
    see(object('a', 8));
    assert.deepEqual([own.get('a')?.metadata.resourceVersion, own.size], ['8', 0]);
    own.wrote(object('a', 7)); // an answer that the watch overtook
    assert.deepEqual([own.get('a')?.metadata.resourceVersion, own.size], ['8', 0]);
  });

  test('what was deleted does not come back, what is made anew under its name does', () => {
    const { own, see, seeGone } = laidOver();
    see(object('a', 5));
    own.deleting('a')({ uid: 'a-1' });
    assert.equal(own.get('a'), undefined);
    see(object('a', 6)); // somebody else's write before the delete
    assert.equal(own.get('a'), undefined);
    own.wrote(object('a', 6)); // a late answer to a write of before
    assert.equal(own.get('a'), undefined);
    own.wrote(object('a', 9, 'a-2'));
    assert.equal(own.get('a')?.metadata.uid, 'a-2');
    seeGone('a', 7);
    assert.equal(own.get('a')?.metadata.uid, 'a-2');
    see(object('a', 9, 'a-2'));
    assert.deepEqual([own.get('a')?.metadata.uid, own.size], ['a-2', 0]);
  });

  test('somebody else deletes what was written: the cache says so once it has come past the write', () => {
    const { own, see } = laidOver();
    own.wrote(object('a', 5));
    see(object('b', 4));
    assert.equal(own.get('a')?.metadata.resourceVersion, '5');
    see(object('b', 6));
    assert.equal(own.get('a'), undefined);
  });

  test('what a write took out of the cache stays out until the cache has come past the write', () => {
    const { own, see, seeGone } = laidOver();
    see(object('a', 5));
    own.wrote(object('a', 9), 'outside');
    assert.equal(own.get('a'), undefined);
    seeGone('a', 6); // somebody else took it out before, and puts it back
    see(object('a', 7));
    assert.deepEqual(
      own.list([object('a', 7)], () => true),
      [],
    );
    assert.equal(own.get('a'), undefined);
    see(object('a', 10));
    assert.deepEqual([own.get('a')?.metadata.resourceVersion, own.size], ['10', 0]);
    own.wrote(object('a', 11), 'outside');
    see(object('b', 12));
    assert.equal(own.get('a')?.metadata.resourceVersion, undefined, 'its end comes before what is newer');
  });

  test('an answer to a delete does not hide what was made while it was on its way', () => {
    const { own, see } = laidOver();
    see(object('a', 5));
    const answered = own.deleting('a');
    own.wrote(object('a', 8, 'a-2'));
    answered({ uid: 'a-1' });
    assert.equal(own.get('a')?.metadata.uid, 'a-2');
  });

  test('the last finalizer takes the object along; a grace period and a namespace’s own finalizers do not', () => {
    const { own, see } = laidOver();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    see(object('a', 5, 'a-1', { finalizers: ['x'] }));
    own.wrote(object('a', 6, 'a-1', { deletionTimestamp, finalizers: [] }));
    assert.equal(own.get('a'), undefined);
    own.wrote(object('b', 7, 'b-1', { deletionTimestamp, deletionGracePeriodSeconds: 30 }));
    assert.notEqual(own.get('b'), undefined);
    own.wrote(deepFreeze({ ...object('c', 8, 'c-1', { deletionTimestamp }), spec: { finalizers: ['kubernetes'] } }));
    assert.notEqual(own.get('c'), undefined);
  });

  test('beyond its limit it knows only how far the cache has to come', async () => {
    const { own, see, seeGone } = laidOver(2);
    for (const [name, version] of [
      ['a', 4],
      ['b', 6],
      ['c', 5],
    ] as const)
      own.wrote(object(name, version));
    assert.deepEqual([own.size, own.isBehind()], [0, true]);
    see(object('c', 5));
    assert.equal(own.isBehind(), true);
    see(object('b', 6));
    assert.equal(own.isBehind(), false);
    own.wrote(object('d', 7));
    own.wrote(object('e', 8));
    own.deleting('b')({ uid: 'b-1' });
    assert.deepEqual([own.size, own.isBehind()], [0, true]);
    let asked = 0;
    await own.findBarrier(async () => {
      asked++;
      own.wroteUnknown(); // overtakes the answer
      return '9';
    });
    assert.equal(own.isBehind(), true);
    await own.findBarrier(async () => String(9 + asked));
    seeGone('b', 9);
    assert.equal(own.isBehind(), true);
    see(object('e', 10));
    assert.equal(own.isBehind(), false);
    await own.findBarrier(async () => assert.fail('there is nothing to find'));
  });

  test('versions that are no integers leave it to the cache', () => {
    const { own, see } = laidOver();
    see(object('a', 5));
    own.wrote(deepFreeze({ metadata: { name: 'a', uid: 'a-1', resourceVersion: 'x7' } }));
    assert.deepEqual([own.get('a')?.metadata.resourceVersion, own.size], ['5', 0]);
  });
});
