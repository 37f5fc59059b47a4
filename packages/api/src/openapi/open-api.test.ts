import assert from 'node:assert/strict';
import test from 'node:test';
import { resourceRows } from '../generated/resources.ts';
import { TypeTable } from '../type-facts.ts';
import { openApiDocument, openApiIndex } from './open-api.ts';
import { discoveryPath, resourcePaths } from './resource-paths.ts';
import { schemaName } from './schema.ts';

const table = new TypeTable();
const apps = openApiDocument(resourceRows, table, 'apps', 'v1');

test('openApiIndex names each document with its hash', () => {
  const index = openApiIndex([
    { group: 'apps', version: 'v1', hash: 'B+' },
    { group: '', version: 'v1', hash: 'A' },
  ]);
  assert.deepEqual(index, {
    paths: {
      'api/v1': { serverRelativeURL: '/openapi/v3/api/v1?hash=A' },
      'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=B%2B' },
    },
  });
});

test('openApiDocument has what kubectl asks for before it applies', () => {
  const item = apps.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] as { patch: Record<string, unknown> };
  assert.deepEqual(item.patch['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
  const names = (item.patch['parameters'] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(names, ['dryRun', 'fieldManager', 'fieldValidation', 'force']);
});

test('openApiDocument describes fields as kubectl explain reads them', () => {
  const spec = apps.components.schemas['io.k8s.api.apps.v1.DeploymentSpec'] as { required: unknown; properties: Record<string, unknown> };
  assert.deepEqual(spec.required, ['selector', 'template']);
  assert.deepEqual(spec.properties['strategy'], {
    default: {},
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' }],
    'x-kubernetes-patch-strategy': 'retainKeys',
  });
  const pod = apps.components.schemas['io.k8s.api.core.v1.PodSpec'] as { properties: Record<string, unknown> };
  assert.deepEqual(pod.properties['volumes'], {
    type: 'array',
    items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Volume' },
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-patch-strategy': 'merge,retainKeys',
  });
});

test('every reference of every document has a schema, and every operation its own id', () => {
  for (const gv of new Set(resourceRows.map(({ group, version }) => `${group}/${version}`))) {
    const [group = '', version = ''] = gv.split('/');
    const document = openApiDocument(resourceRows, table, group, version);
    const text = JSON.stringify(document);
    const names = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`));
    for (const [, ref = ''] of text.matchAll(/"\$ref":"([^"]+)"/g)) assert.ok(names.has(ref), `${gv}: ${ref}`);
    const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, gv);
  }
});

test('openApiDocument of a version without rows has its discovery path only', () => {
  const { paths, components } = openApiDocument(resourceRows, table, 'example.test', 'v1');
  assert.deepEqual(Object.keys(paths), ['/apis/example.test/v1/']);
  assert.ok(!('io.k8s.apimachinery.pkg.apis.meta.v1.Patch' in components.schemas));
});

test('openApiDocument refuses a row whose kind has no type', () => {
  const row = {
    ...resourceRows[0],
    group: 'example.test',
    version: 'v1',
    kind: 'Fish',
    verbs: ['get'],
    subresources: [],
  } as (typeof resourceRows)[0];
  assert.throws(() => openApiDocument([row], table, 'example.test', 'v1'), /no type of example\.test\/v1 Fish/);
});

test('resourcePaths and discoveryPath serve kinds that have no facts', () => {
  const row = {
    ...(resourceRows.find(({ resource }) => resource === 'configmaps') ?? assert.fail()),
    group: 'a.example.test',
    kind: 'Fish',
    resource: 'fish',
  };
  const schemas = {
    kind: (_group: string, _version: string, kind: string) => `test.${kind}`,
    options: () => [],
    returnsDeleted: () => false,
  };
  assert.ok(resourcePaths(row, schemas).some(([path]) => path === '/apis/a.example.test/v1/watch/namespaces/{namespace}/fish/{name}'));
  assert.equal(discoveryPath('a.example.test', 'v1')[0], '/apis/a.example.test/v1/');
});

test('schemaName reverses the package of a Go type', () => {
  assert.equal(schemaName('core.v1.Pod'), 'io.k8s.api.core.v1.Pod');
  assert.equal(schemaName('meta.v1.ObjectMeta'), 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  assert.equal(schemaName('apiregistration.v1.APIService'), 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService');
});
