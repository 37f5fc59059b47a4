import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { bootstrap } from '../bootstrap/bootstrap.ts';
import { createApiServer } from '../server/create-api-server.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';
import type { Attributes } from './authorizer.ts';
import { allows, RbacAuthorizer } from './rbac.ts';

const request = (
  user: string,
  verb: string,
  resource: string,
  more: Partial<Extract<Attributes, { resourceRequest: true }>> = {},
): Attributes => ({
  user: { name: user, groups: ['system:authenticated'] },
  verb,
  resourceRequest: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource,
  subresource: '',
  namespace: '',
  name: '',
  ...more,
});

for (const { rule, attributes, want } of [
  { rule: { verbs: ['get'], apiGroups: [''], resources: ['pods'] }, attributes: request('u', 'get', 'pods'), want: true },
  {
    rule: { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
    attributes: request('u', 'get', 'pods', { subresource: 'log' }),
    want: false,
  },
  {
    rule: { verbs: ['get'], apiGroups: [''], resources: ['*/log'] },
    attributes: request('u', 'get', 'pods', { subresource: 'log' }),
    want: true,
  },
  {
    rule: { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    attributes: request('u', 'delete', 'pods', { subresource: 'x' }),
    want: true,
  },
  {
    rule: { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] },
    attributes: request('u', 'get', 'pods', { name: 'b' }),
    want: false,
  },
  { rule: { verbs: ['get'], apiGroups: ['apps'], resources: ['pods'] }, attributes: request('u', 'get', 'pods'), want: false },
  {
    rule: { verbs: ['get'], nonResourceURLs: ['/healthz*'] },
    attributes: { user: { name: 'u', groups: [] }, verb: 'get', resourceRequest: false, path: '/healthz/x' } as const,
    want: true,
  },
]) {
  test(`allows() ${want ? 'covers' : 'does not cover'} ${attributes.verb} with ${JSON.stringify(rule)}`, () =>
    assert.equal(allows(rule, attributes), want));
}

test('RbacAuthorizer allows what bootstrap roles grant, and follows changes of bindings', async () => {
  const runtime = new SimRuntime({ seed: 1 });
  const storage = new EmbeddedStorage(new MemoryStore());
  const process = runtime.process('apiserver');
  const rbac = new RbacAuthorizer({ storage, process });
  const server = createApiServer({
    process,
    storage,
    authenticator: { authenticate: async () => undefined },
    authorizer: rbac,
  });
  await bootstrap(server);
  await rbac.start();
  assert.equal(
    rbac.authorize(request('system:kube-scheduler', 'create', 'pods', { subresource: 'binding', namespace: 'a' })).decision,
    'allow',
  );
  assert.equal(rbac.authorize(request('system:kube-scheduler', 'create', 'pods', { namespace: 'a' })).decision, 'noOpinion');
  assert.equal(rbac.authorize(request('mira', 'get', 'pods', { namespace: 'a' })).decision, 'noOpinion');
  const registry = server.resources.registry('rbac.authorization.k8s.io', 'v1', 'rolebindings');
  const context = server.contextFor({ name: 'admin', groups: ['system:masters'] }, 'a');
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'b' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'mira' }],
  };
  await registry?.create(context, binding);
  assert.equal(rbac.authorize(request('mira', 'get', 'pods', { namespace: 'a' })).decision, 'allow');
  assert.equal(rbac.authorize(request('mira', 'get', 'pods', { namespace: 'b' })).decision, 'noOpinion');
  await registry?.delete(context, 'b', {});
  assert.equal(rbac.authorize(request('mira', 'get', 'pods', { namespace: 'a' })).decision, 'noOpinion');
});
