import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { adminToken, startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';

const encoder = new TextEncoder();
const container = { name: 'a', image: 'a' };

/** As the real server answers: the namespace is looked for before anything else is said of what was sent. */
const refused: readonly { readonly what: string; readonly path: string; readonly body: object }[] = [
  { what: 'a pod without its account', path: 'pods', body: { metadata: { name: 'p' }, spec: { containers: [container] } } },
  { what: 'an invalid pod', path: 'pods', body: { metadata: { name: 'p' }, spec: { containers: [] } } },
  {
    what: 'a pod of an unknown priority class',
    path: 'pods',
    body: { metadata: { name: 'p' }, spec: { priorityClassName: 'unknown', containers: [container] } },
  },
  { what: 'an object with an invalid name', path: 'configmaps', body: { metadata: { name: 'P_' } } },
  { what: 'an object without a name', path: 'configmaps', body: { metadata: {} } },
  {
    what: 'a binding to an unknown role',
    path: 'rolebindings',
    body: { metadata: { name: 'b' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'unknown' } },
  },
];

describe('NamespaceLifecycle', () => {
  let whole: WholeServer;
  before(async () => {
    whole = await startWholeServer();
  });

  const ask = async (
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<readonly [status: number, message: string]> => {
    const answer = await whole.ask({
      method,
      path,
      query: [],
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      ...(body === undefined
        ? {}
        : { body: { form: 'bytes', contentType: 'application/json', bytes: encoder.encode(JSON.stringify(body)) } as const }),
    });
    assert.ok('body' in answer && answer.body.form === 'bytes');
    const { message = '' } = JSON.parse(new TextDecoder().decode(answer.body.bytes)) as { readonly message?: string };
    return [answer.status, message];
  };

  for (const { what, path, body } of refused) {
    test(`refuses ${what} in a namespace that does not exist, for that reason`, async () => {
      const root = path === 'rolebindings' ? '/apis/rbac.authorization.k8s.io/v1' : '/api/v1';
      assert.deepEqual(await ask('POST', `${root}/namespaces/nope/${path}`, body), [404, 'namespaces "nope" not found']);
    });
  }

  test('refuses what is new in a namespace that goes, also before anything else is said of it', async () => {
    await ask('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
    await ask('DELETE', '/api/v1/namespaces/going');
    const [status, message] = await ask('POST', '/api/v1/namespaces/going/pods', { metadata: { name: 'p' }, spec: { containers: [] } });
    const why = 'unable to create new content in namespace going because it is being terminated';
    assert.deepEqual([status, message], [403, `pods "p" is forbidden: ${why}`]);
  });

  const below: readonly { readonly what: string; readonly of: string; readonly path: string; readonly body: object }[] = [
    { what: 'a binding of a pod', of: 'pods', path: 'pods/x/binding', body: { metadata: { name: 'y' }, target: {} } },
    { what: 'a binding', of: 'bindings', path: 'bindings', body: { metadata: { name: 'x' }, target: { name: 'n' } } },
    { what: 'an eviction', of: 'pods', path: 'pods/x/eviction', body: {} },
    { what: 'a token', of: 'serviceaccounts', path: 'serviceaccounts/x/token', body: { spec: {} } },
  ];
  for (const { what, of, path, body } of below) {
    test(`refuses ${what} in a namespace that does not exist, and in one that goes`, async () => {
      assert.deepEqual(await ask('POST', `/api/v1/namespaces/nope/${path}`, body), [404, 'namespaces "nope" not found']);
      await ask('POST', '/api/v1/namespaces', { metadata: { name: 'held' }, spec: { finalizers: ['kubernetes'] } });
      await ask('DELETE', '/api/v1/namespaces/held');
      const why = 'unable to create new content in namespace held because it is being terminated';
      assert.deepEqual(await ask('POST', `/api/v1/namespaces/held/${path}`, body), [403, `${of} "x" is forbidden: ${why}`]);
    });
  }

  test('says of an update that the object is not there', async () => {
    const answer = await ask('PUT', '/api/v1/namespaces/nope/configmaps/x', { metadata: { name: 'x' } });
    assert.deepEqual(answer, [404, 'configmaps "x" not found']);
  });

  test('keeps the namespaces of the cluster', async () => {
    for (const name of ['default', 'kube-public', 'kube-system']) {
      const message = `namespaces "${name}" is forbidden: this namespace may not be deleted`;
      assert.deepEqual(await ask('DELETE', `/api/v1/namespaces/${name}`), [403, message]);
    }
  });

  test('stores nothing for a question about permissions, whose namespace may be any', async () => {
    const spec = { user: 'x', resourceAttributes: { namespace: 'nope', verb: 'get', resource: 'pods' } };
    const path = '/apis/authorization.k8s.io/v1/namespaces/nope/localsubjectaccessreviews';
    assert.equal((await ask('POST', path, { apiVersion: 'authorization.k8s.io/v1', kind: 'LocalSubjectAccessReview', spec }))[0], 201);
  });
});
