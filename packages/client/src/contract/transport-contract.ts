import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ApiRequest, type ApiResponse, deepFreeze, type Method, readJson, type Transport, type WatchFrame, writeJson } from '@coracle/apimachinery';

/** A fresh server without objects of the suite's in namespace `default`, and one caller's way to it. */
export interface TransportFixture extends AsyncDisposable {
  readonly transport: Transport;
  /** Lets the server work until `work` settles; identity where time is real. */
  drive<T>(work: Promise<T>): Promise<T>;
}

export interface TransportImplementation {
  readonly name: string;
  open(): Promise<TransportFixture>;
}

/** What one request of the script was answered: comparable between transports and servers. */
export interface TransportRecord {
  readonly request: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

/**
 * The behaviour of every Transport. The same script of requests is sent over each implementation: statuses, content types,
 * bodies and the history that a watch shows must be what the first one gives. Needs ConfigMaps in `default`.
 */
export function transportContract(implementations: readonly TransportImplementation[]): void {
  describe('Transport contract', () => {
    test('all give equal answers and equal histories', async () => {
      const [first, ...others] = implementations;
      if (first === undefined) throw new RangeError('Cannot compare: no implementation was given');
      const expected = await runScript(first);
      for (const other of others) assert.deepEqual(await runScript(other), expected, `${other.name} against ${first.name}`);
    });

    for (const implementation of implementations) {
      test(`${implementation.name}: the script is answered as Kubernetes does`, async () => {
        const statuses = (await runScript(implementation)).map(({ request, status }) => `${request} -> ${status}`);
        assert.deepEqual(statuses, expectedStatuses);
      });

      test(`${implementation.name}: answers and events are deep-frozen where they are objects`, async () => {
        await using fixture = await implementation.open();
        const response = await fixture.drive(fixture.transport.exchange(request('POST', configMaps, configMap('frozen', '1'))));
        if ('body' in response && response.body.form === 'object') assertFrozen(response.body.object);
      });

      test(`${implementation.name}: a request whose signal is aborted rejects with the reason`, async () => {
        await using fixture = await implementation.open();
        const reason = new Error('enough');
        const work = fixture.transport.exchange(request('GET', configMaps), { signal: AbortSignal.abort(reason) });
        await assert.rejects(fixture.drive(work), (error) => error === reason);
      });

      test(`${implementation.name}: an aborted watch ends`, async () => {
        await using fixture = await implementation.open();
        const stop = new AbortController();
        const response = await fixture.drive(fixture.transport.exchange(request('GET', configMaps, undefined, [['watch', 'true']]), { signal: stop.signal }));
        assert.ok('events' in response);
        const iterator = response.events[Symbol.asyncIterator]();
        stop.abort();
        for (;;) if ((await fixture.drive(iterator.next())).done === true) break;
      });
    }
  });
}

const configMaps = '/api/v1/namespaces/default/configmaps';

const expectedStatuses: readonly string[] = [
  'POST a -> 201',
  'POST a again -> 409',
  'GET a -> 200',
  'PUT a with a version that is not the newest -> 409',
  'PATCH a, merge -> 200',
  'GET what is not there -> 404',
  'GET a path that nobody serves -> 404',
  'POST an invalid name -> 422',
  'POST no JSON -> 400',
  'PATCH of an unknown type -> 415',
  'POST b -> 201',
  'GET the first page -> 200',
  'DELETE a -> 200',
  'GET the watch -> 200',
];

async function runScript(implementation: TransportImplementation): Promise<readonly TransportRecord[]> {
  await using fixture = await implementation.open();
  const records: TransportRecord[] = [];
  const send = async (what: string, sent: ApiRequest): Promise<unknown> => {
    const response = await fixture.drive(fixture.transport.exchange(sent));
    const body = 'body' in response ? await decoded(response) : undefined;
    records.push({ request: `${sent.method} ${what}`, status: response.status, contentType: contentTypeOf(response), body: comparable(body) });
    return body;
  };
  const created = await send('a', request('POST', configMaps, configMap('a', '1')));
  const start = versionOf(created);
  await send('a again', request('POST', configMaps, configMap('a', '1')));
  await send('a', request('GET', `${configMaps}/a`));
  await send('a with a version that is not the newest', request('PUT', `${configMaps}/a`, configMap('a', '2', '1')));
  await send('a, merge', patch('application/merge-patch+json', `${configMaps}/a`, { data: { key: '3', ['__proto__x']: 'kept' } }));
  await send('what is not there', request('GET', `${configMaps}/none`));
  await send('a path that nobody serves', request('GET', '/apis/none.example.com/v1/things'));
  await send('an invalid name', request('POST', configMaps, configMap('NOT VALID', '1')));
  const contentType = 'application/json';
  const noJson = { ...request('POST', configMaps), headers: { 'content-type': contentType, accept: contentType }, body: { form: 'bytes', contentType, bytes: new TextEncoder().encode('{"kind": ') } } as const;
  await send('no JSON', noJson);
  await send('of an unknown type', patch('application/x-unknown', `${configMaps}/a`, {}));
  await send('b', request('POST', configMaps, configMap('b', '1')));
  await send('the first page', request('GET', configMaps, undefined, [['limit', '500'], ['labelSelector', 'suite=transport']]));
  await send('a', request('DELETE', `${configMaps}/a`));
  records.push(await watchHistory(fixture, start));
  return records;
}

/** MODIFIED a, ADDED b, DELETED a: what happened since the first object was made. */
async function watchHistory({ transport, drive }: TransportFixture, start: string): Promise<TransportRecord> {
  const query = [['watch', 'true'], ['resourceVersion', start], ['labelSelector', 'suite=transport']] as const;
  const response = await drive(transport.exchange(request('GET', configMaps, undefined, query)));
  assert.ok('events' in response, 'a watch is answered with events');
  const frames: WatchFrame[] = [];
  const iterator = response.events[Symbol.asyncIterator]();
  while (frames.length < 3) {
    const next = await drive(iterator.next());
    assert.ok(next.done !== true, `the watch ended after ${frames.length} events`);
    frames.push(...next.value);
  }
  await drive(Promise.resolve(iterator.return?.()));
  return { request: 'GET the watch', status: response.status, contentType: contentTypeOf(response), body: comparable(JSON.parse(writeJson(frames))) };
}

function request(method: Method, path: string, object?: unknown, query: ApiRequest['query'] = []): ApiRequest {
  const headers = { accept: 'application/json', 'user-agent': 'transport-contract' };
  if (object === undefined) return { method, path, query, headers };
  return { method, path, query, headers: { ...headers, 'content-type': 'application/json' }, body: { form: 'object', object: deepFreeze(object) } };
}

function patch(contentType: string, path: string, object: unknown): ApiRequest {
  const made = request('PATCH', path, object);
  return { ...made, headers: { ...made.headers, 'content-type': contentType } };
}

function configMap(name: string, value: string, resourceVersion?: string): object {
  const metadata = { name, namespace: 'default', labels: { suite: 'transport' }, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: value } };
}

async function decoded(response: Extract<ApiResponse, { readonly body: unknown }>): Promise<unknown> {
  const { body } = response;
  if (body.form === 'object') return JSON.parse(writeJson(body.object));
  if (body.form === 'stream') throw new TypeError('The script asks for no stream');
  return contentTypeOf(response) === 'application/json' ? readJson(body.bytes).value : new TextDecoder().decode(body.bytes);
}

/** Without parameters: a charset says nothing about the object. */
function contentTypeOf(response: ApiResponse): string {
  const ofBody = 'body' in response && response.body.form !== 'object' ? response.body.contentType : undefined;
  return (response.headers['content-type'] ?? ofBody ?? 'application/json').split(';')[0] ?? '';
}

const changing: ReadonlySet<string> = new Set(['uid', 'creationTimestamp', 'deletionTimestamp', 'resourceVersion', 'time']);

/** Without what differs from server to server: uids, times, versions. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
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
