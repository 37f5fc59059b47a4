import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isNotFound, type KubeObject, TransportError, type WatchFrame } from '@coracle/apimachinery';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { DynamicClient } from '../dynamic/dynamic-client.ts';
import { Clientset } from '../kubernetes/clientset.ts';
import type { ClosableTransport } from './http.ts';
import { httpTransport } from './http-transport.ts';

let server: Http2Server;
let process: Process;
let transport: ClosableTransport;
let clientset: Clientset;
let sessions: ServerHttp2Session[];
let answer: (stream: ServerHttp2Stream, path: string, body: string, headers: Record<string, unknown>) => void;

function json(stream: ServerHttp2Stream, status: number, value: unknown, headers: Record<string, string> = {}): void {
  stream.respond({ ':status': status, 'content-type': 'application/json', ...headers });
  stream.end(JSON.stringify(value));
}

beforeEach(async () => {
  sessions = [];
  server = createServer();
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined); // cuts are the point of some tests
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => answer(stream, String(headers[':path']), Buffer.concat(chunks).toString(), headers));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process = new LiveRuntime().process('test');
  transport = httpTransport({ process, config: { server: `http://127.0.0.1:${port}`, token: 'secret' }, protocol: 'HTTP/2' });
  clientset = new Clientset({ process, transport });
});

afterEach(async () => {
  await transport.close();
  await process.stop();
  for (const session of sessions) session.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

describe('httpTransport', () => {
  test('sends method, path, query, token and body, and decodes the answer frozen', async () => {
    let seen = '';
    answer = (stream, path, body, headers) => {
      seen = `${headers[':method']} ${path} ${headers['authorization']} ${headers['content-type']} ${body}`;
      json(stream, 201, JSON.parse(body));
    };
    const created = await clientset.coreV1.configMaps('a b').create({ metadata: { name: 'x' } }, { fieldManager: 'me' });
    assert.equal(
      seen,
      'POST /api/v1/namespaces/a%20b/configmaps?fieldManager=me Bearer secret application/json {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"}}',
    );
    assert.ok(Object.isFrozen(created) && Object.isFrozen(created.metadata));
    assert.match(transport.host ?? '', /^127\.0\.0\.1:\d+$/);
    assert.ok(process.metrics.text().includes(`rest_client_requests_total{code="201",method="POST",host="${transport.host}"} 1`));
  });

  test('a refusal is a StatusError, also when a proxy words it', async () => {
    answer = (stream) =>
      json(stream, 404, { kind: 'Status', metadata: {}, status: 'Failure', reason: 'NotFound', code: 404, message: 'pods "x" not found' });
    await assert.rejects(
      clientset.coreV1.pods('a').get('x'),
      (error: Error) => isNotFound(error) && error.message === 'pods "x" not found',
    );
    answer = (stream) => {
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end('<p>nothing</p>');
    };
    await assert.rejects(
      clientset.coreV1.pods('a').get('x'),
      (error: Error) => isNotFound(error) && error.message === 'the server could not find the requested resource (get pods x)',
    );
  });

  test('a refusal with Retry-After is tried again', async () => {
    let tries = 0;
    answer = (stream) => (++tries < 3 ? json(stream, 429, {}, { 'retry-after': '0' }) : json(stream, 200, { metadata: { name: 'x' } }));
    await clientset.coreV1.pods('a').get('x');
    assert.equal(tries, 3);
  });

  test('decodes watch frames in batches, across chunks, and tells the server when closed', async () => {
    const frame = (type: string, name: string): string => `${JSON.stringify({ type, object: { metadata: { name } } })}\n`;
    const closed = Promise.withResolvers<number>();
    answer = (stream) => {
      stream.on('close', () => closed.resolve(stream.rstCode ?? -1));
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      const text = frame('ADDED', 'a') + frame('MODIFIED', 'b') + frame('DELETED', 'ü');
      const bytes = Buffer.from(text);
      stream.write(bytes.subarray(0, bytes.length - 8));
      setTimeout(() => stream.write(bytes.subarray(bytes.length - 8)), 20);
    };
    const seen: string[][] = [];
    for await (const batch of await clientset.coreV1.pods('a').watch()) {
      seen.push(batch.map(({ type, object }: WatchFrame) => `${type} ${(object as KubeObject).metadata.name}`));
      if (seen.length === 2) break;
    }
    assert.deepEqual(seen, [['ADDED a', 'MODIFIED b'], ['DELETED ü']]);
    assert.equal(await closed.promise, 8); // CANCEL
  });

  test('integers beyond 2^53 are bigint in the events of a dynamic client, as in its lists, and numbers elsewhere', async () => {
    answer = (stream, path) => {
      const object = '{"apiVersion":"v1","kind":"Thing","metadata":{"name":"x"},"spec":{"long":9007199254740993}}';
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(path.includes('watch=true') ? `{"type":"ADDED","object":${object}}\n` : object);
    };
    const gvr = { group: 'a.b', version: 'v1', resource: 'things' };
    const things = new DynamicClient({ process, transport }).resource(gvr).namespace('a');
    const [[frame] = []] = await Array.fromAsync(await things.watch());
    assert.deepEqual((await things.get('x'))['spec'], { long: 9007199254740993n });
    assert.deepEqual(frame?.object, await things.get('x'));
    const [[typed] = []] = await Array.fromAsync(await clientset.coreV1.pods('a').watch());
    assert.deepEqual(typed?.object, { ...(await things.get('x')), spec: { long: 9007199254740992 } });
  });

  test('an aborted watch ends, and a watch cut off throws TransportError', async () => {
    answer = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.write('{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n');
    };
    const stop = new AbortController();
    for await (const _ of await clientset.coreV1.pods('a').watch({}, { signal: stop.signal })) stop.abort();
    const cut = async (): Promise<void> => {
      for await (const _ of await clientset.coreV1.pods('a').watch()) for (const session of sessions) session.destroy();
    };
    await assert.rejects(cut(), TransportError);
  });

  test('what is no event ends the watch with a TransportError', async () => {
    const deep = `{"type":"ADDED","object":${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}`;
    for (const line of ['{"type":"ADDED"}', 'no json', '{"type":"RENAMED","object":{}}', '\ufeff{"type":"ADDED","object":{}}', deep]) {
      answer = (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/json' });
        stream.end(`${line}\n`);
      };
      const read = async (): Promise<void> => {
        for await (const _ of await clientset.coreV1.pods('a').watch()) assert.fail('no batch');
      };
      await assert.rejects(read(), TransportError, line.slice(0, 40));
    }
  });

  test('connects anew after the connection was lost', async () => {
    answer = (stream) => json(stream, 200, { metadata: { name: 'x' } });
    await clientset.coreV1.pods('a').get('x');
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await clientset.coreV1.pods('a').get('x');
    assert.equal(sessions.length, 2);
  });

  test('a request cut before its answer may have been executed; one to nobody was not', async () => {
    answer = (stream) => stream.session?.destroy();
    const nobody = httpTransport({ process, config: { server: 'http://127.0.0.1:1' } });
    // Not through a client, which would try again for ten seconds.
    for (const [at, executed] of [[transport, 'unknown'] as const, [nobody, 'no'] as const]) {
      await assert.rejects(
        at.exchange({ method: 'GET', path: '/', query: [], headers: {} }),
        (error) => error instanceof TransportError && error.executed === executed,
      );
    }
  });

  test('refuses upgrades, and everything once closed', async () => {
    await assert.rejects(transport.upgrade({ method: 'GET', path: '/x', query: [], headers: {} }), TransportError);
    await transport.close();
    await assert.rejects(clientset.coreV1.pods('a').get('x'), /the transport is closed/);
  });

  test('refuses an address that is neither https nor http, and wrong paths before sending', async () => {
    assert.throws(() => httpTransport({ process, config: { server: 'ftp://a' } }), TypeError);
    await assert.rejects(clientset.coreV1.pods('a').get('..'), TypeError);
    await assert.rejects(clientset.coreV1.pods('a').get('a/b'), TypeError);
    await assert.rejects(clientset.coreV1.pods('a').get(''), TypeError);
  });
});
