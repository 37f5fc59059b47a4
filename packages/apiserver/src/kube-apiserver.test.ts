import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiRequest, ApiResponse } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { mastersGroup } from './authentication/user.ts';
import { KubeApiServer, type KubeApiServerOptions } from './kube-apiserver.ts';
import { fixtureKeySource } from './pki/fixture-key-source.ts';
import { EmbeddedStorage } from './storage/embedded.ts';

const user = { name: 'admin', groups: [mastersGroup] };

function serverWith(options: Partial<KubeApiServerOptions> = {}): {
  readonly kubeApiServer: KubeApiServer;
  readonly runtime: SimRuntime;
  ask(method: ApiRequest['method'], path: string, object?: object): Promise<ApiResponse>;
} {
  const runtime = new SimRuntime({ seed: 1 });
  const kubeApiServer = new KubeApiServer({
    process: runtime.process('kube-apiserver'),
    storage: new EmbeddedStorage(new MemoryStore()),
    serviceAccountKey: fixtureKeySource.keyPair().privateKey,
    ...options,
  });
  const { signal } = new AbortController();
  return {
    kubeApiServer,
    runtime,
    ask: (method, path, object) =>
      runtime.drive(
        kubeApiServer.server.handle(
          { method, path, query: [], headers: {}, ...(object === undefined ? {} : { body: { form: 'object', object } }) },
          { user, form: 'object', signal },
        ),
      ),
  };
}

const pods = '/api/v1/namespaces/default/pods';
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'web' }] } };

describe('KubeApiServer', () => {
  test('is ready from its start to its stop', async () => {
    const { kubeApiServer, runtime, ask } = serverWith();
    assert.equal((await ask('GET', '/readyz')).status, 500);
    await runtime.drive(kubeApiServer.start());
    assert.equal((await ask('GET', '/readyz')).status, 200);
    kubeApiServer.stop();
    assert.equal((await ask('GET', '/readyz')).status, 500);
    assert.equal((await ask('GET', '/livez')).status, 200);
  });

  test('has the default admission, without what is disabled', async () => {
    const whole = serverWith();
    await whole.runtime.drive(whole.kubeApiServer.start());
    assert.equal((await whole.ask('POST', pods, pod)).status, 403, 'nobody has made the service account');
    const part = serverWith({ disabledAdmission: ['ServiceAccount'] });
    await part.runtime.drive(part.kubeApiServer.start());
    assert.equal((await part.ask('POST', pods, pod)).status, 201);
  });

  test('started again on the same store, writes nothing', async () => {
    const store = new MemoryStore();
    const first = serverWith({ storage: new EmbeddedStorage(store) });
    await first.runtime.drive(first.kubeApiServer.start());
    const { revision } = store;
    const second = serverWith({ storage: new EmbeddedStorage(store) });
    await second.runtime.drive(second.kubeApiServer.start());
    await second.runtime.settle();
    assert.equal(store.revision, revision);
  });

  // As kube-apiserver 1.37.2 answered the same requests.
  test('an update that adds something empty is one, where Go writes it', async () => {
    const { kubeApiServer, runtime, ask } = serverWith();
    await runtime.drive(kubeApiServer.start());
    const put = async (path: string, change: (object: Shown) => object): Promise<readonly [generation: number, isWritten: boolean]> => {
      const before = objectOf(await ask('GET', path));
      const { metadata } = objectOf(await ask('PUT', path, change(before)));
      return [metadata.generation, metadata.resourceVersion !== before.metadata.resourceVersion];
    };
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
    await ask('POST', budgets, { metadata: { name: 'b' }, spec: { minAvailable: 1 } });
    const withSelector = (one: Shown): object => ({
      ...one,
      metadata: { ...one.metadata, labels: {} },
      spec: { minAvailable: 1, selector: {} },
    });
    assert.deepEqual(await put(`${budgets}/b`, withSelector), [2, true]);
    assert.deepEqual(await put(`${budgets}/b`, withSelector), [2, false]);

    const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    await ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'foos.x.io' },
      spec: {
        group: 'x.io',
        scope: 'Namespaced',
        names: { plural: 'foos', kind: 'Foo' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    });
    await runtime.settle();
    const foos = '/apis/x.io/v1/namespaces/default/foos';
    await ask('POST', foos, { apiVersion: 'x.io/v1', kind: 'Foo', metadata: { name: 'a' }, spec: {} });
    assert.deepEqual(await put(`${foos}/a`, (foo) => ({ ...foo, spec: { m: {} } })), [2, true]);
    assert.deepEqual(await put(`${foos}/a`, (foo) => ({ ...foo, spec: { m: {} } })), [2, false]);
    assert.deepEqual(await put(`${foos}/a`, (foo) => ({ ...foo, spec: { m: {}, l: [] } })), [3, true]);
    assert.deepEqual(await put(`${foos}/a`, (foo) => ({ ...foo, metadata: { ...foo.metadata, labels: {} } })), [3, false]);
  });
});

interface Shown {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string };
}

function objectOf(answer: ApiResponse): Shown {
  assert.ok('body' in answer && answer.body.form === 'object', JSON.stringify(answer));
  return answer.body.object as Shown;
}
