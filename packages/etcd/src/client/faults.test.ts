import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { ConsensusError } from '../cluster-view.ts';
import { LeaseNotFoundError } from '../mvcc/refusals.ts';
import type { Txn } from '../mvcc/types.ts';
import { MemoryStore } from '../store.ts';
import type { CallSink, CallStream } from '../v3/grpc/call-stream.ts';
import { serverOver } from '../v3/server-over.ts';
import { EtcdClient, type EtcdClientOptions } from './client.ts';
import { endpointOf, endpointText } from './connection.ts';
import { CallLostError, errorOfStatus, EtcdError } from './errors.ts';
import { type CallHandler, InProcessServers } from './in-process.ts';

const endpoints = ['http://a:2379', 'http://b:2379', 'http://c:2379'] as const;

/** Three servers over one store: as a cluster, but that each can be put in the way of calls. */
function world(options: Partial<EtcdClientOptions> = {}) {
  const runtime = new SimRuntime({ seed: 5 });
  const etcd = runtime.process('etcd');
  const store = new MemoryStore({ process: etcd });
  const server = serverOver(etcd, store);
  const process = runtime.process('client');
  const servers = new InProcessServers(process);
  const calls: string[] = [];
  const counted = (endpoint: string, inner: CallHandler): CallHandler => ({
    call(stream) {
      calls.push(`${endpoint.slice(7, 8)} ${stream.head.path.split('/').at(-1)}`);
      inner.call(stream);
    },
  });
  for (const endpoint of endpoints) servers.up(endpoint, counted(endpoint, server));
  const client = new EtcdClient({ process, connector: servers, endpoints, timeoutMs: 5000, ...options });
  const drive = <T>(work: Promise<T>): Promise<T> => runtime.drive(work);
  const put = (key: string): Txn => ({ compares: [], success: [{ op: 'put', key, value: Buffer.from('v') }], failure: [] });
  return { runtime, store, server, servers, counted, calls, client, drive, put, process };
}

/** Answers every call with a status. */
function refusing(code: number, message: string): CallHandler {
  return { call: (stream) => stream.refuse(code, message) };
}

/** Does what is asked, and loses the answers: the connection goes when there would be one. */
function losing(server: CallHandler, lose: () => void): CallHandler {
  return {
    call(stream) {
      const mute: CallStream = {
        head: stream.head,
        receive: (sink: CallSink) => stream.receive(sink),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        begin: () => undefined,
        write: () => true,
        lend: () => true,
        answer: lose,
        finish: lose,
        refuse: lose,
        reject: lose,
        release: () => stream.release(),
      };
      server.call(mute);
    },
  };
}

test('EtcdClient goes to its servers in turn', async () => {
  const { client, calls, drive, runtime } = world();
  await drive(client.range({ key: 'k' }));
  await runtime.advance(100);
  calls.length = 0;
  for (let i = 0; i < 6; i++) await drive(client.range({ key: 'k' }));
  assert.deepEqual([...calls.slice(0, 3)].sort(), ['a Range', 'b Range', 'c Range']);
  assert.deepEqual(calls.slice(3), calls.slice(0, 3));
});

test('EtcdClient asks the next server when one is not available, and reads are answered', async () => {
  const { client, servers, counted, calls, drive, runtime } = world();
  servers.up(endpoints[0], counted(endpoints[0], refusing(14, 'etcdserver: no leader')));
  servers.down(endpoints[1]);
  await runtime.advance(1000);
  for (let i = 0; i < 4; i++) assert.equal((await drive(client.range({ key: 'k' }))).revision, 1);
  assert.ok(calls.includes('a Range') && !calls.includes('b Range'));
});

test('EtcdClient does not send a write again that a server has refused, which may have begun it', async () => {
  const { client, servers, counted, calls, drive, put } = world();
  for (const endpoint of endpoints) servers.up(endpoint, counted(endpoint, refusing(14, 'etcdserver: request timed out')));
  await assert.rejects(drive(client.txn(put('k'))), new ConsensusError('timed out'));
  assert.equal(calls.length, 1);
});

test('EtcdClient says that a write may have been done when the connection went, and reads again by itself', async () => {
  const { client, servers, server, store, calls, counted, drive, put } = world();
  const lose = (): void => {
    for (const endpoint of endpoints) servers.down(endpoint);
    for (const endpoint of endpoints) servers.up(endpoint, counted(endpoint, server));
  };
  for (const endpoint of endpoints) servers.up(endpoint, counted(endpoint, losing(server, lose)));
  await assert.rejects(drive(client.txn(put('k'))), (error) => error instanceof CallLostError && error.sent);
  assert.deepEqual([store.revision, calls.filter((call) => call.endsWith('Txn')).length], [2, 1]);
  for (const endpoint of endpoints) servers.down(endpoint);
  for (const endpoint of endpoints) servers.up(endpoint, counted(endpoint, losing(server, lose)));
  assert.equal((await drive(client.range({ key: 'k' }))).count, 1);
});

test('EtcdClient waits for a server to send a write to, and says that it was not sent when none comes', async () => {
  const { client, runtime, servers, server, store, drive, put } = world();
  for (const endpoint of endpoints) servers.down(endpoint);
  await assert.rejects(
    drive(client.txn(put('k'))),
    (error) => error instanceof CallLostError && !error.sent && /refused/.test(error.message),
  );
  await assert.rejects(drive(client.range({ key: 'k' })), (error) => error instanceof EtcdError && error.code === 4);
  const late = client.txn(put('k'));
  late.catch(() => undefined);
  await runtime.advance(2000);
  servers.up(endpoints[2], server);
  assert.equal((await drive(late)).revision, 2);
  assert.equal(store.range({ key: 'k' }).count, 1);
});

test('EtcdClient finds out that a connection is dead by a ping, and goes on over another', async () => {
  const { client, runtime, servers, server, drive } = world({ keepAlive: { everyMs: 1000, timeoutMs: 500 } });
  const seen: number[] = [];
  const sink = {
    changes: (batch: readonly { readonly revision: number }[]): void => void seen.push(...batch.map(({ revision }) => revision)),
    ended: () => undefined,
  };
  client.watch({ key: 'a', end: 'b' }, { from: 2 }, sink);
  await runtime.advance(100);
  for (const endpoint of endpoints) servers.silence(endpoint);
  const txn: Txn = { compares: [], success: [{ op: 'put', key: 'a', value: Buffer.from('1') }], failure: [] };
  const silent = client.txn(txn);
  await assert.rejects(drive(silent), (error) => error instanceof CallLostError && error.sent);
  assert.deepEqual(seen, []);
  for (const endpoint of endpoints) servers.up(endpoint, server);
  await runtime.advance(2000);
  await drive(client.txn(txn));
  await runtime.advance(100);
  assert.deepEqual(seen, [2, 3]);
});

test('EtcdClient.watch() goes on where it was, over and over, with nothing twice and nothing left out', async () => {
  const { client, runtime, servers, server, store, drive, put } = world();
  const seen: number[] = [];
  const ended: Error[] = [];
  const sink = {
    changes: (batch: readonly { readonly revision: number }[]): void => void seen.push(...batch.map(({ revision }) => revision)),
    ended: (error: Error): void => void ended.push(error),
  };
  client.watch({ key: 'k', end: 'l' }, { from: 2 }, sink);
  for (let i = 0; i < 200; i++) {
    await drive(store.txn(put(`k${i}`)));
    const endpoint = endpoints[i % 3] ?? endpoints[0];
    if (i % 7 === 0) servers.down(endpoint);
    if (i % 7 === 3) for (const each of endpoints) servers.up(each, server);
    if (i % 5 === 0) await runtime.advance(120);
  }
  for (const endpoint of endpoints) servers.up(endpoint, server);
  await runtime.advance(10_000);
  assert.deepEqual(
    seen,
    Array.from({ length: 200 }, (_, i) => i + 2),
  );
  assert.deepEqual(ended, []);
});

test('EtcdClient.watch() ends when the server will never take it', async () => {
  const { client, runtime, servers } = world();
  for (const endpoint of endpoints) servers.up(endpoint, refusing(7, 'etcdserver: permission denied'));
  const ended: Error[] = [];
  client.watch({ key: 'k' }, { from: 0 }, { changes: () => undefined, ended: (error) => void ended.push(error) });
  await runtime.advance(1000);
  assert.deepEqual(ended, [new EtcdError(7, 'etcdserver: permission denied')]);
});

test('EtcdClient.close() ends what is open, and the process goes on', async () => {
  const { client, runtime, drive, process } = world();
  client.watch({ key: 'k' }, { from: 0 }, { changes: () => undefined, ended: () => undefined });
  await drive(client.range({ key: 'k' }));
  client.close();
  await runtime.advance(10_000);
  await assert.rejects(drive(client.range({ key: 'k' })), { message: 'the client of etcd was closed' });
  assert.deepEqual([runtime.failures, process.signal.aborted], [[], false]);
});

test('EtcdClient gives up when it is told to, for the reason that it is told', async () => {
  const { client, runtime, servers } = world();
  for (const endpoint of endpoints) servers.down(endpoint);
  const controller = new AbortController();
  const read = client.range({ key: 'k' }, { signal: controller.signal });
  read.catch(() => undefined);
  await runtime.advance(100);
  controller.abort(new Error('not wanted'));
  await assert.rejects(runtime.drive(read), { message: 'not wanted' });
});

test('EtcdClient refuses answers that are none', async () => {
  const { client, servers, drive } = world();
  const answering = (frames: readonly Buffer[]): CallHandler => ({
    call(stream) {
      stream.begin();
      stream.write(frames);
      stream.finish(0, '');
    },
  });
  const message = (hex: string): Buffer => {
    const bytes = Buffer.from(hex, 'hex');
    const frame = Buffer.alloc(5 + bytes.length);
    frame.writeUInt32BE(bytes.length, 1);
    bytes.copy(frame, 5);
    return frame;
  };
  for (const [frames, text] of [
    [[], /received no answer/],
    [[message(''), message('')], /more than one answer/],
    [[message('0aff')], /ends|cut short/],
    [[Buffer.from([1, 0, 0, 0, 0])], /Decompressor is not installed/],
  ] as const) {
    for (const endpoint of endpoints) servers.down(endpoint);
    for (const endpoint of endpoints) servers.up(endpoint, answering(frames));
    await assert.rejects(drive(client.txn({ compares: [], success: [], failure: [] })), text);
  }
});

test('EtcdClient.syncEndpoints() goes on with the servers that the members name', async () => {
  const { client, runtime, servers, server, calls, counted, drive } = world();
  servers.up('http://etcd:2379', counted('http://new:2379', server)); // the name that the member tells
  await drive(client.syncEndpoints());
  await runtime.advance(1000);
  calls.length = 0;
  for (let i = 0; i < 3; i++) await drive(client.range({ key: 'k' }));
  assert.deepEqual(calls, ['n Range', 'n Range', 'n Range']);
});

test('errorOfStatus() knows errors by their text', () => {
  assert.ok(errorOfStatus(5, 'etcdserver: requested lease not found') instanceof LeaseNotFoundError);
  assert.deepEqual(errorOfStatus(14, 'etcdserver: leader changed'), new ConsensusError('leader changed'));
  assert.deepEqual(errorOfStatus(13, 'something else'), new EtcdError(13, 'something else'));
});

test('endpointOf() reads servers, and refuses what is none without showing a password', () => {
  assert.deepEqual(endpointOf('10.0.0.1:2379'), { isSecure: false, host: '10.0.0.1', port: 2379 });
  assert.deepEqual(endpointOf('https://[::1]:2379/'), { isSecure: true, host: '::1', port: 2379 });
  assert.equal(endpointText(endpointOf('https://[::1]:2379')), 'https://[::1]:2379');
  for (const text of ['', 'ftp://a:1', 'http://a:1/path', 'http://a:1?x']) assert.throws(() => endpointOf(text), TypeError, text);
  assert.throws(
    () => endpointOf('http://root:hidden@a:1'),
    (error) => error instanceof TypeError && !error.message.includes('hidden'),
  );
  const { process, servers } = world();
  assert.throws(() => new EtcdClient({ process, connector: servers, endpoints: [] }), TypeError);
});
