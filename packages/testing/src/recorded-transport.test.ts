import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { ConfigMap } from '@coracle/api';
import {
  deepFreeze,
  isConflict,
  isForbidden,
  isNotFound,
  isTooManyRequests,
  newConflict,
  newForbidden,
  newTooManyRequests,
  TransportError,
  type WatchFrame,
} from '@coracle/apimachinery';
import { Clientset, defaultRetry, DynamicClient, resources, retryOnConflict, SharedInformerFactory } from '@coracle/client';
import type { Component } from '@coracle/cluster';
import type { Process } from '@coracle/kernel';
import { type Action, actionOf } from './action.ts';
import { recordedComponent } from './recorded-component.ts';
import { type Forward, RecordedTransport } from './recorded-transport.ts';
import { TestCluster } from './test-cluster.ts';

const configMaps = { group: '', version: 'v1', resource: 'configmaps' };
const text = ({ verb, resource, namespace, name }: Action): string => [verb, resource, namespace, name].join(' ').trim();

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start({ nodes: 0 });
});

interface Scene {
  readonly process: Process;
  readonly transport: RecordedTransport;
  readonly client: Clientset;
  readonly maps: ReturnType<Clientset['coreV1']['configMaps']>;
  drive<T>(work: Promise<T>): Promise<T>;
}

/** A client of the cluster's administrator, in a namespace of its own. */
async function scene(namespace: string): Promise<Scene> {
  const { admin } = cluster.simulated;
  await cluster.simulated.drive(admin.coreV1.namespaces().create({ metadata: { name: namespace } }));
  const { process } = admin;
  const transport = new RecordedTransport(admin.rest.transport);
  const client = new Clientset({ process, transport });
  return { process, transport, client, maps: client.coreV1.configMaps(namespace), drive: (work) => cluster.simulated.drive(work) };
}

describe('RecordedTransport', () => {
  test('keeps what every client asks for, in order', async () => {
    const { process, transport, client, maps, drive } = await scene('kept');
    await drive(maps.create({ metadata: { name: 'a' }, data: { x: '1' } }));
    await drive(maps.patch('a', 'merge', { data: { x: '2' } }));
    await drive(new DynamicClient({ process, transport }).resource(configMaps).namespace('kept').list({ labelSelector: 'a=b' }));
    await drive(maps.delete('a', { gracePeriodSeconds: 0 }));
    await drive(maps.deleteCollection());
    await drive(client.rest.get().absPath('/version').do());
    assert.deepEqual(transport.actions.map(text), [
      'create configmaps kept a',
      'patch configmaps kept a',
      'list configmaps kept',
      'delete configmaps kept a',
      'deletecollection configmaps kept',
      'get',
    ]);
    assert.deepEqual(
      transport.writes.map(({ verb }) => verb),
      ['create', 'patch', 'delete', 'deletecollection'],
    );
    const [create, patch, list, , , version] = transport.actions;
    assert.deepEqual((create?.object as ConfigMap | undefined)?.data, { x: '1' });
    assert.deepEqual(patch?.object, { data: { x: '2' } });
    assert.equal(list?.query.get('labelSelector'), 'a=b');
    assert.equal(version?.path, '/version');
    transport.clear();
    assert.deepEqual(transport.actions, []);
  });

  test('reads a path as the server does', () => {
    const of = (method: 'GET' | 'PUT' | 'POST', path: string, body?: string) =>
      actionOf({
        method,
        path,
        query: [],
        headers: {},
        ...(body === undefined ? {} : { body: { form: 'bytes', contentType: 'application/json', bytes: new TextEncoder().encode(body) } }),
      });
    assert.equal(text(of('PUT', '/apis/apps/v1/namespaces/a/deployments/b/scale')), 'update deployments/scale a b');
    assert.equal(text(of('POST', '/api/v1/namespaces', '{"metadata":{"name":"new"}}')), 'create namespaces  new');
    assert.equal(of('POST', '/api/v1/namespaces', 'no json').object, undefined);
    assert.equal(text(of('GET', '/healthz')), 'get');
  });

  test('refuses as a server would, once or always, and nothing but what was meant', async () => {
    const { transport, maps, drive } = await scene('refused');
    const always = transport.intercept({ verb: 'create', resource: 'configmaps', namespace: 'refused' }, ({ name }) => {
      throw newForbidden({ group: '', resource: 'configmaps' }, name, 'not today');
    });
    await assert.rejects(drive(maps.create({ metadata: { name: 'a' } })), (error) => isForbidden(error) && /not today/.test(String(error)));
    await assert.rejects(drive(maps.get('a')), isNotFound);
    always[Symbol.dispose]();
    await drive(maps.create({ metadata: { name: 'a' } }));
    transport.intercept({ verb: 'update', times: 2 }, () => {
      throw newConflict({ group: '', resource: 'configmaps' }, 'a', 'somebody was faster');
    });
    const read = await drive(maps.get('a'));
    await assert.rejects(drive(maps.update(read)), isConflict);
    await assert.rejects(drive(maps.update(read)), isConflict);
    await drive(maps.update(read));
  });

  test('shows what a client does about a busy server: each try is an action', async () => {
    const { process, transport, maps, drive } = await scene('busy');
    transport.intercept({ verb: 'get', times: 1 }, () => {
      throw newTooManyRequests('busy', 7);
    });
    const sinceMs = process.clock.monotonic();
    await assert.rejects(drive(maps.get('a')), (error) => isNotFound(error) && !isTooManyRequests(error));
    assert.equal(transport.actions.length, 2);
    assert.ok(process.clock.monotonic() - sinceMs >= 7_000);
  });

  test('answers in place of the server, and breaks the connection before or after it has worked', async () => {
    const { transport, maps, drive } = await scene('answered');
    transport.intercept({ verb: 'get', name: 'ghost' }, () => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ghost' } }));
    assert.equal((await drive(maps.get('ghost'))).metadata.name, 'ghost');
    const lost = new TransportError('lost', { executed: 'unknown' });
    const before = transport.intercept({ verb: 'create' }, () => {
      throw lost;
    });
    await assert.rejects(drive(maps.create({ metadata: { name: 'a' } })), /lost/);
    await assert.rejects(drive(maps.get('a')), isNotFound);
    before[Symbol.dispose]();
    transport.intercept({ verb: 'create', times: 1 }, async (_action, forward) => {
      await forward();
      throw lost;
    });
    await assert.rejects(drive(maps.create({ metadata: { name: 'a' } })), /lost/);
    assert.equal((await drive(maps.get('a'))).metadata.name, 'a');
  });

  test('changes what is sent and what is answered; interceptors follow each other', async () => {
    const { transport, maps, drive } = await scene('changed');
    const seen: unknown[] = [];
    transport.intercept({ verb: 'create' }, async (action, forward) => {
      const { metadata, ...rest } = action.object as ConfigMap;
      const answer = (await forward({ ...rest, metadata: { ...metadata, labels: { by: 'first' } } })) as ConfigMap;
      return { ...answer, data: { answered: 'yes' } };
    });
    transport.intercept({ verb: 'create' }, ({ object }) => {
      seen.push((object as ConfigMap).metadata.labels);
    });
    const answer = await drive(maps.create({ metadata: { name: 'a' } }));
    assert.deepEqual([answer.metadata.labels, answer.data], [{ by: 'first' }, { answered: 'yes' }]);
    assert.deepEqual(seen, [{ by: 'first' }]);
    assert.deepEqual((await drive(maps.get('a'))).data, undefined);
  });

  test('what was forwarded comes back as it was, refusals too, and goes out once', async () => {
    const { transport, maps, drive } = await scene('forwarded');
    let failure: unknown;
    transport.intercept({ resource: 'configmaps' }, async (_action, forward) => {
      try {
        return await forward();
      } catch (error) {
        failure = error;
        throw error;
      }
    });
    const created = await drive(maps.create({ metadata: { name: 'a' } }));
    assert.deepEqual(await drive(maps.get('a')), created);
    await assert.rejects(drive(maps.get('b')), (error) => isNotFound(error));
    assert.ok(isNotFound(failure));
    transport.intercept({ verb: 'delete' }, async (_action, forward: Forward) => {
      await forward();
      await forward();
    });
    await assert.rejects(drive(maps.delete('a')), /Cannot forward ".*" twice/);
  });

  test('changes the events of a watch: an informer sees what the test wants it to', async () => {
    const { process, transport, client, maps, drive } = await scene('watched');
    for (const name of ['seen', 'hidden']) await drive(maps.create({ metadata: { name } }));
    transport.intercept({ verb: 'watch', resource: 'configmaps' }, async (_action, forward) => {
      const events = (await forward()) as AsyncIterable<readonly WatchFrame[]>;
      return (async function* () {
        for await (const frames of events) yield frames.filter(({ object }) => (object as ConfigMap).metadata.name !== 'hidden');
      })();
    });
    const informers = new SharedInformerFactory(client, { namespace: 'watched' });
    const informer = informers.forResource(resources.core.v1.configMaps);
    const stop = new AbortController();
    informers.start(stop.signal);
    await drive(informers.waitForCacheSync());
    assert.equal(informer.indexer.getByKey('watched/hidden'), undefined);
    assert.ok(informer.indexer.getByKey('watched/seen') !== undefined);
    stop.abort(new Error('enough'));
    await drive(informers.shutdown());
    assert.ok(!process.signal.aborted);
  });

  test('keeps the last ten thousand actions, and reads what a transport of bytes answers', async () => {
    const answers = [
      { status: 200, contentType: 'application/json', text: '{"a":1}' },
      { status: 200, contentType: 'text/plain', text: 'ok' },
      { status: 502, contentType: 'text/html', text: 'bad gateway' },
    ];
    const transport = new RecordedTransport({
      host: 'proxy:1',
      async exchange({ path }) {
        const { status, contentType, text: body } = answers[Number(path.slice(1)) % answers.length] ?? assert.fail();
        return { status, headers: {}, body: { form: 'bytes', contentType, bytes: new TextEncoder().encode(body) } };
      },
      upgrade: () => assert.fail('nothing is upgraded'),
    });
    assert.equal(transport.host, 'proxy:1');
    const seen: unknown[] = [];
    transport.intercept({ times: 3 }, async (_action, forward) => {
      const answer = await forward().catch((error: unknown) => String(error));
      seen.push(answer);
      return answer;
    });
    for (let i = 0; i < 10_005; i++) await transport.exchange({ method: 'GET', path: `/${i}`, query: [], headers: {} });
    assert.deepEqual(seen.slice(0, 2), [{ a: 1 }, 'ok']);
    assert.match(String(seen[2]), /^StatusError: /);
    assert.equal(transport.actions.length, 10_000);
    assert.equal(transport.actions[0]?.path, '/5');
  });

  test('can refuse an upgrade, and not answer it', async () => {
    const { transport, drive } = await scene('upgraded');
    const request = { method: 'GET', path: '/api/v1/namespaces/a/pods/b/exec', query: [], headers: {} } as const;
    const refused = transport.intercept({ resource: 'pods/exec' }, () => {
      throw new TransportError('refused', { executed: 'no' });
    });
    await assert.rejects(drive(transport.upgrade(request)), /refused/);
    refused[Symbol.dispose]();
    transport.intercept({ resource: 'pods/exec', times: 1 }, () => deepFreeze({}));
    await assert.rejects(drive(transport.upgrade(request)), /Cannot answer ".*exec": it is an upgrade/);
    transport.intercept({ resource: 'pods/exec', times: 1 }, (_action, forward) => forward());
    await assert.rejects(drive(transport.upgrade(request)), /Cannot forward ".*exec": it is an upgrade/);
    assert.deepEqual(transport.actions.map(text), ['get pods/exec a b', 'get pods/exec a b', 'get pods/exec a b']);
  });
});

test('recordedComponent() stands between a component and the server, from its first request on', async () => {
  let transport: RecordedTransport | undefined;
  const writer: Component = {
    name: 'writer',
    user: { name: 'writer', groups: ['system:masters'] },
    async run({ clientset }) {
      const maps = clientset.coreV1.configMaps('default');
      const made = await maps.create({ metadata: { name: 'made' } });
      await retryOnConflict(clientset.process, defaultRetry, () => maps.update({ ...made, data: { written: 'yes' } }));
    },
  };
  cluster.simulated.cluster.run(
    recordedComponent(writer, (made) => {
      transport = made;
      made.intercept({ verb: 'update', times: 1 }, () => {
        throw newConflict({ group: '', resource: 'configmaps' }, 'made', 'somebody was faster');
      });
    }),
  );
  await cluster.settle();
  assert.deepEqual(transport?.writes.map(text), [
    'create configmaps default made',
    'update configmaps default made',
    'update configmaps default made',
  ]);
  assert.deepEqual((await cluster.get(resources.core.v1.configMaps, 'made')).data, { written: 'yes' });
});
