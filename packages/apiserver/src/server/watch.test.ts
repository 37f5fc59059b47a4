import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepFreeze, writeJsonBytes } from '@coracle/apimachinery';
import { adminToken, startWholeServer, type WholeServer } from '../recorded/whole-server.fixture.ts';
import { resourceVersionOffset } from '../storage/splice.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const headers = { authorization: `Bearer ${adminToken}`, accept: 'application/json' };

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata?: { readonly name?: string; readonly annotations?: object; readonly resourceVersion?: string };
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
  };
}

async function write(
  whole: WholeServer,
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  object?: object,
): Promise<{ status: number; body: { metadata: { resourceVersion: string } } }> {
  const body =
    object === undefined
      ? {}
      : { body: { form: 'bytes', contentType: 'application/json', bytes: Buffer.from(JSON.stringify(object)) } as const };
  const response = await whole.ask({ method, path, query: [], headers, ...body });
  assert.ok('body' in response && response.body.form === 'bytes');
  return { status: response.status, body: JSON.parse(Buffer.from(response.body.bytes).toString()) };
}

const map = (name: string, labels: object = {}): object => ({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, labels } });

/** Writes the bytes of an object again, as updates through the server would, but without the work of 10,000 requests. */
async function writeOften({ storage }: WholeServer, key: string, times: number): Promise<void> {
  let { stored } = await storage.get(key);
  assert.ok(stored !== undefined);
  const { resourceVersion: _rv, ...metadata } = stored.object.metadata;
  const object = deepFreeze({ ...stored.object, metadata });
  for (let i = 0; i < times; i++) {
    const bytes = writeJsonBytes(object);
    const written = await storage.commit({
      key,
      expect: stored.revision,
      value: { bytes, rvOffset: resourceVersionOffset(bytes), object },
    });
    assert.ok(written.succeeded);
    stored = written.stored;
  }
}

/** An open watch: what it has said so far, and whether it has ended. */
async function open(
  whole: WholeServer,
  search: string,
): Promise<{ readonly events: () => readonly Event[]; readonly ended: () => boolean; readonly status: number }> {
  const query = [...new URLSearchParams(`watch=true&${search}`)];
  const response = await whole.ask({ method: 'GET', path: maps, query, headers });
  assert.ok('body' in response);
  const { body } = response;
  let text = '';
  let isEnded = false;
  if (body.form === 'bytes') text = Buffer.from(body.bytes).toString();
  else if (body.form === 'stream') {
    const { chunks } = body;
    whole.server.process.spawn('reader of a watch', async () => {
      for await (const chunk of chunks) text += Buffer.from(chunk).toString();
      isEnded = true;
    });
  }
  await whole.runtime.advance(1);
  return {
    status: response.status,
    ended: () => isEnded,
    events: () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Event])),
  };
}

const told = (events: readonly Event[]): readonly string[] => events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`);

describe('watch', () => {
  test('sendInitialEvents tells what is there, then a bookmark that says so, then changes', async () => {
    const whole = await startWholeServer();
    await write(whole, 'POST', maps, map('a'));
    const watch = await open(whole, 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    await write(whole, 'POST', maps, map('b'));
    await whole.runtime.advance(1);
    assert.deepEqual(told(watch.events()), ['ADDED a', 'BOOKMARK ', 'ADDED b']);
    assert.deepEqual(watch.events()[1]?.object.metadata?.annotations, { 'k8s.io/initial-events-end': 'true' });
    whole.stop();
  });

  test('an object that enters or leaves the selection is ADDED or DELETED', async () => {
    const whole = await startWholeServer();
    const { body } = await write(whole, 'POST', maps, map('a'));
    const watch = await open(whole, `labelSelector=on&resourceVersion=${body.metadata.resourceVersion}`);
    await write(whole, 'PUT', `${maps}/a`, map('a', { on: 'y' }));
    await write(whole, 'PUT', `${maps}/a`, map('a', { on: 'z' }));
    await write(whole, 'PUT', `${maps}/a`, map('a'));
    await whole.runtime.advance(1);
    assert.deepEqual(told(watch.events()), ['ADDED a', 'MODIFIED a', 'DELETED a']);
    whole.stop();
  });

  test('from a revision that is compacted the only event is an error of 410', async () => {
    const whole = await startWholeServer();
    const { body } = await write(whole, 'POST', maps, map('a'));
    await write(whole, 'PUT', `${maps}/a`, map('a', { n: '1' }));
    await whole.runtime.drive(whole.store.compact(whole.store.revision));
    const watch = await open(whole, `resourceVersion=${Number(body.metadata.resourceVersion) - 1}`);
    const [event, ...rest] = watch.events();
    assert.deepEqual(
      [watch.status, event?.type, event?.object.code, event?.object.reason, rest.length, watch.ended()],
      [200, 'ERROR', 410, 'Expired', 0, true],
    );
    assert.match(event?.object.message ?? '', /^too old resource version: \d+ \(\d+\)$/);
    whole.stop();
  });

  test('timeoutSeconds ends it, and not before', async () => {
    const whole = await startWholeServer();
    const watch = await open(whole, 'timeoutSeconds=5');
    await whole.runtime.advance(4_900);
    assert.equal(watch.ended(), false);
    await whole.runtime.advance(200);
    assert.equal(watch.ended(), true);
    whole.stop();
  });

  test('an idle watcher that wants bookmarks learns within a minute how far it has seen', async () => {
    const whole = await startWholeServer();
    const watch = await open(whole, `resourceVersion=${whole.store.revision}&allowWatchBookmarks=true&fieldSelector=metadata.name=none`);
    await write(whole, 'POST', maps, map('other'));
    await whole.runtime.advance(61_000);
    assert.deepEqual(told(watch.events()), ['BOOKMARK ']);
    assert.equal(watch.events()[0]?.object.metadata?.resourceVersion, String(whole.store.revision));
    whole.stop();
  });

  test('a watcher that does not read is cut off instead of being kept waiting for', async () => {
    const whole = await startWholeServer();
    await write(whole, 'POST', maps, map('busy'));
    const response = await whole.ask({
      method: 'GET',
      path: maps,
      query: [
        ['watch', 'true'],
        ['resourceVersion', String(whole.store.revision)],
      ],
      headers,
    });
    assert.ok('body' in response && response.body.form === 'stream');
    await whole.runtime.drive(writeOften(whole, '/registry/configmaps/default/busy', 10_002));
    const chunks: Uint8Array[] = [];
    const { chunks: stream } = response.body;
    await whole.runtime.drive(
      (async () => {
        for await (const chunk of stream) chunks.push(chunk);
      })(),
    );
    assert.deepEqual(chunks, []); // it ended: a client lists anew
    whole.stop();
  });

  for (const { search, status, message } of [
    { search: 'sendInitialEvents=true', status: 422, message: /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/ },
    {
      search: 'resourceVersionMatch=Exact',
      status: 422,
      message: /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/,
    },
    { search: 'resourceVersion=x', status: 500, message: /strconv.ParseUint/ },
    { search: 'timeoutSeconds=soon', status: 400, message: /strconv.ParseInt/ },
    { search: 'fieldSelector=spec.no=1', status: 400, message: /is not a known field selector/ },
  ]) {
    test(`${search} is refused`, async () => {
      const whole = await startWholeServer();
      const watch = await open(whole, search);
      assert.equal(watch.status, status);
      assert.match(watch.events()[0]?.object === undefined ? JSON.stringify(watch.events()[0]) : '', message);
      whole.stop();
    });
  }
});
