import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiRequest } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { mastersGroup } from './authentication/user.ts';
import { KubeApiServer, type KubeApiServerOptions } from './kube-apiserver.ts';
import { fixtureKeySource } from './pki/fixture-key-source.ts';
import { EmbeddedStorage } from './storage/embedded.ts';

const user = { name: 'admin', groups: [mastersGroup] };
const paths = {
  service: '/api/v1/namespaces/default/services/kubernetes',
  endpoints: '/api/v1/namespaces/default/endpoints/kubernetes',
  slice: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
} as const;
const listens = { serverAddress: () => '127.0.0.1:6443', advertiseAddress: '192.0.2.2' };

class Scene {
  readonly runtime = new SimRuntime({ seed: 1 });
  readonly store: MemoryStore;
  readonly #kubeApiServer: KubeApiServer;

  private constructor(options: Partial<KubeApiServerOptions>, store: MemoryStore) {
    this.store = store;
    this.#kubeApiServer = new KubeApiServer({
      process: this.runtime.process('kube-apiserver'),
      storage: new EmbeddedStorage(store),
      serviceAccountKey: fixtureKeySource.keyPair().privateKey,
      ...options,
    });
  }

  static async start(options: Partial<KubeApiServerOptions>, store = new MemoryStore()): Promise<Scene> {
    const scene = new Scene(options, store);
    await scene.runtime.drive(scene.#kubeApiServer.start());
    return scene;
  }

  /** The code of the answer, and of its object what a client did not give: neither times, UIDs nor versions. */
  async ask(method: ApiRequest['method'], path: string, object?: object): Promise<readonly [code: number, object: unknown]> {
    const answer = await this.runtime.drive(
      this.#kubeApiServer.server.handle(
        {
          method,
          path,
          query: [],
          headers: method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {},
          ...(object === undefined ? {} : { body: { form: 'object', object } as const }),
        },
        { user, form: 'object', signal: new AbortController().signal },
      ),
    );
    assert.ok('body' in answer && answer.body.form === 'object');
    const { metadata, ...rest } = answer.body.object as { readonly metadata: { readonly name?: string; readonly labels?: object } };
    return [answer.status, { ...rest, labels: metadata.labels }];
  }
}

/** As a fresh kube-apiserver has them that listens on port 6443. */
const wanted = {
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    labels: { component: 'apiserver', provider: 'kubernetes' },
    spec: {
      clusterIP: '10.0.0.1',
      clusterIPs: ['10.0.0.1'],
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
    status: { loadBalancer: {} },
  },
  endpoints: {
    apiVersion: 'v1',
    kind: 'Endpoints',
    labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    subsets: [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }],
  },
  slice: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    labels: { 'kubernetes.io/service-name': 'kubernetes' },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.2'], conditions: { ready: true } }],
    ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
  },
} as const;

async function assertWanted(scene: Scene): Promise<void> {
  for (const one of ['service', 'endpoints', 'slice'] as const) assert.deepEqual(await scene.ask('GET', paths[one]), [200, wanted[one]]);
}

describe('the Service default/kubernetes', () => {
  test('is there from the start, and leads to the server', async () => {
    await assertWanted(await Scene.start(listens));
  });

  test('holds the first address of the range', async () => {
    const scene = await Scene.start(listens);
    const other = { metadata: { name: 'other' }, spec: { clusterIP: '10.0.0.1', ports: [{ port: 80 }] } };
    const [code, refusal] = await scene.ask('POST', '/api/v1/namespaces/default/services', other);
    assert.equal(code, 422);
    assert.match(JSON.stringify(refusal), /provided IP is already allocated/);
  });

  test('is written once: time and a second start change nothing', async () => {
    const scene = await Scene.start(listens);
    const { revision } = scene.store;
    await scene.runtime.advance(60_000);
    assert.equal(scene.store.revision, revision);
    await Scene.start(listens, scene.store);
    assert.equal(scene.store.revision, revision);
  });

  test('comes back within 10 s, and is put right when it was changed; what others added stays', async () => {
    const scene = await Scene.start(listens);
    for (const path of Object.values(paths)) assert.equal((await scene.ask('DELETE', path))[0], 200);
    await scene.runtime.advance(10_000);
    await assertWanted(scene);
    await scene.ask('PATCH', paths.service, { metadata: { labels: { mine: '1' } }, spec: { type: 'NodePort', ports: [{ port: 80 }] } });
    await scene.ask('PATCH', paths.endpoints, { subsets: null });
    await scene.ask('PATCH', paths.slice, { endpoints: [] });
    await scene.runtime.advance(10_000);
    const service = { ...wanted.service, labels: { ...wanted.service.labels, mine: '1' } };
    assert.deepEqual(await scene.ask('GET', paths.service), [200, service]);
    assert.deepEqual((await scene.ask('GET', paths.endpoints))[1], wanted.endpoints);
    assert.deepEqual((await scene.ask('GET', paths.slice))[1], wanted.slice);
  });

  test('follows the server to another port', async () => {
    const scene = await Scene.start(listens);
    const again = await Scene.start({ ...listens, serverAddress: () => '127.0.0.1:7443' }, scene.store);
    const [, service] = await again.ask('GET', paths.service);
    assert.deepEqual((service as typeof wanted.service).spec.ports, [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 7443 }]);
  });

  test('has no endpoints when no address is advertised', async () => {
    const scene = await Scene.start({ serverAddress: listens.serverAddress });
    assert.deepEqual(await scene.ask('GET', paths.service), [200, wanted.service]);
    assert.equal((await scene.ask('GET', paths.endpoints))[0], 404);
    assert.equal((await scene.ask('GET', paths.slice))[0], 404);
  });

  test('is not there while the server does not listen', async () => {
    const scene = await Scene.start({ ...listens, serverAddress: () => '' });
    await scene.runtime.advance(60_000);
    for (const path of Object.values(paths)) assert.equal((await scene.ask('GET', path))[0], 404);
  });

  test('that cannot be made is told, and the server serves', async () => {
    const scene = await Scene.start({});
    const thief = { metadata: { name: 'thief' }, spec: { clusterIP: '10.0.0.1', ports: [{ port: 80 }] } };
    assert.equal((await scene.ask('POST', '/api/v1/namespaces/default/services', thief))[0], 201);
    const again = await Scene.start(listens, scene.store);
    assert.equal((await again.ask('GET', paths.service))[0], 404);
    assert.equal((await again.ask('DELETE', '/api/v1/namespaces/default/services/thief'))[0], 200);
    await again.runtime.advance(10_000);
    await assertWanted(again);
  });
});
