import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { resourceRows } from '@coracle/api';
import { startCluster } from '@coracle/cluster';
import { EtcdClient, http2Connector } from '@coracle/etcd';
import { type LogRecord, LiveRuntime } from '@coracle/kernel';
import { noRealEtcd, RealEtcd } from '@coracle/etcd/contract';
import { call, noRealApiServer, RealApiServer, type Reply } from './real-apiserver.ts';

type Call = (method: string, url: string, body?: unknown) => Promise<Reply>;

/** A control plane of ours on the etcd at `url`, without nodes. */
async function ours(
  directory: string,
  url: string,
): Promise<{ readonly call: Call; readonly log: readonly LogRecord[]; stop(): Promise<void> }> {
  const log: LogRecord[] = [];
  const started = await startCluster({
    directory,
    port: 0,
    name: 'test',
    nodes: 0,
    etcd: { servers: [url] },
    log: (record) => void log.push(record),
  });
  const pki = (name: string): Buffer => readFileSync(path.join(directory, 'pki', name));
  const to = { port: started.listener.port, ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key') };
  return { call: (...request) => call(to, ...request), log, stop: () => started.stop() };
}

/** Ends what a test has started, last first. */
function endings(t: TestContext): (end: () => Promise<void> | void) => void {
  const ends: (() => Promise<void> | void)[] = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return (end) => void ends.push(end);
}

function newDirectory(): string {
  return mkdtempSync(path.join(tmpdir(), 'coracle-etcd-'));
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: string): object => ({ metadata: { name }, data: { text: data } });

interface Listed {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[];
}

async function listed(of: Call, url: string): Promise<Listed> {
  const { status, body } = await of('GET', url);
  assert.equal(status, 200, `${url}: ${JSON.stringify(body).slice(0, 300)}`);
  return body as Listed; // of a list
}

test('startCluster() on etcd itself serves objects, is told when its history is compacted, and goes on after restarts of both', {
  skip: noRealEtcd,
  timeout: 120_000,
}, async (t) => {
  const atEnd = endings(t);
  const etcd = await RealEtcd.start();
  atEnd(() => etcd.stop());
  const directory = newDirectory();
  atEnd(() => rmSync(directory, { recursive: true }));
  const url = etcd.urls[0] ?? '';
  let server = await ours(directory, url);
  atEnd(() => server.stop());
  const created = await server.call('POST', configMaps, configMap('a', '1'));
  assert.equal(created.status, 201);
  const { resourceVersion } = (created.body as { readonly metadata: { readonly resourceVersion: string } }).metadata; // of an object
  assert.equal((await server.call('POST', configMaps, configMap('a', '1'))).status, 409);
  assert.equal((await server.call('PUT', `${configMaps}/a`, configMap('a', '2'))).status, 200);
  assert.equal((await server.call('POST', configMaps, configMap('b', '1'))).status, 201);
  assert.equal((await server.call('DELETE', `${configMaps}/b`)).status, 200);
  const watch = await server.call(
    'GET',
    `${configMaps}?watch=1&timeoutSeconds=1&resourceVersion=${resourceVersion}&fieldSelector=metadata.name!=kube-root-ca.crt`,
  );
  const events = String(watch.body)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly object: { readonly metadata: { readonly name: string } } });
  assert.deepEqual(
    events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ['MODIFIED a', 'ADDED b', 'DELETED b'],
  );

  const process = new LiveRuntime().process('compactor');
  const client = new EtcdClient({ process, connector: http2Connector(process), endpoints: [url] });
  await client.compact((await client.range({ key: '/registry/' })).revision);
  client.close();
  await process.stop();
  const late = await server.call('GET', `${configMaps}?watch=1&timeoutSeconds=1&resourceVersion=${resourceVersion}`);
  assert.match(JSON.stringify(late.body), /"code":410/);

  await etcd.kill(0);
  const away = await server.call('GET', `${configMaps}/a`);
  assert.equal(away.status, 503, JSON.stringify(away.body));
  etcd.restart(0);
  for (let i = 0; i < 200 && (await server.call('GET', `${configMaps}/a`)).status !== 200; i++) await sleep(50);
  assert.equal((await server.call('PUT', `${configMaps}/a`, configMap('a', '3'))).status, 200);
  assert.deepEqual(
    server.log.filter(({ message }) => message === 'Task failed'),
    [],
  );

  await server.stop();
  server = await ours(directory, url);
  const again = await server.call('GET', `${configMaps}/a`);
  assert.deepEqual((again.body as { readonly data: object }).data, { text: '3' }); // of a ConfigMap
});

test('what kube-apiserver has written is served alike by startCluster() on its etcd, and what that writes by kube-apiserver', {
  skip: noRealEtcd || noRealApiServer,
  timeout: 180_000,
}, async (t) => {
  const atEnd = endings(t);
  const etcd = await RealEtcd.start();
  atEnd(() => etcd.stop());
  const directory = newDirectory();
  atEnd(() => rmSync(directory, { recursive: true }));
  const url = etcd.urls[0] ?? '';
  const real = await RealApiServer.start(url);
  atEnd(() => real.stop());
  const realCall: Call = (...request) => real.call(...request);
  assert.equal((await real.call('POST', configMaps, configMap('from-theirs', '1'))).status, 201);
  const crd = {
    metadata: { name: 'boats.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'boats', singular: 'boat', kind: 'Boat', listKind: 'BoatList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { oars: { type: 'integer' } } } } },
          },
          additionalPrinterColumns: [{ name: 'Oars', type: 'integer', jsonPath: '.spec.oars' }],
        },
      ],
    },
  };
  assert.equal((await real.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)).status, 201);
  const boats = '/apis/example.com/v1/namespaces/default/boats';
  const boat = (name: string): object => ({ apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name }, spec: { oars: 2 } });
  for (let i = 0; i < 100 && (await real.call('POST', boats, boat('theirs'))).status !== 201; i++) await sleep(100);

  const server = await ours(directory, url);
  atEnd(() => server.stop());
  assert.equal((await server.call('POST', configMaps, configMap('from-ours', '1'))).status, 201);
  assert.equal((await server.call('PUT', `${configMaps}/from-theirs`, configMap('from-theirs', '2'))).status, 200);
  assert.equal((await real.call('PUT', `${configMaps}/from-ours`, configMap('from-ours', '2'))).status, 200);
  assert.equal((await server.call('POST', boats, boat('ours'))).status, 201);

  const kinds = resourceRows.filter(({ verbs }) => verbs.includes('list')).length;
  assert.ok(kinds > 40);
  let compared = 0;
  let objects = 0;
  const paths = new Set(['/apis/example.com/v1/boats', ...(await listPaths(realCall))]);
  for (const target of paths) {
    if ((await server.call('GET', `${target}?limit=1`)).status === 404) continue; // not served yet: docs/status.md
    const same = await alike(realCall, server.call, target);
    compared++;
    objects += same;
  }
  t.diagnostic(`${objects} objects in ${compared} lists`);
  assert.ok(compared > 50 && objects > 150);
});

/** Of every resource that kube-apiserver lists, in its preferred version. */
async function listPaths(of: Call): Promise<readonly string[]> {
  interface Resources {
    readonly resources: readonly { readonly name: string; readonly verbs: readonly string[] }[];
  }
  interface Groups {
    readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
  }
  const groups = ((await of('GET', '/apis')).body as Groups).groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`); // of discovery
  const paths: string[] = [];
  for (const group of ['/api/v1', ...groups]) {
    const { resources } = (await of('GET', group)).body as Resources; // as above
    for (const { name, verbs } of resources) if (!name.includes('/') && verbs.includes('list')) paths.push(`${group}/${name}`);
  }
  return paths;
}

/** Both write all the time, and one may still be starting with a custom resource: what differs is looked at again. Returns how many objects there are. */
async function alike(theirs: Call, own: Call, target: string): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      const [expected, actual] = [await listed(theirs, target), await listed(own, target)];
      assert.deepEqual(actual.items, expected.items, target);
      return expected.items.length;
    } catch (error) {
      if (i === 20) throw error;
      await sleep(200);
    }
  }
}
