import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiResponse, Frozen, KubeObject, WatchFrame } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { informerKey, SharedInformerFactory } from '../informers/factory.ts';
import { Clientset } from '../kubernetes/clientset.ts';
import { resources } from '../kubernetes/resources.ts';
import { answered, scripted, type Step } from '../rest/fixtures/scripted-transport.ts';
import { onlyMetadata, wholeObjects } from './only-metadata.ts';

const { secrets } = resources.core.v1;
const handle = onlyMetadata(secrets);
const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a', namespace: 'n' } };
const whole = { kind: 'Secret', apiVersion: 'v1', metadata: partial.metadata, data: { a: 'Yg==' } };
const wanted = { apiVersion: 'v1', kind: 'Secret', metadata: partial.metadata };

function over(...steps: readonly Step[]) {
  const runtime = new SimRuntime();
  const transport = scripted(...steps);
  const clientset = new Clientset({ process: runtime.process('c'), transport });
  return { runtime, transport, clientset, client: clientset.resource(handle, 'n') };
}

const acceptOne = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

describe('onlyMetadata()', () => {
  test('asks for metadata, and gives no more from a server that sends all', async () => {
    for (const answer of [partial, whole]) {
      const { runtime, transport, client } = over(answered(200, answer));
      assert.deepEqual(await runtime.drive(client.get('a')), wanted);
      assert.deepEqual(await runtime.drive(client.patch('a', 'merge', {})), wanted);
      assert.deepEqual(await runtime.drive(client.apply({ metadata: { name: 'a' } }, { fieldManager: 'm' })), wanted);
      assert.deepEqual(await runtime.drive(client.delete('a')), { object: wanted });
      assert.deepEqual(new Set(transport.asked.map(({ headers }) => headers['accept'])), new Set([acceptOne]));
    }
  });

  test('lists, and deletes a collection', async () => {
    const { runtime, transport, client } = over(answered(200, { metadata: { resourceVersion: '5' }, items: [partial, whole] }));
    const list = { metadata: { resourceVersion: '5' }, items: [wanted, wanted] };
    assert.deepEqual(await runtime.drive(client.list()), list);
    assert.deepEqual(await runtime.drive(client.deleteCollection()), list);
    assert.equal(transport.asked[0]?.headers['accept'], acceptOne.replace('Metadata;', 'MetadataList;'));
  });

  test('watches; what is no object of the resource stays as it is', async () => {
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, code: 410 };
    const bookmark = {
      kind: 'PartialObjectMetadata',
      metadata: { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } },
    };
    const frames: readonly WatchFrame[] = [
      { type: 'ADDED', object: whole },
      { type: 'BOOKMARK', object: bookmark },
      { type: 'ERROR', object: status },
    ];
    const response: ApiResponse = {
      status: 200,
      headers: {},
      events: (async function* () {
        yield frames;
      })(),
    };
    const { runtime, client } = over(response);
    const seen: WatchFrame[] = [];
    await runtime.drive(
      (async () => {
        for await (const batch of await client.watch()) seen.push(...batch);
      })(),
    );
    assert.deepEqual(seen, [
      { type: 'ADDED', object: wanted },
      { type: 'BOOKMARK', object: { ...wanted, metadata: bookmark.metadata } },
      { type: 'ERROR', object: status },
    ]);
  });

  test('reads a subresource as it is', async () => {
    const { runtime, transport, client } = over(answered(200, whole));
    assert.deepEqual(await runtime.drive(client.subresource('a', 'scale').get()), whole);
    assert.equal(transport.asked[0]?.headers['accept']?.includes('PartialObjectMetadata') ?? false, false);
  });

  test('refuses to create and to update', async () => {
    const { runtime, transport, client } = over(answered(200, whole));
    const object = { metadata: { name: 'a' } } satisfies Frozen<KubeObject>;
    for (const write of ['create', 'update', 'updateStatus'] as const)
      await assert.rejects(
        runtime.drive(client[write](object)),
        /^TypeError: Cannot (create|update) a Secret with only its metadata: patch it$/,
      );
    assert.equal(transport.asked.length, 0);
  });

  test('has an informer of its own in a factory', () => {
    const { clientset } = over(answered(200, {}));
    const factory = new SharedInformerFactory(clientset);
    assert.notEqual(factory.forResource(handle), factory.forResource(secrets as never));
    assert.deepEqual([informerKey(handle), informerKey(wholeObjects(handle))], ['secrets.v1./metadata', 'secrets.v1.']);
  });
});

test('SharedInformerFactory.forPart() keeps one informer for each part, beside that of all', async () => {
  const { runtime, transport, clientset } = over(answered(200, { metadata: { resourceVersion: '5' }, items: [] }));
  const factory = new SharedInformerFactory(clientset);
  const part = { name: 'in n', namespace: 'n', tweakListOptions: (options: object) => ({ ...options, labelSelector: 'a=b' }) };
  assert.equal(factory.forPart(secrets, part), factory.forPart(secrets, part));
  assert.deepEqual([...factory.informers.keys()], ['secrets.v1. in n']);
  factory.start();
  await runtime.advance(10);
  assert.equal(transport.asked[0]?.path, '/api/v1/namespaces/n/secrets');
  assert.ok(transport.asked[0]?.query.some(([name, value]) => name === 'labelSelector' && value === 'a=b'));
  assert.throws(() => factory.forPart(secrets, { name: '', namespace: 'n' }), RangeError);
  await runtime.drive(factory.shutdown());
});
