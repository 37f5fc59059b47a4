import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { TransportError } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import { Http2Connection } from './http2.ts';

/** Length, type and flags, stream: of a server's first frame, which sets nothing. */
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('a connection whose peer answers no ping is lost, and with it what waits on it', async () => {
  const runtime = new LiveRuntime().process('test');
  const peers: Socket[] = [];
  const server = createServer((peer) => {
    peers.push(peer);
    // It says that it speaks HTTP/2, and nothing more: as a machine whose power was cut, without the end of the connection.
    peer.on('error', () => undefined).resume();
    peer.write(emptySettings);
  });
  const port = await portOf(server);
  const lost = Promise.withResolvers<void>();
  try {
    const connection = await Http2Connection.open({
      process: runtime,
      origin: `http://127.0.0.1:${port}`,
      socket: connect(port, '127.0.0.1'),
      ping: { everyMs: 20, timeoutMs: 20 },
      onLost: () => lost.resolve(),
    });
    const watch = connection.exchange({ method: 'GET', path: '/api/v1/pods', query: [['watch', 'true']], headers: {} }, {});
    await assert.rejects(watch, (error) => error instanceof TransportError && error.executed === 'unknown');
    await lost.promise;
  } finally {
    for (const peer of peers) peer.destroy();
    server.close();
    await runtime.stop();
  }
});

test('pings that are answered keep a connection, however many, and leave nothing behind', async () => {
  const runtime = new LiveRuntime().process('test');
  const server = createHttp2Server();
  const pinged = Promise.withResolvers<void>();
  let pings = 0;
  server.on('session', (session) =>
    session.on('ping', () => {
      if (++pings === 30) pinged.resolve();
    }),
  );
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on('warning', onWarning);
  const port = await portOf(server);
  let isLost = false;
  const connection = await Http2Connection.open({
    process: runtime,
    origin: `http://127.0.0.1:${port}`,
    socket: connect(port, '127.0.0.1'),
    ping: { everyMs: 1, timeoutMs: 10_000 },
    onLost: () => {
      isLost = true;
    },
  });
  try {
    await pinged.promise;
    assert.deepEqual([isLost, warnings], [false, []]);
  } finally {
    process.off('warning', onWarning);
    connection.close();
    server.close();
    await runtime.stop();
  }
});
