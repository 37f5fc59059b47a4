import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { type ClientHttp2Session, constants } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { get as getSecurely } from 'node:https';
import { describe, test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { MemoryStore } from '../../store.ts';
import { FrameReader } from '../grpc/frame.ts';
import { frameOf } from '../grpc/memory-stream.fixture.ts';
import * as m from '../messages.ts';
import { SingleMember } from '../single-member.ts';
import { V3Server } from '../v3-server.ts';
import { callUnary, openCall, outcomeOf, sessionTo } from './grpc-client.fixture.ts';
import { listenV3, type TlsOptions } from './listener.ts';

function pem(name: string): string {
  return readFileSync(new URL(`./testdata/${name}`, import.meta.url), 'utf8');
}

const tls: TlsOptions = { certificate: pem('server.crt'), privateKey: pem('server.key'), clientAuthority: pem('ca.crt') };

/** The API on a real port, and a client session on it. */
async function bench(options: { readonly tls?: TlsOptions } = {}) {
  const process = new LiveRuntime().process('etcd');
  const store = new MemoryStore({ process });
  const cluster = new SingleMember({
    clusterId: 1n,
    memberId: 2n,
    name: 'only',
    peerUrls: [],
    clientUrls: [],
    term: 1,
    appliedIndex: () => 1,
  });
  const files = { defragment: async () => undefined, copy: async () => ({ bytes: 0, chunks: (async function* () {})() }) };
  const server = new V3Server({ process, store, cluster, files });
  const listener = await listenV3({ process, server, host: '127.0.0.1', port: 0, ...options });
  const sessions: ClientHttp2Session[] = [];
  const session = (more: object = {}): ClientHttp2Session => {
    const scheme = options.tls === undefined ? 'http' : 'https';
    const one = sessionTo(`${scheme}://127.0.0.1:${listener.port}`, { ca: pem('ca.crt'), ...more });
    sessions.push(one);
    return one;
  };
  return {
    store,
    port: listener.port,
    close: () => listener.close(),
    session,
    async [Symbol.asyncDispose]() {
      for (const one of sessions) one.destroy();
      await listener.close();
      await process.stop();
    },
  };
}

const put = (key: string, value: Uint8Array): Buffer => m.putRequest.encode({ key, value });

describe('listenV3() in the clear', () => {
  test('serves calls, with a status in trailers or alone', async () => {
    await using of = await bench();
    const session = of.session();
    const fine = await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('1')));
    assert.deepEqual([fine.status, fine.text, fine.isTrailersOnly, fine.messages.length], ['0', '', false, 1]);
    assert.equal(m.putResponse.decode(fine.messages[0] ?? Buffer.alloc(0)).header?.revision, 2);
    const refused = await callUnary(session, 'etcdserverpb.KV/Put', put('', Buffer.alloc(0)));
    assert.deepEqual([refused.status, refused.text, refused.isTrailersOnly], ['3', 'etcdserver: key is not provided', true]);
    const unknown = await callUnary(session, 'etcdserverpb.KV/N%C3%A4h', Buffer.alloc(0));
    assert.deepEqual([unknown.status, unknown.text], ['12', 'unknown method N%C3%A4h for service etcdserverpb.KV']);
  });

  test('reads a request that comes in single bytes, and refuses a compressed one', async () => {
    await using of = await bench();
    const stream = openCall(of.session(), 'etcdserverpb.KV/Put');
    const ended = outcomeOf(stream);
    for (const byte of frameOf(put('k', Buffer.from('v')))) await new Promise((sent) => stream.write(Buffer.of(byte), sent));
    stream.end();
    assert.equal((await ended).status, '0');
    assert.equal(Buffer.from(of.store.range({ key: 'k' }).kvs[0]?.value ?? []).toString(), 'v');
    const compressed = openCall(of.session(), 'etcdserverpb.KV/Put', { 'grpc-encoding': 'gzip' });
    compressed.write(Buffer.from('0100000001aa', 'hex')); // and does not end: the status comes all the same
    assert.deepEqual((await outcomeOf(compressed)).status, '12');
  });

  test('tells a watcher, and lets go of it when the client resets its stream', async () => {
    await using of = await bench();
    const session = of.session();
    const stream = openCall(session, 'etcdserverpb.Watch/Watch');
    const frames = new FrameReader(1 << 20);
    const seen: m.WatchResponse[] = [];
    const told = (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => (seen.length >= count ? resolve() : void stream.once('data', () => setImmediate(look)));
        look();
      });
    stream.on('data', (chunk: Buffer) => frames.push(chunk, (message) => seen.push(m.watchResponse.decode(message))));
    stream.write(frameOf(m.watchRequest.encode({ createRequest: { key: 'a' } })));
    await told(1);
    await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('1')));
    await told(2);
    assert.deepEqual(
      seen.map(({ created, events }) => [created, events.length]),
      [
        [true, 0],
        [false, 1],
      ],
    );
    stream.close(constants.NGHTTP2_CANCEL);
    await new Promise((closed) => stream.once('close', closed));
    await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('2')));
    assert.equal(seen.length, 2);
  });

  test('takes thousands of watch streams on one connection, and that all are canceled at once', async () => {
    await using of = await bench();
    const session = of.session({ peerMaxConcurrentStreams: 20_000 });
    let goaway: number | undefined;
    session.on('goaway', (code) => (goaway = code));
    const create = frameOf(m.watchRequest.encode({ createRequest: { key: 'a' } }));
    for (let round = 0; round < 2; round++) {
      const streams = await Promise.all(
        Array.from({ length: 1_000 }, async () => {
          const stream = openCall(session, 'etcdserverpb.Watch/Watch');
          stream.write(create);
          await new Promise((created) => stream.once('data', created));
          return stream;
        }),
      );
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    }
    assert.equal((await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('1')))).status, '0');
    assert.equal(goaway, undefined);
  });

  test('takes more on one stream than its window holds', async () => {
    await using of = await bench();
    const session = of.session();
    const stream = openCall(session, 'etcdserverpb.Watch/Watch');
    const frames = new FrameReader(1 << 20);
    let created = 0;
    const all = new Promise<void>((resolve) => {
      stream.on('data', (chunk: Buffer) => frames.push(chunk, () => (++created === 1_500 ? resolve() : undefined)));
    });
    const key = 'k'.repeat(1_000);
    const create = frameOf(m.watchRequest.encode({ createRequest: { key, rangeEnd: `${key}l` } }));
    for (let i = 0; i < 15; i++) stream.write(Buffer.concat(Array.from({ length: 100 }, () => create)));
    await all;
    assert.equal((await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('1')))).status, '0');
  });

  test('tells clients with GOAWAY that it closes, and ends what they wait for', async () => {
    await using of = await bench();
    const session = of.session();
    const goaway = new Promise((resolve) => session.once('goaway', (code) => resolve(code)));
    const stream = openCall(session, 'etcdserverpb.Watch/Watch');
    stream.write(frameOf(m.watchRequest.encode({ createRequest: { key: 'a' } })));
    await new Promise((created) => stream.once('data', created));
    const silent = connectTcp(of.port, '127.0.0.1');
    await new Promise((connected) => silent.once('connect', connected));
    const gone = Promise.all([stream, silent].map((each) => new Promise((closed) => each.once('close', closed))));
    silent.resume();
    await of.close();
    await gone;
    assert.equal(await goaway, constants.NGHTTP2_NO_ERROR);
  });

  test('sends a large answer no faster than it is taken', async () => {
    await using of = await bench();
    const value = Buffer.alloc(1 << 20);
    for (let i = 0; i < 60; i++) await of.store.txn({ compares: [], success: [{ op: 'put', key: `k${i}`, value }], failure: [] });
    const stream = openCall(of.session(), 'etcdserverpb.KV/RangeStream');
    stream.pause();
    stream.end(frameOf(m.rangeRequest.encode({ key: 'k', rangeEnd: 'l' })));
    const before = process.memoryUsage().rss;
    await new Promise((later) => setTimeout(later, 300));
    const held = process.memoryUsage().rss - before;
    const ended = outcomeOf(stream);
    stream.resume();
    const { messages, status } = await ended;
    const kvs = messages.reduce((sum, each) => sum + (m.rangeStreamResponse.decode(each).rangeResponse?.kvs?.length ?? 0), 0);
    assert.deepEqual([status, kvs], ['0', 60]);
    assert.ok(held < 40_000_000, `${held} bytes were made before anybody took them`);
  });

  test('answers HTTP/1.1 and plain HTTP/2 on the same port', async () => {
    await using of = await bench();
    const body = await new Promise<string>((resolve, reject) => {
      get({ host: '127.0.0.1', port: of.port, path: '/health' }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      }).on('error', reject);
    });
    assert.equal(body, '{"health":"true","reason":""}');
    const stream = of.session().request({ ':path': '/readyz' });
    assert.equal(await new Promise((resolve) => stream.setEncoding('utf8').once('data', resolve)), 'ok\n');
    const refused = of.session().request({ ':path': '/etcdserverpb.KV/Put', ':method': 'POST', 'content-type': 'application/json' });
    refused.end('{}');
    assert.equal(await new Promise((resolve) => refused.once('response', (headers) => resolve(headers[':status']))), 405);
  });

  test('survives bytes that are no HTTP, and connections that break off', async () => {
    await using of = await bench();
    for (const bytes of [
      '\0\0\0',
      'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff',
      'GET / HTTP/9\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connectTcp(of.port, '127.0.0.1', () => socket.end(Buffer.from(bytes, 'latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
        socket.resume();
      });
    }
    assert.equal((await callUnary(of.session(), 'etcdserverpb.KV/Put', put('a', Buffer.from('1')))).status, '0');
  });
});

describe('listenV3() with TLS', () => {
  test('serves clients whose certificate the authority signed, and nobody else', async () => {
    await using of = await bench({ tls });
    const session = of.session({ cert: pem('client.crt'), key: pem('client.key') });
    assert.equal((await callUnary(session, 'etcdserverpb.KV/Put', put('a', Buffer.from('1')))).status, '0');
    assert.equal(session.alpnProtocol, 'h2');
    for (const stranger of [{}, { cert: pem('stranger.crt'), key: pem('stranger.key') }]) {
      const refused = of.session(stranger);
      const stream = openCall(refused, 'etcdserverpb.KV/Put');
      stream.end(frameOf(put('b', Buffer.from('1'))));
      await assert.rejects(outcomeOf(stream));
    }
    assert.equal(of.store.revision, 2);
  });

  test('answers HTTP/1.1 on the same port', async () => {
    await using of = await bench({ tls });
    const status = await new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: of.port,
        path: '/livez',
        ca: pem('ca.crt'),
        cert: pem('client.crt'),
        key: pem('client.key'),
        agent: false,
      } as const;
      getSecurely(options, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    assert.equal(status, 200);
  });
});
