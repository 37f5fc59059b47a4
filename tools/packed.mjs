// Uses one published package as it came out of its tarball, in whatever runtime this is: `packed.mjs NAME FOLDER CONTROL`. Prints what it
// saw; throws when it saw something else. Copied by pack.ts into a project that holds nothing but the package and what it depends on. FOLDER
// and CONTROL are those of packages/client/tools/packed-server.ts.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { request } from 'node:https';

const [name = '', folder = '', control = ''] = process.argv.slice(2);

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
    const { builtInTypes, decodeProtobuf, decodeStruct, encodeProtobuf, strategicMergePatch } = await import('@coracle/api');
    const type = 'core.v1.Pod';
    const written = { ...pod, spec: { containers: [{ name: 'a', imag: 'x', image: 'y' }], activeDeadlineSeconds: 2 ** 40 } };
    const { object, unknown } = decodeStruct(builtInTypes, type, written);
    assert.deepEqual(unknown, ['spec.containers[0].imag']);
    const patched = strategicMergePatch(builtInTypes, type, object, { spec: { containers: [{ name: 'b' }] } });
    assert.deepEqual(
      patched.spec.containers.map((each) => each.name),
      ['b', 'a'],
    );
    const { spec } = decodeProtobuf(builtInTypes, type, encodeProtobuf(builtInTypes, type, object));
    assert.equal(spec.activeDeadlineSeconds, 2 ** 40);
    return 'decoded, patched, and wrote and read protobuf';
  },
  async client() {
    return [await clientOverHttp1(), await clientOverHttp2(), await clientOverUpgrades()].join('; ');
  },
  'controller-runtime': managerAndWebhook,
};

async function clientOverHttp1() {
  const { Clientset, httpTransport, Queue, resources, SharedInformerFactory } = await import('@coracle/client');
  const { LiveRuntime } = await import('@coracle/kernel');
  return withServer(async (server) => {
    const component = new LiveRuntime().process('packed');
    const transport = httpTransport({ process: component, config: { server } });
    const queue = new Queue({ process: component, name: 'packed' });
    const factory = new SharedInformerFactory(new Clientset({ process: component, transport }));
    const informer = factory.forResource(resources.core.v1.pods);
    informer.addEventHandler({ onUpdate: (_old, object) => queue.add(object.metadata.resourceVersion) });
    factory.start();
    await factory.waitForCacheSync();
    const got = await queue.get();
    assert.deepEqual(got, { item: '7', shutdown: false });
    assert.ok(Object.isFrozen(informer.lister.namespace('n').get('a')));
    await factory.shutdown();
    await transport.close();
    await component.stop();
    return 'an informer over HTTP/1.1 told a queue of a change';
  });
}

/** What kubectl would use: the file names a program that gives a certificate, with which the connection is made. */
async function connected(currentContext = 'packed') {
  const { Clientset, DeferredLoadingClientConfig, httpTransport, liveHost, LoadingRules } = await import('@coracle/client');
  const { LiveRuntime } = await import('@coracle/kernel');
  const component = new LiveRuntime({ onFailure: ({ error }) => fail(error) }).process('packed');
  const rules = new LoadingRules({ host: liveHost(), explicitPath: `${folder}/kubeconfig.yaml` });
  /** @type {Set<string | undefined>} */
  const forms = new Set();
  const transport = httpTransport({
    process: component,
    config: new DeferredLoadingClientConfig({ rules, overrides: { currentContext } }).clientConfig(),
    wrap: (next) => ({
      async exchange(sent, options) {
        const answer = await next.exchange(sent, options);
        forms.add(answer.headers['content-type']);
        return answer;
      },
      upgrade: (sent, options) => next.upgrade(sent, options),
    }),
  });
  const clientset = new Clientset({ process: component, transport });
  const { metadata } = await clientset.coreV1.namespaces().create({ metadata: { generateName: 'packed-' } });
  return {
    component,
    clientset,
    namespace: metadata.name,
    /** Of the answers. */
    forms,
    async close() {
      await transport.close();
      await component.stop();
    },
  };
}

async function clientOverHttp2() {
  const { isConflict, isNotFound } = await import('@coracle/apimachinery');
  const { resources, SharedInformerFactory } = await import('@coracle/client');
  const { component, clientset, namespace, forms, close } = await connected();
  assert.match(component.metrics.text(), /^rest_client_exec_plugin_call_total\{code="0",call_status="no_error"\} 1$/m);
  const maps = clientset.coreV1.configMaps(namespace);
  const first = await maps.create({ metadata: { name: 'a' }, data: { at: '0' } });
  await maps.create({ metadata: { name: 'b' } });

  /** @type {string[]} */
  const told = [];
  const factory = new SharedInformerFactory(clientset, { namespace });
  const informer = factory.forResource(resources.core.v1.configMaps);
  informer.addEventHandler({
    onAdd: ({ metadata }) => told.push(`add ${metadata.name}`),
    onUpdate: (_old, { metadata, data }) => told.push(`${metadata.name} at ${data?.at}`),
    onDelete: () => told.push('delete'),
  });
  factory.start();
  await factory.waitForCacheSync();
  await Promise.all(Array.from({ length: 20 }, () => maps.get('a')));
  const { open, opened, tunnels } = JSON.parse(await fetched(control));
  assert.equal(open, 1, 'a watch and twenty requests at once share one connection, as of HTTP/2');

  assert.deepEqual(
    (await maps.list()).items.map((map) => map.data?.at),
    ['0', undefined],
  );
  const second = await maps.patch('a', 'merge', { data: { at: '1' } });
  await assert.rejects(maps.update({ ...first, data: { at: '2' } }), isConflict);
  await assert.rejects(maps.get('c'), isNotFound);
  await until(component, () => told.includes('a at 1'));
  await fetched(control, 'POST');
  await maps.get('b'); // a read is tried again
  await maps.update({ ...second, data: { at: '2' } });
  await maps.patch('a', 'strategic', { data: { at: '3' } });
  await maps.delete('b');
  await until(component, () => told.includes('delete'));
  assert.deepEqual(told, ['add a', 'add b', 'a at 1', 'a at 2', 'a at 3', 'delete']); // the watch went on: nothing is missed or told twice
  assert.ok(JSON.parse(await fetched(control)).opened > opened);
  for (const form of ['application/vnd.kubernetes.protobuf', 'application/vnd.kubernetes.protobuf;stream=watch'])
    assert.ok(forms.has(form), `${form} is not among ${[...forms].join()}`);
  await factory.shutdown();
  await close();

  await (await connected('proxied')).close();
  assert.ok(JSON.parse(await fetched(control)).tunnels > tunnels);
  return 'with a kubeconfig in YAML, a program for credentials, TLS, HTTP/2 and protobuf: reads, writes, and a watch that was cut and went on; the same through a proxy';
}

async function clientOverUpgrades() {
  const { exec, httpTransport, portForward } = await import('@coracle/client');
  const { LiveRuntime } = await import('@coracle/kernel');
  const component = new LiveRuntime().process('packed');
  const { programs, spdy } = JSON.parse(await fetched(control));
  const [transport, overSpdy] = [programs, spdy].map((server) =>
    httpTransport({ process: component, config: { server, certificateAuthorityFile: `${folder}/ca.crt` } }),
  );
  const target = { process: component, transport, namespace: 'n', pod: 'a' };
  const sent = new Uint8Array(300_000).map((_, i) => i);
  let length = 0;
  await exec(target, ['cat'], {
    stdin: (async function* () {
      for (let at = 0; at < sent.length; at += 50_000) yield sent.subarray(at, at + 50_000);
    })(),
    stdout(part) {
      for (const byte of part) assert.equal(byte, sent[length++]);
    },
  });
  assert.equal(length, sent.length);
  for (const each of [transport, overSpdy]) {
    const connection = await portForward({ ...target, transport: each }, 8080);
    await connection.write(sent.subarray(0, 1000));
    await connection.end();
    length = 0;
    for await (const part of connection.readable) length += part.length;
    assert.equal(length, 1000);
    await each.close();
  }
  await component.stop();
  return 'over WebSocket in TLS a program and a port gave back what they got, and over SPDY a port';
}

async function managerAndWebhook() {
  const { resources } = await import('@coracle/client');
  const { ControllerBuilder, createOrUpdate, Manager, setControllerReference, WebhookServer } = await import('@coracle/controller-runtime');
  const { component, clientset, namespace, close } = await connected();
  const { configMaps, secrets } = resources.core.v1;
  const anyPort = { host: '127.0.0.1', port: 0 };
  const manager = new Manager({
    process: component,
    clientset,
    name: 'packed',
    namespace,
    leaderElection: { id: 'packed', namespace, releaseOnCancel: true },
    probes: anyPort,
    metrics: { ...anyPort, secureServing: true }, // with a certificate that is made in memory
    pprof: anyPort,
  });
  new ControllerBuilder(manager, configMaps).owns(secrets).complete({
    async reconcile(key) {
      const map = await manager.client.get(configMaps, key);
      if (map === undefined) return;
      await createOrUpdate(manager.client, secrets, key, (current) =>
        setControllerReference(map, configMaps, { ...current, metadata: current?.metadata ?? key, stringData: map.data ?? {} }),
      );
    },
  });
  installCertificate('tls');
  const files = { certificateFile: 'webhook.crt', keyFile: 'webhook.key' };
  const server = new WebhookServer({ process: component, ...anyPort, ...files, certificateIntervalMs: 50 });
  const mutated = server.mutate(configMaps, (map) => ({ ...map, data: { size: '1', ...map.data } }));
  manager.add(server);
  manager.addReadyzCheck('webhook', server.startedCheck);
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  running.catch(fail);

  await clientset.coreV1.configMaps(namespace).create({ metadata: { name: 'a' }, data: { key: 'value' } });
  const made = () =>
    clientset.coreV1
      .secrets(namespace)
      .get('a')
      .catch(() => undefined);
  await until(component, async () => (await made())?.data?.key === 'dmFsdWU=');
  const uid = (await made())?.metadata.uid;
  await clientset.coreV1.secrets(namespace).delete('a');
  await until(component, async () => ![undefined, uid].includes((await made())?.metadata.uid));

  const [probes, metrics, pprof] = await Promise.all([manager.probesAddress, manager.metricsAddress, manager.pprofAddress]);
  assert.equal(await fetched(`http://127.0.0.1:${probes?.port}/healthz`), 'ok');
  assert.equal(await fetched(`http://127.0.0.1:${probes?.port}/readyz`), 'ok');
  const { text } = await asked({ port: metrics?.port, path: '/metrics', rejectUnauthorized: false });
  for (const line of [
    /^controller_runtime_reconcile_total\{controller="configmap",result="success"\} [1-9]/m,
    /^workqueue_work_duration_seconds_count\{name="configmap",controller="configmap"\} [1-9]/m,
    /^leader_election_master_status\{name="packed"\} 1$/m,
  ])
    assert.match(text, line);
  const { status } = await answerOf(`http://127.0.0.1:${pprof?.port}/debug/pprof/heap`);
  assert.equal(status, 'Bun' in globalThis ? 501 : 200); // Bun has no inspector that profiles
  const { port } = await server.address;
  const { review, serial } = await reviewed(port, mutated);
  assert.equal(review.response.allowed, true);
  assert.deepEqual(JSON.parse(atob(review.response.patch)), [{ op: 'add', path: '/data', value: { size: '1' } }]);
  installCertificate('next');
  await until(component, async () => (await reviewed(port, mutated)).serial !== serial);

  stop.abort();
  await running;
  const lease = await clientset.coordinationV1.leases(namespace).get('packed');
  assert.equal(lease.spec?.holderIdentity, '');
  await close();
  return `a manager led, reconciled, answered probes, metrics and a webhook over TLS whose certificate was exchanged, ${status === 200 ? 'made a profile, ' : ''}and gave its lease back`;
}

/** @param {string} from */
function installCertificate(from) {
  for (const part of ['crt', 'key']) copyFileSync(`${folder}/${from}.${part}`, `webhook.${part}`);
}

/**
 * Asks the webhook as an API server does, over TLS that is verified.
 * @param {number} port
 * @param {string} path
 */
async function reviewed(port, path) {
  const object = { metadata: { name: 'a' } };
  const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u', operation: 'CREATE', object } };
  const headers = { 'content-type': 'application/json' };
  const { text, serial } = await asked({ port, path, method: 'POST', headers, ca: readFileSync(`${folder}/ca.crt`) }, body);
  return { review: JSON.parse(text), serial };
}

/**
 * An answer over TLS, on a connection of its own, and the number of the certificate.
 * @param {import('node:https').RequestOptions} options
 * @param {unknown} [body]
 * @returns {Promise<{ text: string, serial: string }>}
 */
function asked(options, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', agent: false, ...options }, (answer) => {
      const socket = /** @type {import('node:tls').TLSSocket} */ (answer.socket);
      const serial = socket.getPeerCertificate().serialNumber;
      textOf(answer).then((text) => resolve({ text, serial }), reject);
    });
    sent.once('error', reject);
    sent.end(body === undefined ? '' : JSON.stringify(body));
  });
}

/** @param {string} url */
async function fetched(url, method = 'GET') {
  return (await answerOf(url, method)).text;
}

/**
 * @param {string} url
 * @returns {Promise<{ status: number, text: string }>}
 */
function answerOf(url, method = 'GET') {
  return new Promise((resolve, reject) => {
    get(url, { method, agent: false }, (answer) => {
      textOf(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
    }).once('error', reject);
  });
}

/** @param {import('node:http').IncomingMessage} answer */
async function textOf(answer) {
  let text = '';
  for await (const part of answer) text += part;
  return text;
}

/**
 * Waits on the clock of the packages themselves. Throws after half a minute.
 * @param {import('@coracle/kernel').Process} component
 * @param {() => boolean | Promise<boolean>} isTrue
 */
async function until(component, isTrue) {
  for (let i = 0; i < 300; i++) {
    if (await isTrue()) return;
    await component.clock.sleep(100);
  }
  throw new Error(`Waited in vain for ${isTrue}`);
}

/** @param {unknown} error */
function fail(error) {
  console.error(error);
  process.exit(1);
}

const use = uses[name];
if (use === undefined) throw new Error(`Nobody says how to use "${name}"`);
console.log(await use());
// What was closed keeps no process alive: this one ends by itself, with no timer or socket left.
setTimeout(() => fail(new Error('Something was left open')), 10_000).unref();
