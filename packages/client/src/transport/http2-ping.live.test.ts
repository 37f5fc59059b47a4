import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { TransportError } from '@coracle/apimachinery';
import { LiveRuntime } from '@coracle/kernel';
import { Http2Connection } from './http2.ts';

/** Length, type and flags, stream: of a server's first frame, which sets nothing. */
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

test('a connection whose peer answers no ping is lost, and with it what waits on it', async () => {
  const process = new LiveRuntime().process('test');
  const peers: Socket[] = [];
  const server = createServer((peer) => {
    peers.push(peer);
    // It says that it speaks HTTP/2, and nothing more: as a machine whose power was cut, without the end of the connection.
    peer.on('error', () => undefined).resume();
    peer.write(emptySettings);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const lost = Promise.withResolvers<void>();
  try {
    const connection = await Http2Connection.open({
      process,
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
    await process.stop();
  }
});
