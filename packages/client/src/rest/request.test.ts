import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze } from '@coracle/apimachinery';
import { SimRuntime } from '@coracle/simulator';
import { answered, scripted } from './fixtures/scripted-transport.ts';
import type { Request } from './request.ts';
import { RestClient } from './rest-client.ts';

const rest = new RestClient({ process: new SimRuntime({ seed: 1 }).process('test'), transport: scripted(answered(200)) });
const pathOf = (request: Request): string => request.build().path;

describe('Request', () => {
  test('puts namespace, resource, name, subresource and suffix in order, whatever the order of the calls', () => {
    assert.equal(
      pathOf(rest.get().suffix('z').subresource('status').name('b').resource('PODS').namespace('a').groupVersion('apps', 'v1')),
      '/apis/apps/v1/namespaces/a/pods/b/status/z',
    );
    assert.equal(pathOf(rest.get().groupVersion('', 'v1').resource('nodes')), '/api/v1/nodes');
    assert.equal(pathOf(rest.get().prefix('a', 'b/').prefix('/c').suffix('d/', 'e')), '/a/b/c/d/e');
  });

  test('absPath() joins segments, and keeps the slash at the end of a single one', () => {
    for (const [segments, want] of [
      [['/version'], '/version'],
      [['a', '/b/', 'c/'], '/a/b/c'],
      [['/foo/'], '/foo/'],
      [['/foo', 'bar/'], '/foo/bar'],
      [['/'], '/'],
      [['/p1//p2'], '/p1/p2'],
    ] as const)
      assert.equal(pathOf(rest.get().absPath(...segments)), want);
    assert.equal(pathOf(rest.get().namespace('gone').prefix('x').absPath('/y')), '/y/namespaces/gone');
  });

  test('requestUri() takes the path and parameters of a link', () => {
    const { path, query } = rest.get().param('old', '1').requestUri('/apis/x?limit=5&a=b%20c&a=d').build();
    assert.deepEqual(
      [path, query],
      [
        '/apis/x',
        [
          ['limit', '5'],
          ['a', 'b c'],
          ['a', 'd'],
        ],
      ],
    );
  });

  test('parameters add up, those that are not set are left out', () => {
    const { query } = rest
      .get()
      .param('a', '1')
      .params({ limit: 5, continue: '', labelSelector: undefined, watch: true })
      .param('a', '2')
      .build();
    assert.deepEqual(query, [
      ['a', '1'],
      ['limit', '5'],
      ['watch', 'true'],
      ['a', '2'],
    ]);
  });

  test('headers replace each other; several values are several lines', () => {
    const built = rest.get().header('Accept', 'a').header('accept', 'b').header('X-Many', '1', '2').plan().request;
    assert.deepEqual([built.headers, built.repeatedHeaders], [{ accept: 'b' }, { 'x-many': ['1', '2'] }]);
    assert.deepEqual(rest.get().header('a', '1', '2').header('a', '3').plan().request.headers, { a: '3' });
  });

  test('a time-out is told to the server in Go’s spelling', () => {
    const spelled = (ms: number): unknown => rest.get().timeout(ms).build().query;
    assert.deepEqual([1_000, 90_000, 3_600_000, 1_500, 20, 5_400_000].map(spelled), [
      [['timeout', '1s']],
      [['timeout', '1m30s']],
      [['timeout', '1h0m0s']],
      [['timeout', '1.5s']],
      [['timeout', '20ms']],
      [['timeout', '1h30m0s']],
    ]);
    assert.deepEqual(spelled(0), []);
  });

  test('bodies are frozen objects or bytes', () => {
    assert.deepEqual(
      rest
        .post()
        .body(deepFreeze({ a: 1 }))
        .build().body,
      { form: 'object', object: { a: 1 } },
    );
    const bytes = new Uint8Array([1]);
    assert.deepEqual(rest.post().body(bytes, 'text/x').build().body, { form: 'bytes', contentType: 'text/x', bytes });
  });

  const refused: readonly (readonly [string, (request: Request) => Request, RegExp])[] = [
    ['a second namespace', (request) => request.namespace('a').namespace('b'), /namespace already set to "a", cannot change to "b"/],
    ['a second resource', (request) => request.resource('a').resource('b'), /resource already set to "a", cannot change to "b"/],
    ['a second name', (request) => request.name('a').name('b'), /resource name already set to "a", cannot change to "b"/],
    [
      'a second subresource',
      (request) => request.subresource('a').subresource('b'),
      /subresource already set to "a", cannot change to "b"/,
    ],
    ['an empty name', (request) => request.name(''), /resource name may not be empty/],
    ['a name that climbs', (request) => request.name('..'), /invalid resource name "\.\.": may not be '\.\.'/],
    ['a name with a slash', (request) => request.name('a/b'), /invalid resource name "a\/b": may not contain '\/'/],
    ['a name with a percent', (request) => request.name('a%'), /may not contain '%'/],
    ['a namespace with a slash', (request) => request.namespace('a/b'), /invalid namespace "a\/b"/],
    ['a resource with a slash', (request) => request.resource('a/b'), /invalid resource "a\/b"/],
    ['a subresource that climbs', (request) => request.subresource('a/..'), /invalid subresource "\.\."/],
  ];
  for (const [name, change, want] of refused) {
    test(`refuses ${name}, at the end`, async () => {
      const request = change(rest.get());
      await assert.rejects(request.suffix('more').do(), (error) => error instanceof TypeError && want.test(error.message));
      assert.throws(() => request.build(), want);
    });
  }

  test('an empty namespace is for reading many only', () => {
    assert.throws(() => rest.post().namespace('').resource('pods').build(), /an empty namespace may not be set during creation/);
    for (const verb of ['GET', 'PUT', 'DELETE'] as const) {
      assert.throws(
        () => rest.verb(verb).namespace('').resource('pods').name('a').build(),
        /an empty namespace may not be set when a resource name is provided/,
      );
    }
    assert.equal(pathOf(rest.get().groupVersion('', 'v1').namespace('').resource('pods')), '/api/v1/pods');
    assert.equal(pathOf(rest.post().groupVersion('', 'v1').namespaceIfScoped('', false).resource('nodes')), '/api/v1/nodes');
  });
});
