import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type ApiRequest, type ApiResponse, deepFreeze, type Transport, TransportError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { RestClient } from '../rest/rest-client.ts';
import { DiscoveryClient } from './discovery-client.ts';
import { NoMatchError, RestMapper } from './rest-mapper.ts';

type Pages = Record<string, unknown>;

function clientOver(pages: Pages): { readonly client: DiscoveryClient; readonly asked: string[] } {
  const asked: string[] = [];
  const transport: Transport = {
    async exchange({ path }: ApiRequest): Promise<ApiResponse> {
      asked.push(path);
      const object = pages[path];
      const status = {
        kind: 'Status',
        metadata: {},
        code: 404,
        reason: 'NotFound',
        message: 'the server could not find the requested resource',
      };
      return { status: object === undefined ? 404 : 200, headers: {}, body: { form: 'object', object: deepFreeze(object ?? status) } };
    },
    async upgrade() {
      throw new TransportError('no', { executed: 'no' });
    },
  };
  return { client: new DiscoveryClient(new RestClient({ process: new SimRuntime().process('t'), transport })), asked };
}

const legacy: Pages = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': {
    kind: 'APIGroupList',
    groups: [
      { name: 'apps', versions: [{ version: 'v1beta1' }, { version: 'v1' }], preferredVersion: { version: 'v1' } },
      { name: 'gone', versions: [{ version: 'v1' }] },
    ],
  },
  '/api/v1': {
    resources: [
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get'], shortNames: ['po'], categories: ['all'] },
      { name: 'pods/status', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] },
    ],
  },
  '/apis/apps/v1': {
    resources: [
      { name: 'deployments', singularName: 'deployment', namespaced: true, kind: 'Deployment', verbs: ['get'], shortNames: ['deploy'] },
    ],
  },
  '/apis/apps/v1beta1': { resources: [{ name: 'deployments', singularName: '', namespaced: true, kind: 'Deployment', verbs: ['get'] }] },
};

describe('DiscoveryClient', () => {
  test('reads the old form group by group; a group that fails is named, not fatal', async () => {
    const { client } = clientOver(legacy);
    const found = await client.discover();
    assert.deepEqual(found.failedGroups, ['gone/v1']);
    assert.deepEqual(found.groups[1], { name: 'apps', versions: ['v1', 'v1beta1'] });
    assert.deepEqual(found.resources[0]?.subresources, ['status']);
  });

  test('a server without a core group is fine, one without /apis is not', async () => {
    const { client } = clientOver({ '/apis': { kind: 'APIGroupDiscoveryList', items: [] } });
    assert.deepEqual((await client.discover()).resources, []);
    await assert.rejects(clientOver({}).client.discover(), /could not find/);
  });

  const recorded = new URL('../../../../../shared/data/kubernetes-1.37/discovery.json', import.meta.url);
  test('reads what Kubernetes 1.37 answers, in two requests', {
    skip: existsSync(recorded) ? false : 'no ../shared/data beside the checkout',
  }, async () => {
    const pages = JSON.parse(readFileSync(recorded, 'utf8')) as { api: unknown; apis: unknown };
    const { client, asked } = clientOver({ '/api': pages.api, '/apis': pages.apis });
    const found = await client.discover();
    assert.deepEqual(asked, ['/api', '/apis']);
    assert.equal(found.resources.length, 72);
    const mapper = new RestMapper(client);
    assert.equal((await mapper.handleForName('hpa')).version, 'v2');
    assert.equal((await mapper.handleForName('events')).group, '');
    assert.equal((await mapper.handleForName('ev.events.k8s.io')).group, 'events.k8s.io');
  });
});

describe('RestMapper', () => {
  test('finds by plural, singular, short name, kind, group and version', async () => {
    const { client } = clientOver(legacy);
    const mapper = new RestMapper(client);
    for (const name of ['pods', 'pod', 'po', 'Pod']) assert.equal((await mapper.handleForName(name)).resource, 'pods');
    assert.equal((await mapper.handleForName('deploy')).version, 'v1');
    assert.equal((await mapper.handleForName('deployments.v1beta1.apps')).version, 'v1beta1');
    assert.equal((await mapper.handleForKind({ group: 'apps', kind: 'Deployment' })).version, 'v1');
  });

  test('asks the server once more for what it does not know, then says so', async () => {
    const pages = { ...legacy };
    const mapper = new RestMapper(clientOver(pages).client);
    await mapper.handleForName('pods');
    await assert.rejects(mapper.handleForName('foos'), NoMatchError);
    pages['/apis/gone/v1'] = { resources: [{ name: 'foos', singularName: 'foo', namespaced: true, kind: 'Foo', verbs: ['get'] }] };
    assert.equal((await mapper.handleForName('foo')).group, 'gone');
    await assert.rejects(
      mapper.handleForKind({ group: 'apps', version: 'v9', kind: 'Deployment' }),
      /no matches for kind "Deployment" in version "apps\/v9"/,
    );
  });
});
