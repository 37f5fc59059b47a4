/** What goes over a wire when objects are asked for in protobuf: with a real API server, and with servers that are older or newer. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { builtInTypes, encodeProtobuf, encodeProtobufList, encodeWatchEvent, type Pod } from '@coracle/api';
import * as codec from '@coracle/api/protobuf';
import { isResourceExpired, type KubeObject, TransportError, type Unstructured } from '@coracle/apimachinery';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { TestApiServer } from '../contract/api-server.fixture.ts';
import { SharedInformerFactory } from '../informers/factory.ts';
import { Clientset } from '../kubernetes/clientset.ts';
import { resourceHandle } from '../kubernetes/resource-handle.ts';
import { resources } from '../kubernetes/resources.ts';
import { withoutManagedFields } from '../tools/cache/strip.ts';
import { httpTransport } from './http-transport.ts';
import { ProtobufObjects } from './protobuf-objects.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const filler = 'x'.repeat(300);
const pod = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'a', namespace: 'default', resourceVersion: '5' },
  spec: { containers: [{ name: 'c', image: filler }] },
  status: { phase: 'Running' },
};
const encoded = encodeProtobuf(builtInTypes, 'core.v1.Pod', pod);
/** With a field that was not thought of when this version was made, in the container. */
const newer = Buffer.from(encoded);
newer.writeUInt8(0x7a, newer.indexOf(filler) - 3); // the tag of `image`: field 2 becomes field 15 of the same container
const podList = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '5' } };

function listOf(envelope: Uint8Array): Uint8Array {
  return encodeProtobufList(builtInTypes, 'core.v1.PodList', podList, [messageIn(envelope)]);
}

/** The message in an envelope of a pod: behind what names its kind, and its own length of two bytes. */
function messageIn(envelope: Uint8Array): Uint8Array {
  const typeMeta = 4 + 2 + (envelope[5] ?? 0);
  return envelope.subarray(typeMeta + 3, envelope.length - 4);
}

function framed(type: string, envelope: Uint8Array): Buffer {
  const event = encodeWatchEvent(type, envelope);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(event.length);
  return Buffer.concat([prefix, event]);
}

let process: Process;
beforeEach(() => {
  process = new LiveRuntime().process('test');
});
afterEach(async () => {
  await process.stop();
});

describe('a real API server', () => {
  test('lists and watches of built-in kinds come in protobuf and are what they are in JSON; what a user defined comes in JSON', async () => {
    const api = new TestApiServer(new LiveRuntime());
    await api.start();
    const listener = await api.listen();
    try {
      const inner = httpTransport({ process, config: listener.config });
      const types: string[] = [];
      const transport: typeof inner = {
        ...inner,
        exchange: async (request, options) => {
          const response = await inner.exchange(request, options);
          types.push(response.headers['content-type'] ?? '');
          return response;
        },
      };
      const clientset = new Clientset({ process, transport });
      const inJsonOnly = new Clientset({ process, transport: inner, prefersProtobuf: false });
      const { configMaps } = clientset.coreV1;
      await configMaps('default').create({
        metadata: { name: 'a', annotations: { a: 'é' } },
        data: { text: `é"\\${filler}` },
        binaryData: { bytes: 'AAECAw==' },
      });
      types.length = 0;
      const list = await configMaps('').list();
      assert.deepEqual(types, [protobuf]);
      assert.deepEqual(list, await inJsonOnly.coreV1.configMaps('').list());
      assert.deepEqual(await clientset.coreV1.namespaces().list(), await inJsonOnly.coreV1.namespaces().list());
      assert.deepEqual(await clientset.rbacV1.clusterRoles().list(), await inJsonOnly.rbacV1.clusterRoles().list());
      assert.deepEqual(await clientset.flowcontrolV1.flowSchemas().list(), await inJsonOnly.flowcontrolV1.flowSchemas().list());

      const stop = new AbortController();
      const options = { resourceVersion: list.metadata.resourceVersion ?? '' };
      types.length = 0;
      const inProtobuf = await configMaps('default').watch(options, { signal: stop.signal });
      assert.deepEqual(types, [`${protobuf};stream=watch`]);
      const inJson = await inJsonOnly.coreV1.configMaps('default').watch(options, { signal: stop.signal });
      await configMaps('default').patch('a', 'merge', { data: { text: `${filler}2` } });
      const first = async (events: typeof inJson): Promise<unknown> => (await events[Symbol.asyncIterator]().next()).value;
      assert.deepEqual(await first(inProtobuf), await first(inJson));
      stop.abort();

      // A refusal comes in protobuf too.
      await api.compact();
      await assert.rejects(configMaps('').list({ resourceVersion: '2', resourceVersionMatch: 'Exact' }), isResourceExpired);

      await clientset.apiextensionsV1.customResourceDefinitions().create({
        metadata: { name: 'things.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
        },
      });
      const things = resourceHandle<Unstructured>({
        group: 'example.com',
        version: 'v1',
        resource: 'things',
        kind: 'Thing',
        namespaced: true,
      });
      types.length = 0;
      const listed = await clientset.resource(things, 'default').list();
      assert.deepEqual([types, listed.items], [['application/json'], []]);
      await inner.close();
    } finally {
      await listener.close();
      await api.process.stop();
    }
  });

  test('an informer over a wire shares what an update did not change, and drops managedFields before they are read', async () => {
    const api = new TestApiServer(new LiveRuntime());
    await api.start();
    const listener = await api.listen();
    try {
      await using transport = httpTransport({ process, config: listener.config });
      const clientset = new Clientset({ process, transport });
      const factory = new SharedInformerFactory(clientset, { transform: withoutManagedFields });
      const informer = factory.forResource(resources.core.v1.pods);
      const updated = Promise.withResolvers<readonly [Pod, Pod]>();
      informer.addEventHandler({ onUpdate: (old, now) => updated.resolve([old as Pod, now as Pod]) });
      factory.start();
      await factory.waitForCacheSync();
      const pods = clientset.coreV1.pods('default');
      await pods.create({ metadata: { name: 'a' }, spec: { containers: [{ name: 'c', image: filler }] } });
      await pods.patch('a', 'merge', { status: { message: filler } }, { subresource: 'status' });
      const [old, now] = await updated.promise;
      assert.ok(!('managedFields' in now.metadata));
      assert.equal(now.status?.message, filler);
      assert.equal(now.spec, old.spec);
      await factory.shutdown();
    } finally {
      await listener.close();
      await api.process.stop();
    }
  });
});

test('objects do not keep the bytes of the list in which they came', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const read = (): { readonly bytes: WeakRef<object>; readonly item: Pod | undefined } => {
    const list = Buffer.from(Uint8Array.from(listOf(encoded)).buffer);
    const objects = new ProtobufObjects(codec, { group: '', version: 'v1', kind: 'Pod' }, {});
    const { items } = objects.read(list, 0, list.length) as { readonly items: readonly Pod[] };
    return { bytes: new WeakRef(list.buffer), item: items[0] };
  };
  const { bytes, item } = read();
  // A WeakRef is kept alive to the end of the job that made it.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.equal(bytes.deref(), undefined);
  assert.equal(item?.spec?.containers[0]?.image, filler);
});

describe('another server', () => {
  let server: Server;
  let accepts: (string | undefined)[];
  let answer: (response: ServerResponse, isAskedForProtobuf: boolean, request: IncomingMessage) => void;
  let clientset: Clientset;

  beforeEach(async () => {
    accepts = [];
    server = createServer((request, response) => {
      accepts.push(request.headers.accept);
      answer(response, request.headers.accept?.startsWith(protobuf) === true, request);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const transport = httpTransport({ process, config: { server: `http://127.0.0.1:${port}` } });
    clientset = new Clientset({ process, transport });
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const json = (response: ServerResponse, value: unknown): void => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const bytes = (response: ServerResponse, value: Uint8Array): void => {
    response.writeHead(200, { 'content-type': protobuf }).end(value);
  };

  test('that has no protobuf is understood', async () => {
    answer = (response) => json(response, { ...podList, items: [pod] });
    const { items } = await clientset.coreV1.pods('').list();
    assert.equal(items[0]?.spec.containers[0]?.image, filler);
    assert.deepEqual(accepts, [`${protobuf},application/json`]);
  });

  test('that knows more fields is asked for JSON, at once and from then on', async () => {
    const unknown = { ...pod, spec: { containers: [{ name: 'c', soon: filler }] } };
    answer = (response, isProtobuf) => (isProtobuf ? bytes(response, listOf(newer)) : json(response, { ...podList, items: [unknown] }));
    const { items } = await clientset.coreV1.pods('').list();
    assert.deepEqual(items[0]?.spec.containers[0], { name: 'c', soon: filler });
    await clientset.coreV1.pods('').list();
    assert.deepEqual(accepts, [`${protobuf},application/json`, 'application/json', 'application/json']);
    // Other kinds are another matter.
    answer = (response) => json(response, { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items: [] });
    await clientset.coreV1.nodes().list();
    assert.equal(accepts.at(-1), `${protobuf},application/json`);
  });

  test('whose watch brings more fields ends that watch before the event, and the next is in JSON', async () => {
    answer = (response, isProtobuf) => {
      response.writeHead(200, { 'content-type': isProtobuf ? `${protobuf};stream=watch` : 'application/json' });
      response.write(
        isProtobuf
          ? Buffer.concat([framed('ADDED', encoded), framed('MODIFIED', newer)])
          : `{"type":"ADDED","object":${JSON.stringify(pod)}}\n`,
      );
    };
    const watch = async (): Promise<AsyncIterator<readonly { readonly object: unknown }[]>> =>
      (await clientset.coreV1.pods('').watch())[Symbol.asyncIterator]();
    const events = await watch();
    await assert.rejects(events.next(), (error) => error instanceof TransportError && /has no field 15/.test(String(error.cause)));
    const again = await watch();
    const { value } = await again.next();
    assert.equal((value?.[0]?.object as KubeObject | undefined)?.metadata.name, 'a');
    await again.return?.();
    assert.deepEqual(accepts, [`${protobuf},application/json`, 'application/json']);
  });

  test('whose answer is damaged is a TransportError, and no reason to ask for JSON', async () => {
    answer = (response) => bytes(response, encoded.subarray(0, 40));
    await assert.rejects(clientset.coreV1.pods('').list(), TransportError);
    answer = (response) => bytes(response, listOf(encoded));
    const { items } = await clientset.coreV1.pods('').list();
    assert.equal(items[0]?.spec.containers[0]?.image, filler);
    assert.deepEqual(accepts, [`${protobuf},application/json`, `${protobuf},application/json`]);
  });
});
