import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Frozen, isNotFound, type KubeObject } from '@coracle/apimachinery';
import { type Clientset, type ObjectOf, onlyMetadata, resources, withoutManagedFields } from '@coracle/client';
import { SimulatedCluster } from '@coracle/cluster';
import { ControllerBuilder } from '../controller/builder.ts';
import { lateWatches } from '../fixtures/late-watches.ts';
import { scene as managed } from '../fixtures/scene.ts';
import { Manager } from '../manager/manager.ts';
import { type CacheLimits, cacheOf } from './cache-limits.ts';

const { configMaps, secrets } = resources.core.v1;
type ConfigMap = ObjectOf<typeof configMaps>;

let origin: Promise<SimulatedCluster> | undefined;

interface Scene {
  readonly cluster: SimulatedCluster;
  readonly admin: Clientset;
  readonly manager: Manager;
}

/** A manager whose watches are late, in a cluster with the namespaces `one`, `two` and `three`. */
async function scene(cache: CacheLimits, label = 'one'): Promise<Scene> {
  origin ??= (async () => {
    const cluster = await SimulatedCluster.start({ seed: 1, nodes: 0, controllers: [] });
    for (const name of ['one', 'two', 'three']) await cluster.drive(cluster.admin.coreV1.namespaces().create({ metadata: { name } }));
    return cluster;
  })();
  const cluster = await (await origin).fork({ label, strategy: lateWatches });
  const clientset = cluster.cluster.clientset('writer', { name: 'writer', groups: ['system:masters'] });
  return { cluster, admin: cluster.admin, manager: new Manager({ process: clientset.process, clientset, name: 'writer', cache }) };
}

const map = (namespace: string, name: string, rest: object = {}, labels?: Record<string, string>): ConfigMap => ({
  metadata: { name, namespace, ...(labels !== undefined && { labels }) },
  ...rest,
});
const names = (objects: readonly Frozen<KubeObject>[]): readonly string[] =>
  objects.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();

describe('a cache limited to namespaces', () => {
  const limits: CacheLimits = { kinds: [cacheOf(configMaps, { namespaces: { one: {}, two: { labelSelector: 'app' } } })] };

  test('holds those, each with its own selectors, and refuses to read others', async () => {
    const { cluster, admin, manager } = await scene(limits);
    const { client } = manager;
    const put = (...objects: readonly ConfigMap[]): Promise<unknown> =>
      cluster.drive(Promise.all(objects.map((object) => admin.coreV1.configMaps(object.metadata.namespace ?? '').create(object))));
    await put(map('one', 'a'), map('two', 'a'), map('two', 'b', {}, { app: 'x' }), map('three', 'a', {}, { app: 'x' }));
    client.indexField(configMaps, 'metadata.name', ({ metadata }) => [metadata.name ?? '']);
    assert.deepEqual(names(await cluster.drive(client.list(configMaps))), ['one/a', 'two/b']);
    assert.deepEqual(names(await cluster.drive(client.list(configMaps, { namespace: 'two' }))), ['two/b']);
    assert.deepEqual(names(await cluster.drive(client.list(configMaps, { fields: { 'metadata.name': 'b' } }))), ['two/b']);
    assert.equal(await cluster.drive(client.get(configMaps, { namespace: 'two', name: 'a' })), undefined);
    const refusal = new RangeError('Cannot read ConfigMap in namespace "three" from the cache: it holds namespace "one", "two" only');
    await assert.rejects(cluster.drive(client.get(configMaps, { namespace: 'three', name: 'a' })), refusal);
    await assert.rejects(cluster.drive(client.list(configMaps, { namespace: 'three' })), refusal);
    await cluster.drive(client.create(configMaps, map('three', 'b'))); // to write is not to read
    await cluster.drive(client.create(configMaps, map('two', 'c')));
    await cluster.drive(client.create(configMaps, map('two', 'd', {}, { app: 'y' })));
    assert.deepEqual(names(await cluster.drive(client.list(configMaps))), ['one/a', 'two/b', 'two/d']);
    await cluster.drive(client.deleteAllOf(configMaps, 'two'));
    assert.deepEqual(names(await cluster.drive(client.list(configMaps))), ['one/a']);
  });

  test('brings only their events', async () => {
    const { cluster, admin, manager } = await scene(limits, 'two');
    const seen: string[] = [];
    new ControllerBuilder(manager, configMaps).complete({
      reconcile: async ({ namespace, name }) => void seen.push(`${namespace}/${name}`),
    });
    manager.process.spawn('manager', (signal) => manager.run(signal));
    await cluster.settle();
    for (const object of [map('one', 'a'), map('two', 'a'), map('two', 'b', {}, { app: 'x' }), map('three', 'a')])
      await cluster.drive(admin.coreV1.configMaps(object.metadata.namespace ?? '').create(object));
    await cluster.settle();
    assert.deepEqual(seen.sort(), ['one/a', 'two/b']);
  });
});

describe('a cache limited by labels and fields', () => {
  const labelled = (app: string | undefined): Record<string, string> => (app === undefined ? {} : { app });

  for (const [what, limits] of [
    ['labels', { labelSelector: 'app=x' }],
    ['a field that only the server knows', { fieldSelector: 'metadata.name!=none', labelSelector: 'app=x' }],
    ['several namespaces', { labelSelector: 'app=x', namespaces: { one: {}, '': {} } }],
  ] satisfies readonly (readonly [string, CacheLimits])[]) {
    for (const label of ['a', 'b', 'c', 'd']) {
      test(`by ${what}, never shows less than what was written (order ${label})`, async () => {
        const { cluster, admin, manager } = await scene(limits, label);
        const { client } = manager;
        const random = cluster.runtime.random.fork('script');
        const keys = ['one', 'two'].flatMap((namespace) => ['a', 'b'].map((name) => ({ namespace, name })));
        const written = new Map<string, { readonly version: bigint; readonly isHeld: boolean }>();
        for (let i = 0; i < 60; i++) {
          const key = keys[random.below(keys.length)] ?? { namespace: 'one', name: 'a' };
          const app = [undefined, 'x', 'y'][random.below(3)];
          await cluster.advance(random.below(3) === 0 ? random.below(2_000) : 0);
          const isOwn = random.below(3) > 0;
          const clientset = isOwn ? client.live(configMaps, key.namespace) : admin.coreV1.configMaps(key.namespace);
          const patch = { metadata: { labels: { app: app ?? null } }, data: { i: String(i) } };
          const change = random.below(4) === 0 ? clientset.delete(key.name) : clientset.patch(key.name, 'merge', patch);
          const answer = await cluster.drive(change.catch((error: unknown) => error));
          if (isNotFound(answer)) {
            const created = await cluster.drive(clientset.create(map(key.namespace, key.name, { data: { i: String(i) } }, labelled(app))));
            if (isOwn) written.set(`${key.namespace}/${key.name}`, { version: versionOf(created), isHeld: app === 'x' });
          } else if (isOwn) {
            const { metadata } = answer as { readonly metadata?: { readonly resourceVersion?: string } };
            if (metadata?.resourceVersion === undefined) written.delete(`${key.namespace}/${key.name}`);
            else written.set(`${key.namespace}/${key.name}`, { version: versionOf(answer as KubeObject), isHeld: app === 'x' });
          }
          for (const each of keys) {
            const own = written.get(`${each.namespace}/${each.name}`);
            const got = await cluster.drive(client.get(configMaps, each));
            assert.ok(got === undefined || got.metadata.labels?.['app'] === 'x');
            if (own === undefined) continue;
            if (got !== undefined) assert.ok(versionOf(got) >= own.version, 'older than what was written');
            else if (own.isHeld) assert.ok(await isLostSince(cluster, admin, each, own.version), 'what was written is not there');
          }
        }
        await cluster.advance(10_000);
        const truth = await cluster.drive(admin.coreV1.configMaps('').list({ labelSelector: 'app=x' }));
        assert.deepEqual(names(await cluster.drive(client.list(configMaps))), names(truth.items));
      });
    }
  }

  /** Whether somebody else changed it after `version`. */
  async function isLostSince(
    cluster: SimulatedCluster,
    admin: Clientset,
    key: { readonly namespace: string; readonly name: string },
    version: bigint,
  ): Promise<boolean> {
    const { items } = await cluster.drive(admin.coreV1.configMaps(key.namespace).list({ fieldSelector: `metadata.name=${key.name}` }));
    const [object] = items;
    return object === undefined || versionOf(object) > version;
  }

  function versionOf(object: Frozen<KubeObject>): bigint {
    return BigInt(object.metadata.resourceVersion ?? '0');
  }

  test('by a field of the kind, shows of own writes what the server would', async () => {
    const { cluster, manager } = await scene({ kinds: [cacheOf(secrets, { fieldSelector: 'type=one' })] });
    const { client } = manager;
    const secret = (name: string, type: string) => ({ metadata: { name, namespace: 'one' }, type });
    assert.deepEqual(await cluster.drive(client.list(secrets)), []);
    await cluster.drive(client.create(secrets, secret('a', 'one')));
    await cluster.drive(client.create(secrets, secret('b', 'two')));
    assert.deepEqual(names(await cluster.drive(client.list(secrets))), ['one/a']);
    assert.equal(await cluster.drive(client.get(secrets, { namespace: 'one', name: 'b' })), undefined);
    assert.equal((await cluster.drive(client.get(secrets, { namespace: 'one', name: 'a' })))?.type, 'one');
    await cluster.drive(client.delete(secrets, { namespace: 'one', name: 'a' }));
    assert.deepEqual(await cluster.drive(client.list(secrets)), []);
  });

  test('by a transform, shows own writes in its form', async () => {
    const transform = (object: Frozen<ConfigMap>): Frozen<ConfigMap> => ({ ...withoutManagedFields(object), data: { only: 'this' } });
    const { cluster, manager } = await scene({ kinds: [cacheOf(configMaps, { transform })] });
    const { client } = manager;
    const key = { namespace: 'one', name: 'a' };
    await cluster.drive(client.create(configMaps, map('one', 'a', { data: { large: 'x' } }))); // before there is a cache
    assert.deepEqual((await cluster.drive(client.get(configMaps, key)))?.data, { only: 'this' });
    for (let i = 0; i < 8; i++) {
      await cluster.drive(client.patch(configMaps, key, 'merge', { data: { large: String(i) } }));
      assert.deepEqual((await cluster.drive(client.get(configMaps, key)))?.data, { only: 'this' });
      assert.deepEqual((await cluster.drive(client.direct.get(configMaps, key)))?.data, { large: String(i) });
    }
  });
});

describe('onlyMetadata()', () => {
  const metadata = onlyMetadata(secrets);

  test('a controller owns and reads objects by their metadata, which has their own kind', async () => {
    const { cluster, admin, manager, run } = await managed();
    const read: unknown[] = [];
    new ControllerBuilder(manager, configMaps, { predicates: [{ create: ({ metadata: { name } }) => name === 'owner' }] })
      .owns(metadata)
      .complete({
        async reconcile() {
          read.push(...(await manager.client.list(metadata, { namespace: 'default' })));
        },
      });
    await run();
    const owner = await cluster.drive(admin.coreV1.configMaps('default').create(map('default', 'owner')));
    await cluster.settle();
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid ?? '', controller: true };
    const owned = { name: 'owned', namespace: 'default', ownerReferences: [reference] };
    const { metadata: stored } = await cluster.drive(admin.coreV1.secrets('default').create({ metadata: owned, stringData: { a: 'b' } }));
    await cluster.settle();
    assert.deepEqual(read, [{ apiVersion: 'v1', kind: 'Secret', metadata: stored }]);
  });

  test('shows what was written by the whole, and the whole what was written by the metadata', async () => {
    const { cluster, manager } = await scene({});
    const { client } = manager;
    const key = { namespace: 'one', name: 'a' };
    await cluster.drive(client.list(metadata));
    await cluster.drive(client.list(secrets));
    await cluster.drive(client.create(secrets, { metadata: key, stringData: { a: 'b' } }));
    const got = await cluster.drive(client.require(metadata, key));
    assert.deepEqual(Object.keys(got), ['apiVersion', 'kind', 'metadata']);
    await cluster.drive(client.patch(metadata, key, 'merge', { metadata: { labels: { x: 'y' } } }));
    const whole = await cluster.drive(client.require(secrets, key));
    assert.deepEqual([whole.metadata.labels, whole.data], [{ x: 'y' }, { a: 'Yg==' }]);
    await cluster.drive(client.delete(metadata, key));
    assert.equal(await cluster.drive(client.get(secrets, key)), undefined);
    assert.equal(await cluster.drive(client.get(metadata, key)), undefined);
  });

  test('cannot create or update', async () => {
    const { cluster, manager } = await scene({});
    const object = { metadata: { namespace: 'one', name: 'a' } };
    const { client } = manager;
    await assert.rejects(
      cluster.drive(client.create(metadata, object)),
      new TypeError('Cannot create a Secret with only its metadata: patch it'),
    );
    await assert.rejects(
      cluster.drive(client.update(metadata, object)),
      new TypeError('Cannot update a Secret with only its metadata: patch it'),
    );
    await assert.rejects(cluster.drive(client.updateStatus(metadata, object)), TypeError);
  });
});
