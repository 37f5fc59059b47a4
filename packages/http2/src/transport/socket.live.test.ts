import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { LiveRuntime } from '@coracle/kernel';
import { serveHttp2 } from './socket.ts';

const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);

test('serveHttp2() ends with a peer that resets its connection, and nothing else does', { timeout: 10_000 }, async (t) => {
  const process = new LiveRuntime().process('http2');
  const ends: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    serveHttp2(socket, { process, open: () => assert.fail('nobody asks for anything') });
    // Whatever the peer's system has said by then: the socket hears of an error as Node tells of one.
    setImmediate(() => socket.destroy(new Error('read ECONNRESET')));
    ends.push(new Promise((resolve) => socket.once('close', resolve)));
  }).listen(0, '127.0.0.1');
  t.after(async () => {
    server.close();
    await process.stop();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.resume();
  client.write(preface);
  await new Promise((resolve) => client.once('close', resolve));
  assert.equal(ends.length, 1);
  await Promise.all(ends);
});
