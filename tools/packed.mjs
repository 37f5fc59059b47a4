// Uses one published package as it came out of its tarball, in whatever runtime this is: `packed.mjs NAME`. Prints what it saw; throws
// when it saw something else. Copied by pack.ts into a project that holds nothing but the package and what it depends on.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '5' },
  spec: { containers: [] },
};
const mark = { apiVersion: 'v1', kind: 'Pod', metadata: { resourceVersion: '6', annotations: { 'k8s.io/initial-events-end': 'true' } } };

/**
 * An API server that has one pod and tells of one change.
 * @param {(url: string) => Promise<string>} use
 */
async function withServer(use) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const changed = { ...pod, metadata: { ...pod.metadata, resourceVersion: '7' } };
    for (const [type, object] of [
      ['ADDED', pod],
      ['BOOKMARK', mark],
      ['MODIFIED', changed],
    ])
      response.write(`${JSON.stringify({ type, object })}\n`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  try {
    return await use(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** @type {Readonly<Record<string, () => Promise<string>>>} */
const uses = {
  async kernel() {
    const { LiveRuntime } = await import('@coracle/kernel');
    const process = new LiveRuntime().process('packed');
    await process.clock.sleep(5);
    process.metrics.counter({ name: 'slept_total', help: 'x' }).add(1);
    assert.match(process.metrics.text(), /slept_total 1/);
    await process.stop();
    return 'slept and counted';
  },
  async apimachinery() {
    const { parseLabelSelector, readYamlDocuments, writeYaml } = await import('@coracle/apimachinery');
    const [value] = readYamlDocuments('a: [1, yes, "no", 012]');
    assert.deepEqual(value, { a: [1, true, 'no', 10] });
    assert.deepEqual(readYamlDocuments(writeYaml(value)), [value]);
    assert.ok(parseLabelSelector('app in (a,b),!c').matches({ app: 'a' }));
    return 'read YAML and a selector';
  },
  async api() {
    const names = Object.keys(await import('@coracle/api'));
    assert.ok(names.length > 10);
    return `${names.length} exports`;
  },
  async client() {
    const { Clientset, httpTransport, Queue, resources, SharedInformerFactory } = await import('@coracle/client');
    const { LiveRuntime } = await import('@coracle/kernel');
    return withServer(async (server) => {
      const process = new LiveRuntime().process('packed');
      const transport = httpTransport({ process, config: { server } });
      const queue = new Queue({ process, name: 'packed' });
      const factory = new SharedInformerFactory(new Clientset({ process, transport }));
      const informer = factory.forResource(resources.core.v1.pods);
      informer.addEventHandler({ onUpdate: (_old, object) => queue.add(object.metadata.resourceVersion) });
      factory.start();
      await factory.waitForCacheSync();
      const got = await queue.get();
      assert.deepEqual(got, { item: '7', shutdown: false });
      assert.ok(Object.isFrozen(informer.lister.namespace('n').get('a')));
      await factory.shutdown();
      await transport.close();
      await process.stop();
      return 'an informer over HTTP told a queue of a change';
    });
  },
  async 'controller-runtime'() {
    const names = Object.keys(await import('@coracle/controller-runtime'));
    assert.ok(names.length > 10);
    return `${names.length} exports`;
  },
};

const use = uses[process.argv[2] ?? ''];
if (use === undefined) throw new Error(`Nobody says how to use "${process.argv[2]}"`);
console.log(await use());
process.exit(0);
