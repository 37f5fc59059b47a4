import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isNotFound, JsonSyntaxError } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { TestApiServer } from '../contract/api-server.fixture.ts';
import { answered, scripted, type Step, textAnswer } from '../rest/fixtures/scripted-transport.ts';
import { RestClient } from '../rest/rest-client.ts';
import { GroupVersionNotFoundError, OpenApiClient } from './openapi-client.ts';

const plain = (value: unknown): Step => textAnswer(200, JSON.stringify(value), 'text/plain; charset=utf-8');
/** The real server calls it text/plain. */
const index = (hash: string): Step =>
  plain({
    paths: {
      version: { serverRelativeURL: '/openapi/v3/version?hash=0' },
      'api/v1': { serverRelativeURL: `/openapi/v3/api/v1?hash=${hash}` },
      apis: { serverRelativeURL: '/openapi/v3/apis?hash=0' },
      'apis/apps/v1': { serverRelativeURL: '/openapi/v3/apis/apps/v1?hash=A' },
    },
  });
const document = (title: string): Step => answered(200, { openapi: '3.0.0', info: { title } });
const busy = answered(500, { kind: 'Status', apiVersion: 'v1', code: 500, message: 'broken', reason: 'InternalError', status: 'Failure' });

function over(...steps: readonly Step[]) {
  const runtime = new SimRuntime({ seed: 1 });
  const transport = scripted(...steps);
  const client = new OpenApiClient(new RestClient({ process: runtime.process('test'), transport }));
  return {
    client,
    asked: () => transport.asked.map(({ path, query }) => `${path} ${query.map((pair) => pair.join('=')).join()}`.trim()),
    titleOf: async (of: string) => (await runtime.drive(client.document(of))).info.title,
    runtime,
  };
}

describe('OpenApiClient', () => {
  test('reads the versions that have a document, and documents with the hash that the server names', async () => {
    const { client, asked, titleOf, runtime } = over(index('1'), document('core'), document('apps'));
    assert.deepEqual(await runtime.drive(client.groupVersions()), ['v1', 'apps/v1']);
    assert.deepEqual([await titleOf('v1'), await titleOf('apps/v1')], ['core', 'apps']);
    assert.deepEqual(asked(), ['/openapi/v3', '/openapi/v3/api/v1 hash=1', '/openapi/v3/apis/apps/v1 hash=A']);
    await assert.rejects(runtime.drive(client.document('nobody/v1')), new GroupVersionNotFoundError('nobody/v1'));
    assert.equal(asked().length, 3);
  });
  test('keeps what it has read, and after invalidate() reads again only what has another hash', async () => {
    const { client, asked, titleOf, runtime } = over(index('1'), document('core'), document('apps'), index('2'), document('new core'));
    const both = await runtime.drive(Promise.all([client.document('v1'), client.document('v1')]));
    assert.equal(both[0], both[1]);
    assert.deepEqual([await titleOf('v1'), await titleOf('apps/v1')], ['core', 'apps']);
    assert.equal(asked().length, 3, 'each was asked for once');
    client.invalidate();
    assert.deepEqual([await titleOf('apps/v1'), await titleOf('v1')], ['apps', 'new core']);
    assert.deepEqual(asked().slice(3), ['/openapi/v3', '/openapi/v3/api/v1 hash=2']);
  });
  test('does not keep a failure', async () => {
    const { titleOf } = over(busy, index('1'), busy, document('core'));
    await assert.rejects(titleOf('v1'), /broken/);
    await assert.rejects(titleOf('v1'), /broken/);
    assert.equal(await titleOf('v1'), 'core');
  });
  test('a server without it says so, and what is none is refused', async () => {
    const { client, runtime } = over(answered(404, {}));
    await assert.rejects(runtime.drive(client.groupVersions()), isNotFound);
    for (const other of [plain('hello'), plain(null), plain({ kind: 'Pod' })]) {
      const { client: lost, runtime: its } = over(other);
      await assert.rejects(its.drive(lost.groupVersions()), /^TypeError: what "\/openapi\/v3" answers is no OpenAPI$/);
    }
    const { client: torn, runtime: its } = over(textAnswer(200, '{', 'text/plain'));
    await assert.rejects(its.drive(torn.groupVersions()), JsonSyntaxError);
  });
  test('reads what our server serves', async () => {
    const runtime = new SimRuntime({ seed: 1 });
    const server = new TestApiServer(runtime);
    await runtime.drive(server.start());
    const process = runtime.process('client');
    const client = new OpenApiClient(new RestClient({ process, transport: server.connect(process) }));
    assert.ok((await runtime.drive(client.groupVersions())).includes('apps/v1'));
    const { components, paths } = await runtime.drive(client.document('apps/v1'));
    assert.ok('io.k8s.api.apps.v1.Deployment' in components.schemas);
    assert.ok('/apis/apps/v1/namespaces/{namespace}/deployments/{name}' in paths);
  });
});
