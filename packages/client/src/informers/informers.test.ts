import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseLabelSelector, type Transport, type Unstructured } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../contract/api-server.fixture.ts';
import { DynamicClient } from '../dynamic/dynamic-client.ts';
import { Clientset } from '../kubernetes/clientset.ts';
import { resources } from '../kubernetes/resources.ts';
import { deletionKey } from '../tools/cache/keys.ts';
import { doesNotSupportWatchList } from '../tools/cache/list-watch.ts';
import { MetadataClient } from '../metadata/metadata-client.ts';
import { dynamicInformerFactory, metadataInformerFactory } from './dynamic-factory.ts';
import { type InformerFactoryOptions, SharedInformerFactory } from './factory.ts';

const configMaps = { group: '', version: 'v1', resource: 'configmaps' };

async function scene() {
  const logged: string[] = [];
  const runtime = new SimRuntime({ log: ({ level, message }) => (level === 'warn' ? logged.push(message) : undefined) });
  const server = new TestApiServer(runtime);
  const process = runtime.process('component');
  const transport = server.connect(process);
  const clientset = new Clientset({ process, transport });
  const client = new DynamicClient({ process, transport });
  for (const name of ['a', 'b']) await runtime.drive(clientset.coreV1.namespaces().create({ metadata: { name } }));
  const set = (namespace: string, name: string, labels: Record<string, string> = {}) =>
    runtime.drive(clientset.coreV1.configMaps(namespace).create({ metadata: { name, labels } }));
  return { runtime, process, transport, clientset, client, set, logged };
}

async function watched(options: InformerFactoryOptions) {
  const base = await scene();
  const factory = dynamicInformerFactory(base.process, base.client, options);
  const informer = factory.forResource(configMaps);
  const seen: string[] = [];
  informer.addEventHandler({
    onAdd: (object: Unstructured) => seen.push(`add ${object.metadata.namespace}/${object.metadata.name}`),
    onUpdate: (_old, object) => seen.push(`update ${object.metadata.namespace}/${object.metadata.name}`),
    onDelete: (deleted) => seen.push(`delete ${deletionKey<Unstructured>(deleted)}`),
  });
  factory.start();
  await base.runtime.drive(factory.waitForCacheSync());
  return { ...base, factory, informer, seen };
}

describe('ResourceInformerFactory', () => {
  test('tells of whole objects of any resource, as they are added, changed and deleted', async () => {
    const { runtime, clientset, informer, seen, set, factory } = await watched({});
    await set('a', 'one');
    await runtime.drive(clientset.coreV1.configMaps('a').patch('one', 'merge', { data: { x: 'y' } }));
    await runtime.settle();
    assert.deepEqual(informer.lister.namespace('a').get('one')?.['data'], { x: 'y' });
    await runtime.drive(clientset.coreV1.configMaps('a').delete('one'));
    await runtime.settle();
    assert.deepEqual(seen, ['add a/one', 'update a/one', 'delete a/one']);
    assert.equal(factory.forResource(configMaps), informer);
    assert.deepEqual([...factory.informers.keys()], ['configmaps.v1.']);
    assert.deepEqual([...factory.startedInformers], [['configmaps.v1.', true]]);
    await runtime.drive(factory.shutdown());
  });

  test('streams its list, and reads it in no other way', async () => {
    const { runtime, process, transport, clientset, set } = await scene();
    await set('a', 'one');
    const asked: string[] = [];
    const recorded: Transport = {
      exchange: (request, options) => {
        const query = new Map(request.query);
        asked.push(`${query.get('watch') ?? 'list'} ${query.get('sendInitialEvents') ?? ''}`);
        return transport.exchange(request, options);
      },
      upgrade: (request, options) => transport.upgrade(request, options),
    };
    const factory = dynamicInformerFactory(process, new DynamicClient({ process, transport: recorded }));
    const informer = factory.forResource(configMaps);
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    await runtime.drive(clientset.coreV1.configMaps('a').patch('one', 'merge', { data: { x: 'y' } }));
    await runtime.settle();
    assert.deepEqual(informer.lister.namespace('a').get('one')?.['data'], { x: 'y' });
    assert.deepEqual(asked, ['true true']);
    await runtime.drive(factory.shutdown());
  });

  test('reads one namespace, or what tweaked options select, and nothing else', async () => {
    const inNamespace = await watched({ namespace: 'a' });
    await inNamespace.set('b', 'other');
    await inNamespace.set('a', 'mine');
    await inNamespace.runtime.settle();
    assert.deepEqual(inNamespace.seen, ['add a/mine']);
    for (const tweak of [{ labelSelector: 'app=web' }, { fieldSelector: 'metadata.name=web' }]) {
      const selected = await watched({ tweakListOptions: (options) => ({ ...options, ...tweak }) });
      await selected.set('a', 'db', { app: 'db' });
      await selected.set('a', 'web', { app: 'web' });
      await selected.runtime.settle();
      assert.deepEqual(selected.seen, ['add a/web']);
    }
  });

  test('its listers read by namespace and selector', async () => {
    const { runtime, informer, set } = await watched({});
    for (const [namespace, name, app] of [
      ['a', 'one', 'web'],
      ['a', 'two', 'db'],
      ['b', 'one', 'web'],
    ] as const)
      await set(namespace, name, { app });
    await runtime.settle();
    assert.equal(informer.lister.list().length, 3);
    assert.equal(informer.lister.list(parseLabelSelector('app=web')).length, 2);
    assert.equal(informer.lister.namespace('a').list(parseLabelSelector('app=web')).length, 1);
    assert.equal(informer.lister.namespace('b').get('two'), undefined);
    assert.throws(() => informer.lister.namespace('b').require('two'), /configmaps "two" not found/);
    assert.equal(informer.lister.get('b/one')?.metadata.namespace, 'b');
  });

  test('over a metadata client it holds and tells of metadata only', async () => {
    const { runtime, process, clientset, transport } = await scene();
    await runtime.drive(
      clientset.coreV1.configMaps('a').create({ metadata: { name: 'one', labels: { app: 'web' } }, data: { large: 'x' } }),
    );
    const factory = metadataInformerFactory(process, new MetadataClient({ process, transport }));
    const informer = factory.forResource(configMaps);
    const seen: string[] = [];
    informer.addEventHandler({ onUpdate: (_old, object) => seen.push(Object.keys(object).sort().join(' ')) });
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    await runtime.drive(clientset.coreV1.configMaps('a').patch('one', 'merge', { data: { large: 'y' } }));
    await runtime.settle();
    const [object] = informer.indexer.list();
    assert.equal(object?.metadata.labels?.['app'], 'web');
    assert.ok(object !== undefined && !('data' in object));
    assert.deepEqual(seen, ['apiVersion kind metadata']);
  });

  test('clients can stream lists unless they say that they cannot', async () => {
    const { clientset, client } = await scene();
    assert.equal(doesNotSupportWatchList(clientset.coreV1.configMaps()), false);
    assert.equal(doesNotSupportWatchList(client.resource(configMaps)), false);
    assert.equal(doesNotSupportWatchList({ isWatchListSemanticsUnsupported: () => true }), true);
    assert.equal(doesNotSupportWatchList({ isWatchListSemanticsUnsupported: () => false }), false);
    assert.equal(doesNotSupportWatchList({}), false);
  });
});

describe('SharedInformerFactory', () => {
  test('makes one informer for a resource, starts each once and those that come later with the next start', async () => {
    const { runtime, clientset } = await scene();
    const factory = new SharedInformerFactory(clientset);
    const informer = factory.forResource(resources.core.v1.configMaps);
    assert.equal(factory.forResource(resources.core.v1.configMaps), informer);
    factory.start();
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    const secrets = factory.forResource(resources.core.v1.secrets);
    assert.deepEqual([...factory.informers.keys()], ['configmaps.v1.', 'secrets.v1.']);
    assert.equal(factory.startedInformers.get('secrets.v1.'), undefined);
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    assert.equal(secrets.hasSynced(), true);
    await runtime.drive(factory.shutdown());
    factory.forResource(resources.core.v1.pods);
    factory.start();
    assert.equal(factory.startedInformers.get('pods.v1.'), undefined);
  });

  test('names its informers by resource and group, and keeps a part of a resource beside the whole', async () => {
    const { runtime, clientset, set } = await scene();
    await set('a', 'one', { app: 'web' });
    await set('a', 'two', { app: 'db' });
    await set('b', 'three', { app: 'web' });
    const factory = new SharedInformerFactory(clientset);
    assert.equal(factory.forResource(resources.apps.v1.deployments).name, 'deployments.apps');
    const whole = factory.forResource(resources.core.v1.configMaps);
    assert.equal(whole.name, 'configmaps');
    const part = factory.forPart(resources.core.v1.configMaps, {
      name: 'web of a',
      namespace: 'a',
      tweakListOptions: (options) => ({ ...options, labelSelector: 'app=web' }),
      transform: ({ data: _data, ...rest }) => ({ ...rest, data: { made: 'part' } }),
    });
    const plain = factory.forPart(resources.core.v1.configMaps, { name: 'all of b', namespace: 'b' });
    assert.deepEqual(
      [...factory.informers.keys()],
      ['deployments.v1.apps', 'configmaps.v1.', 'configmaps.v1. web of a', 'configmaps.v1. all of b'],
    );
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    assert.deepEqual(whole.indexer.listKeys().length, 3);
    assert.deepEqual(
      part.indexer.list().map(({ metadata, data }) => [metadata.name, data]),
      [['one', { made: 'part' }]],
    );
    assert.deepEqual(
      plain.indexer.list().map(({ metadata, data }) => [metadata.name, data]),
      [['three', undefined]],
    );
    assert.throws(() => factory.forPart(resources.core.v1.configMaps, { name: '', namespace: 'a' }), RangeError);
    await runtime.drive(factory.shutdown());
  });

  test('ends with the block that it is used in', async () => {
    const { runtime, process, clientset, transport } = await scene();
    let ended: { readonly isStopped: boolean }[] = [];
    await runtime.drive(
      (async () => {
        await using factory = new SharedInformerFactory(clientset);
        await using metadata = metadataInformerFactory(process, new MetadataClient({ process, transport }));
        ended = [factory.forResource(resources.core.v1.configMaps), metadata.forResource(configMaps)];
        factory.start();
        metadata.start();
        await factory.waitForCacheSync();
      })(),
    );
    assert.deepEqual(
      ended.map(({ isStopped }) => isStopped),
      [true, true],
    );
  });

  test('warns of an informer that nobody started, instead of waiting or of saying nothing', async () => {
    const { runtime, clientset, logged } = await scene();
    const factory = new SharedInformerFactory(clientset);
    factory.forResource(resources.core.v1.configMaps);
    await runtime.drive(factory.waitForCacheSync());
    assert.deepEqual(logged, ['Informer was asked for but not started, not waiting for it']);
  });

  test('says which caches are there when the wait ends, and which are not', async () => {
    const { runtime, clientset } = await scene();
    const factory = new SharedInformerFactory(clientset);
    const stop = new AbortController();
    assert.deepEqual(await runtime.drive(factory.cacheSyncResult(stop.signal)), { synced: new Map(), error: undefined });
    factory.forResource(resources.core.v1.configMaps);
    factory.start();
    const good = await runtime.drive(factory.cacheSyncResult(stop.signal));
    assert.deepEqual([[...good.synced], good.error], [[['configmaps.v1.', true]], undefined]);
    factory.informerFor('never', () => {
      const broken = new SharedInformerFactory(clientset).forResource(resources.core.v1.secrets);
      broken.run = (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return broken;
    });
    factory.start();
    const waiting = factory.cacheSyncResult(stop.signal);
    await runtime.advance(10_000);
    stop.abort(new Error('waited long enough'));
    const bad = await runtime.drive(waiting);
    assert.deepEqual(
      [...bad.synced],
      [
        ['configmaps.v1.', true],
        ['never', false],
      ],
    );
    assert.match(bad.error?.message ?? '', /never/);
    assert.match(String(bad.error?.cause), /waited long enough/);
  });

  test('resyncs each resource in its own period, and transforms and limits as it is told', async () => {
    const { runtime, clientset, set } = await scene();
    await set('a', 'one');
    await set('b', 'two');
    const factory = new SharedInformerFactory(clientset, {
      namespace: 'a',
      resyncPeriodMs: 60_000,
      resyncPeriodsMs: new Map([['configmaps.v1.', 2_000]]),
      transform: (object) => ({ ...(object as { metadata: object }), data: { made: 'yes' } }),
    });
    let updates = 0;
    const informer = factory.forResource(resources.core.v1.configMaps);
    informer.addEventHandler({ onUpdate: () => void updates++ });
    factory.start();
    await runtime.drive(factory.waitForCacheSync());
    await runtime.advance(9_000);
    assert.equal(updates, 4);
    assert.deepEqual(
      informer.indexer.list().map(({ metadata, data }) => [metadata.name, data]),
      [['one', { made: 'yes' }]],
    );
  });
});
