import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adminToken, startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';

const headers = { authorization: `Bearer ${adminToken}` };

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly requestBody?: { readonly content: object }; readonly 'x-kubernetes-group-version-kind'?: object }>>
    >
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly properties?: Readonly<Record<string, { readonly description?: string }>> }>>;
  };
}

const bowls = {
  kind: 'CustomResourceDefinition',
  apiVersion: 'apiextensions.k8s.io/v1',
  metadata: { name: 'bowls.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'bowls', singular: 'bowl', kind: 'Bowl' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', description: 'Wishes' } } } },
      },
    ],
  },
};

async function documentOf(whole: WholeServer, path: string): Promise<Document> {
  const response = await whole.ask({ method: 'GET', path, query: [], headers });
  assert.ok('body' in response && response.body.form === 'bytes');
  assert.equal(response.status, 200, path);
  return JSON.parse(Buffer.from(response.body.bytes).toString()) as Document;
}

test('a custom resource is in the index, and its document says how it is patched, what its fields mean and of which kind it is', async () => {
  const whole = await startWholeServer();
  const bytes = Buffer.from(JSON.stringify(bowls));
  await whole.ask({
    method: 'POST',
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    query: [],
    headers,
    body: { form: 'bytes', contentType: 'application/json', bytes },
  });
  await whole.runtime.settle();
  const { paths } = await documentOf(whole, '/openapi/v3');
  assert.match(JSON.stringify(paths['apis/example.com/v1']), /"\/openapi\/v3\/apis\/example.com\/v1\?hash=/);
  const document = await documentOf(whole, '/openapi/v3/apis/example.com/v1');
  const { patch } = document.paths['/apis/example.com/v1/namespaces/{namespace}/bowls/{name}'] ?? {};
  assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], { group: 'example.com', version: 'v1', kind: 'Bowl' });
  // kubectl chooses by this list: the kind has no strategic merge.
  assert.deepEqual(Object.keys(patch?.requestBody?.content ?? {}), [
    'application/apply-patch+yaml',
    'application/json-patch+json',
    'application/merge-patch+json',
  ]);
  assert.equal(document.components.schemas['com.example.v1.Bowl']?.properties?.['spec']?.description, 'Wishes');
  whole.stop();
});

test('a built-in resource offers strategic merge', async () => {
  const whole = await startWholeServer();
  const { paths } = await documentOf(whole, '/openapi/v3/apis/apps/v1');
  const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] ?? {};
  assert.ok('application/strategic-merge-patch+json' in (patch?.requestBody?.content ?? {}));
  whole.stop();
});
