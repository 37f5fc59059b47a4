import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ApiRequest,
  type ApiResponse,
  deepFreeze,
  isConflict,
  isResourceExpired,
  type Method,
  readJson,
  type Transport,
  type WatchFrame,
  writeJson,
} from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import { Clientset } from '../kubernetes/clientset.ts';
import { clientHistory } from './client-history.ts';

/** A fresh server whose namespace `default` holds no ConfigMaps and no Pods, and one caller's way to it. */
export interface TransportFixture extends AsyncDisposable {
  /** The caller's. */
  readonly process: Process;
  readonly transport: Transport;
  /** Lets the server work until `work` settles; identity where time is real. */
  drive<T>(work: Promise<T>): Promise<T>;
  /** Makes the server forget what happened up to now, as it does of itself after five minutes. */
  compact(): Promise<void>;
}

export interface TransportImplementation {
  readonly name: string;
  open(): Promise<TransportFixture>;
}

/** What one request of the script was answered: comparable between transports. */
export interface TransportRecord {
  readonly request: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/**
 * The behaviour of every Transport. One script of requests and one client with an informer run over each implementation, against
 * a server that starts from the same state: statuses, headers, bodies, frames of watches and the history that the informer tells
 * must be what the first one gives, resourceVersions included. Pods of a node `node-1` must have logs, which end only when the
 * reader does when they are followed.
 */
export function transportContract(implementations: readonly TransportImplementation[]): void {
  describe('Transport contract', () => {
    test('all give equal answers', async () => {
      const [first, ...others] = implementations;
      if (first === undefined || others.length === 0) throw new RangeError('Cannot compare: give two implementations or more');
      const expected = await runScript(first);
      for (const other of others) {
        const records = await runScript(other);
        for (const [i, record] of records.entries())
          assert.deepEqual(record, expected[i], `${other.name} against ${first.name}, ${record.request}`);
        assert.equal(records.length, expected.length);
      }
    });

    test('all let a client see the same history', async () => {
      const [first, ...others] = implementations;
      if (first === undefined || others.length === 0) throw new RangeError('Cannot compare: give two implementations or more');
      const expected = await historyOver(first);
      assert.ok(expected.length > 10, `only ${expected.length} lines`);
      for (const other of others) assert.deepEqual(await historyOver(other), expected, `${other.name} against ${first.name}`);
    });

    for (const implementation of implementations) testsOf(implementation);
  });
}

function testsOf(implementation: TransportImplementation): void {
  const { name } = implementation;

  test(`${name}: the script is answered as Kubernetes does`, async () => {
    const statuses = (await runScript(implementation)).map(({ request, status }) => `${request} -> ${status}`);
    assert.deepEqual(statuses, expectedStatuses);
  });

  test(`${name}: answers and events are deep-frozen where they are objects`, async () => {
    await using fixture = await implementation.open();
    const created = await fixture.drive(fixture.transport.exchange(request('POST', configMaps, configMap('frozen', '1'))));
    assert.ok('body' in created);
    if (created.body.form === 'object') assertFrozen(created.body.object);
    const [frame] = await framesOf(
      fixture,
      [
        ['watch', 'true'],
        ['resourceVersion', '0'],
      ],
      1,
    );
    assertFrozen(frame?.object);
  });

  test(`${name}: a request whose signal is aborted rejects with the reason, before it and while it runs`, async () => {
    await using fixture = await implementation.open();
    const reason = new Error('enough');
    const before = fixture.transport.exchange(request('GET', configMaps), { signal: AbortSignal.abort(reason) });
    await assert.rejects(fixture.drive(before), (error) => error === reason);
    const stop = new AbortController();
    const running = fixture.transport.exchange(request('GET', configMaps), { signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(fixture.drive(running), (error) => error === reason);
  });

  test(`${name}: a header that is sent several times arrives with each of its values`, async () => {
    await using fixture = await implementation.open();
    const review = request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
      metadata: {},
    });
    const headers = { ...review.headers, 'impersonate-user': 'jane' };
    const repeatedHeaders = { 'impersonate-group': ['one', 'two, three'], 'impersonate-extra-team': ['a, b', 'c'] };
    const response = await fixture.drive(fixture.transport.exchange({ ...review, headers, repeatedHeaders }));
    assert.equal(response.status, 201);
    assert.ok('body' in response);
    const { body } = response;
    const answer = body.form === 'object' ? body.object : readJson(body.form === 'bytes' ? body.bytes : '').value;
    assert.deepEqual((answer as { readonly status: unknown }).status, {
      userInfo: { username: 'jane', groups: ['one', 'two, three', 'system:authenticated'], extra: { team: ['a, b', 'c'] } },
    });
  });

  test(`${name}: a deletion tells what became of the object`, async () => {
    await using fixture = await implementation.open();
    const { coreV1 } = clientsetOf(fixture);
    const maps = coreV1.configMaps('default');
    const { metadata } = await fixture.drive(maps.create({ metadata: { name: 'a' } }));
    const gone = await fixture.drive(maps.delete('a'));
    assert.deepEqual([gone.status?.status, gone.status?.details], ['Success', { name: 'a', kind: 'configmaps', uid: metadata.uid }]);
    await fixture.drive(maps.create({ metadata: { name: 'b', finalizers: ['example.com/held'] } }));
    const held = await fixture.drive(maps.delete('b'));
    assert.deepEqual([held.object?.kind, held.object?.metadata.name], ['ConfigMap', 'b']);
    assert.ok(held.object?.metadata.deletionTimestamp !== undefined);
    const account = await fixture.drive(coreV1.serviceAccounts('default').create({ metadata: { name: 'a' } }));
    const last = await fixture.drive(coreV1.serviceAccounts('default').delete('a'));
    assert.equal(last.object?.metadata.uid, account.metadata.uid, 'of some kinds the object is told in any case');
    await fixture.drive(maps.create({ metadata: { name: 'c', labels: { app: 'x' } } }));
    const { items } = await fixture.drive(maps.deleteCollection(undefined, { labelSelector: 'app=x' }));
    assert.deepEqual(
      items.map((item) => [item.kind, item.metadata.name]),
      [['ConfigMap', 'c']],
    );
    assertFrozen(items[0]);
  });

  test(`${name}: an aborted watch ends`, async () => {
    await using fixture = await implementation.open();
    const stop = new AbortController();
    const response = await fixture.drive(
      fixture.transport.exchange(request('GET', configMaps, undefined, [['watch', 'true']]), { signal: stop.signal }),
    );
    assert.ok('events' in response);
    const iterator = response.events[Symbol.asyncIterator]();
    const next = iterator.next();
    stop.abort();
    assert.equal(await fixture.drive(endOf(iterator, next)), 'ended');
  });

  test(`${name}: a watch ends when its time is up`, async () => {
    await using fixture = await implementation.open();
    const query = [
      ['watch', 'true'],
      ['timeoutSeconds', '1'],
      ['resourceVersion', await versionNow(fixture)],
    ] as const;
    const response = await fixture.drive(fixture.transport.exchange(request('GET', configMaps, undefined, query)));
    assert.ok('events' in response);
    const iterator = response.events[Symbol.asyncIterator]();
    const { clock } = fixture.process;
    // Beside it a deadline of our own, as the server's timer is one that a simulation does not wait for.
    const ended = Promise.race([endOf(iterator, iterator.next()), clock.sleep(10_000).then(() => 'still open')]);
    assert.equal(await fixture.drive(ended), 'ended');
  });

  test(`${name}: a list and a watch from a version that the server has dropped are refused as expired`, async () => {
    await using fixture = await implementation.open();
    const clientset = clientsetOf(fixture);
    const maps = clientset.coreV1.configMaps('default');
    for (const key of ['a', 'b', 'c']) await fixture.drive(maps.create({ metadata: { name: key } }));
    const first = await fixture.drive(maps.list({ limit: 1 }));
    for (const key of ['d', 'e']) await fixture.drive(maps.create({ metadata: { name: key } }));
    await fixture.drive(fixture.compact());
    const [frame] = await framesOf(
      fixture,
      [
        ['watch', 'true'],
        ['resourceVersion', first.metadata.resourceVersion ?? ''],
      ],
      1,
    );
    assert.equal(frame?.type, 'ERROR');
    assert.deepEqual(comparable(frame.object), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `too old resource version: ${first.metadata.resourceVersion} (${Number(first.metadata.resourceVersion) + 2})`,
      reason: 'Expired',
      code: 410,
    });
    await assert.rejects(fixture.drive(maps.list({ limit: 1, continue: first.metadata.continue ?? '' })), isResourceExpired);
  });

  test(`${name}: of two writers of one version the second is told of the conflict, and nothing of his is kept`, async () => {
    await using fixture = await implementation.open();
    const maps = clientsetOf(fixture).coreV1.configMaps('default');
    const read = await fixture.drive(maps.create({ metadata: { name: 'shared' }, data: { by: 'nobody' } }));
    await fixture.drive(maps.update({ ...read, data: { by: 'first' } }));
    await assert.rejects(fixture.drive(maps.update({ ...read, data: { by: 'second' } })), isConflict);
    assert.deepEqual((await fixture.drive(maps.get('shared'))).data, { by: 'first' });
  });

  test(`${name}: logs come whole, and as they are written when they are followed`, async () => {
    await using fixture = await implementation.open();
    const pods = clientsetOf(fixture).coreV1.pods('default');
    await fixture.drive(
      pods.create({ metadata: { name: 'web' }, spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'nginx' }] } }),
    );
    const log = clientsetOf(fixture).rest.get().groupVersion('', 'v1').namespace('default').resource('pods').name('web').subresource('log');
    const line = 'first line of /containerLogs/default/web/main\n';
    assert.equal(await fixture.drive(log.do<string>()), `${line}last line\n`);
    const stop = new AbortController();
    const chunks = await fixture.drive(log.param('follow', 'true').stream(stop.signal));
    const iterator = chunks[Symbol.asyncIterator]();
    const { value } = await fixture.drive(iterator.next());
    assert.equal(new TextDecoder().decode(value ?? new Uint8Array()), line);
    const rest = iterator.next();
    stop.abort();
    assert.equal(await fixture.drive(endOf(iterator, rest)), 'ended');
  });

  test(`${name}: an upgrade is refused without having been executed`, async () => {
    await using fixture = await implementation.open();
    await assert.rejects(fixture.drive(fixture.transport.upgrade(request('GET', `${configMaps}/x`))), {
      name: 'TransportError',
      executed: 'no',
    });
  });
}

const configMaps = '/api/v1/namespaces/default/configmaps';

const expectedStatuses: readonly string[] = [
  'POST a -> 201',
  'POST a again -> 409',
  'GET a -> 200',
  'PUT a with a version that is not the newest -> 409',
  'PUT a under another name -> 400',
  'PATCH a, merge -> 200',
  'PATCH a, JSON -> 200',
  'PATCH a, strategic -> 200',
  'PATCH a, JSON, whose test fails -> 422',
  'PATCH what is not there -> 404',
  'GET what is not there -> 404',
  'GET a path that nobody serves -> 404',
  'GET a group that nobody serves -> 404',
  'PUT a collection -> 405',
  'POST an invalid name -> 422',
  'POST another kind -> 400',
  'POST no JSON -> 400',
  'POST with an unknown field, which is told -> 201',
  'POST with an unknown field, strictly -> 400',
  'POST without executing -> 201',
  'GET what was not executed -> 404',
  'PATCH of an unknown type -> 415',
  'POST b -> 201',
  'GET the first page -> 200',
  'GET with a selector that cannot be read -> 400',
  'GET a table -> 200',
  'GET metadata only -> 200',
  'GET a version that is not reached yet -> 504',
  'DELETE another uid -> 409',
  'DELETE a -> 200',
  'DELETE all of a label -> 200',
  'GET the version -> 200',
  'GET whether it lives -> 200',
  'GET the aggregated discovery -> 200',
  'GET the watch -> 200',
  'GET the streamed list -> 200',
];

async function runScript(implementation: TransportImplementation): Promise<readonly TransportRecord[]> {
  await using fixture = await implementation.open();
  const records: TransportRecord[] = [];
  const send = async (what: string, sent: ApiRequest): Promise<unknown> => {
    const response = await fixture.drive(fixture.transport.exchange(sent));
    assert.ok('body' in response, 'the answer is no watch');
    const body = await decoded(response);
    records.push({
      request: `${sent.method} ${what}`,
      status: response.status,
      headers: comparableHeaders(response),
      body: comparable(body),
    });
    return body;
  };
  const a = `${configMaps}/a`;
  const created = await send('a', request('POST', configMaps, configMap('a', '1')));
  const start = versionOf(created);
  await send('a again', request('POST', configMaps, configMap('a', '1')));
  await send('a', request('GET', a));
  await send('a with a version that is not the newest', request('PUT', a, configMap('a', '2', '1')));
  await send('a under another name', request('PUT', a, configMap('b', '2')));
  await send('a, merge', patch('application/merge-patch+json', a, { data: { key: '3', ['__proto__x']: 'kept' } }));
  await send('a, JSON', patch('application/json-patch+json', a, [{ op: 'add', path: '/data/other', value: 'é' }]));
  await send('a, strategic', patch('application/strategic-merge-patch+json', a, { metadata: { finalizers: [] }, data: { other: null } }));
  await send('a, JSON, whose test fails', patch('application/json-patch+json', a, [{ op: 'test', path: '/data/key', value: 'no' }]));
  await send('what is not there', patch('application/merge-patch+json', `${configMaps}/none`, {}));
  await send('what is not there', request('GET', `${configMaps}/none`));
  await send('a path that nobody serves', request('GET', '/apis/apps/v1/namespaces/default/things'));
  await send('a group that nobody serves', request('GET', '/apis/none.example.com/v1/things'));
  await send('a collection', request('PUT', configMaps, configMap('a', '1')));
  await send('an invalid name', request('POST', configMaps, configMap('NOT VALID', '1')));
  await send('another kind', request('POST', configMaps, { ...configMap('x', '1'), kind: 'Secret' }));
  const contentType = 'application/json';
  const noJson = {
    ...request('POST', configMaps),
    headers: { 'content-type': contentType, accept: contentType },
    body: { form: 'bytes', contentType, bytes: new TextEncoder().encode('{"kind": ') },
  } as const;
  await send('no JSON', noJson);
  await send('with an unknown field, which is told', request('POST', configMaps, { ...configMap('told', '1'), colour: 'red' }));
  await send(
    'with an unknown field, strictly',
    request('POST', configMaps, { ...configMap('strict', '1'), colour: 'red' }, [['fieldValidation', 'Strict']]),
  );
  await send('without executing', request('POST', configMaps, configMap('dry', '1'), [['dryRun', 'All']]));
  await send('what was not executed', request('GET', `${configMaps}/dry`));
  await send('of an unknown type', patch('application/x-unknown', a, {}));
  await send('b', request('POST', configMaps, configMap('b', '1')));
  await send(
    'the first page',
    request('GET', configMaps, undefined, [
      ['limit', '1'],
      ['labelSelector', 'suite=transport'],
    ]),
  );
  await send('with a selector that cannot be read', request('GET', configMaps, undefined, [['labelSelector', 'a in (']]));
  await send('a table', accepting('application/json;as=Table;v=v1;g=meta.k8s.io', request('GET', configMaps)));
  await send('metadata only', accepting('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', request('GET', a)));
  await send(
    'a version that is not reached yet',
    request('GET', configMaps, undefined, [
      ['resourceVersion', '1000000'],
      ['resourceVersionMatch', 'NotOlderThan'],
    ]),
  );
  await send('another uid', request('DELETE', a, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'another' } }));
  await send('a', request('DELETE', a));
  await send('all of a label', request('DELETE', configMaps, undefined, [['labelSelector', 'suite=transport']]));
  await send('the version', request('GET', '/version'));
  await send('whether it lives', request('GET', '/livez'));
  await send(
    'the aggregated discovery',
    accepting('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', request('GET', '/apis')),
  );
  records.push(
    await watched(
      fixture,
      'the watch',
      [
        ['watch', 'true'],
        ['resourceVersion', start],
        ['labelSelector', 'suite=transport'],
      ],
      8,
    ),
  );
  records.push(
    await watched(
      fixture,
      'the streamed list',
      [
        ['watch', 'true'],
        ['sendInitialEvents', 'true'],
        ['resourceVersionMatch', 'NotOlderThan'],
        ['allowWatchBookmarks', 'true'],
      ],
      1,
    ),
  );
  return records;
}

type Query = ApiRequest['query'];

async function watched(fixture: TransportFixture, what: string, query: Query, count: number): Promise<TransportRecord> {
  const response = await fixture.drive(fixture.transport.exchange(request('GET', configMaps, undefined, query)));
  const frames = await readFrames(fixture, response, count);
  return {
    request: `GET ${what}`,
    status: response.status,
    headers: comparableHeaders(response),
    body: comparable(JSON.parse(writeJson(frames))),
  };
}

/** The first `count` frames of a watch of the ConfigMaps, which is then left. */
async function framesOf(fixture: TransportFixture, query: Query, count: number): Promise<readonly WatchFrame[]> {
  return readFrames(fixture, await fixture.drive(fixture.transport.exchange(request('GET', configMaps, undefined, query))), count);
}

async function readFrames({ drive }: TransportFixture, response: ApiResponse, count: number): Promise<readonly WatchFrame[]> {
  assert.ok('events' in response, 'a watch is answered with events');
  const frames: WatchFrame[] = [];
  const iterator = response.events[Symbol.asyncIterator]();
  while (frames.length < count) {
    const next = await drive(iterator.next());
    assert.ok(next.done !== true, `the watch ended after ${frames.length} events`);
    frames.push(...next.value);
  }
  await drive(Promise.resolve(iterator.return?.()));
  return frames;
}

/** Reads on until the end; an iteration that an abort ends may also throw, as `next` of a cancelled stream does. */
async function endOf(iterator: AsyncIterator<unknown>, next: Promise<IteratorResult<unknown>>): Promise<'ended'> {
  try {
    for (let result = await next; result.done !== true; result = await iterator.next());
  } catch (error) {
    assert.equal((error as Error).name, 'AbortError'); // the reason of an abort without one
  }
  return 'ended';
}

async function historyOver(implementation: TransportImplementation): Promise<readonly string[]> {
  await using fixture = await implementation.open();
  return await fixture.drive(clientHistory(clientsetOf(fixture))); // awaited here: the fixture ends with this function
}

function clientsetOf({ process, transport }: TransportFixture): Clientset {
  return new Clientset({ process, transport });
}

async function versionNow(fixture: TransportFixture): Promise<string> {
  const { metadata } = await fixture.drive(clientsetOf(fixture).coreV1.configMaps('default').list());
  return metadata.resourceVersion ?? '';
}

function request(method: Method, path: string, object?: unknown, query: Query = []): ApiRequest {
  const headers = { accept: 'application/json', 'user-agent': 'transport-contract' };
  if (object === undefined) return { method, path, query, headers };
  return {
    method,
    path,
    query,
    headers: { ...headers, 'content-type': 'application/json' },
    body: { form: 'object', object: deepFreeze(object) },
  };
}

function patch(contentType: string, path: string, object: unknown): ApiRequest {
  const made = request('PATCH', path, object);
  return { ...made, headers: { ...made.headers, 'content-type': contentType } };
}

function accepting(accept: string, made: ApiRequest): ApiRequest {
  return { ...made, headers: { ...made.headers, accept } };
}

function configMap(name: string, value: string, resourceVersion?: string): object {
  const metadata = {
    name,
    namespace: 'default',
    labels: { suite: 'transport' },
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: value } };
}

async function decoded(response: Extract<ApiResponse, { readonly body: unknown }>): Promise<unknown> {
  const { body } = response;
  if (body.form === 'object') return JSON.parse(writeJson(body.object));
  if (body.form === 'stream') throw new TypeError('The script asks for no stream');
  const isJson = (response.headers['content-type'] ?? body.contentType).startsWith('application/json');
  return isJson ? readJson(body.bytes).value : new TextDecoder().decode(body.bytes);
}

/** Of one connection, not of the answer. */
const ofTheWire: ReadonlySet<string> = new Set(['content-length', 'date']);

function comparableHeaders(response: ApiResponse): Readonly<Record<string, string>> {
  const ofBody: Record<string, string> =
    'body' in response && response.body.form !== 'object' ? { 'content-type': response.body.contentType } : {};
  const headers = Object.entries({ ...ofBody, ...response.headers }).filter(([name]) => !ofTheWire.has(name));
  return Object.fromEntries(headers.map(([name, value]) => [name, name === 'audit-id' ? '<audit-id>' : value]));
}

const changing: ReadonlySet<string> = new Set(['uid', 'creationTimestamp', 'deletionTimestamp', 'time']);

/** Without what differs from run to run: uids and times. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'string' && /^\d+s$/.test(value)) return '<age>'; // of a table
  if (typeof value === 'string') return value.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, changing.has(key) ? `<${key}>` : comparable(member)]));
}

function versionOf(object: unknown): string {
  const metadata = typeof object === 'object' && object !== null && 'metadata' in object ? object.metadata : undefined;
  const version = typeof metadata === 'object' && metadata !== null && 'resourceVersion' in metadata ? metadata.resourceVersion : undefined;
  assert.ok(typeof version === 'string', 'the created object has a resourceVersion');
  return version;
}

function assertFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  assert.ok(Object.isFrozen(value), 'an object of the answer is not frozen');
  for (const member of Object.values(value)) assertFrozen(member);
}
