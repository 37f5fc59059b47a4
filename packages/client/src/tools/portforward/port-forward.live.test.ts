import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isForbidden, type Transport, TransportError } from '@coracle/apimachinery';
import { type ByteDuplex, LiveRuntime, type Process } from '@coracle/kernel';
import { httpTransport } from '../../transport/http-transport.ts';
import type { SpdyFrame } from '../../transport/spdy/spdy-frames.ts';
import { spdyHttpServer, SpdyServer } from '../../transport/spdy/spdy-server.fixture.ts';
import { type Peer, upgradeServer, type UpgradeServerOptions } from '../../transport/upgrade-server.fixture.ts';
import { portForward, type PortForwardTarget } from './port-forward.ts';
import { PortForwardError } from './port-forward-error.ts';

const tunnel = 'SPDY/3.1+portforward.k8s.io';
const channels = 'v4.channel.k8s.io';

let process: Process;
let closing: (() => Promise<void>)[];

beforeEach(() => {
  process = new LiveRuntime().process('test');
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await process.stop();
});

async function target(options: UpgradeServerOptions): Promise<PortForwardTarget> {
  const { url, close } = await upgradeServer(options);
  const transport = httpTransport({ process, config: { server: url } });
  closing.push(close, () => transport.close());
  return { process, transport, namespace: 'n', pod: 'p' };
}

async function textOf({ readable }: ByteDuplex): Promise<string> {
  let text = '';
  for await (const chunk of readable) text += Buffer.from(chunk).toString();
  return text;
}

/** A server of the tunnel; `onFrame` is told what comes, after streams were taken. `asked` is what was asked for. */
async function tunnelled(onFrame: (frame: SpdyFrame, server: SpdyServer, peer: Peer) => void) {
  const servers = new Map<Peer, SpdyServer>();
  const asked: string[] = [];
  const to = await target({
    onOpen(peer) {
      asked.push(`${peer.url.pathname}${peer.url.search} ${peer.protocols.join()}`);
      servers.set(
        peer,
        new SpdyServer(
          // A message of the fixture begins with a byte of its own.
          (bytes) => peer.send(bytes[0] ?? 0, bytes.subarray(1)),
          (frame, server) => onFrame(frame, server, peer),
        ),
      );
    },
    onMessage: (peer, first, rest) => servers.get(peer)?.receive(Buffer.concat([Buffer.of(first), rest])),
  });
  return { to, asked, servers };
}

describe('portForward in the tunnel', () => {
  test('opens the stream of errors, says nothing there, then that of data; it ends its own direction and reads on', async () => {
    const { to, asked, servers } = await tunnelled((frame, server) => {
      if (frame.type === 'syn-stream') server.accept(frame);
      if (frame.type !== 'data' || frame.streamId !== 3) return;
      if (!frame.isLast) server.say(3, `got ${Buffer.from(frame.bytes).toString()}, `);
      else {
        server.say(3, 'and your end', true);
        server.send({ type: 'data', streamId: 1, bytes: new Uint8Array(), isLast: true });
      }
    });
    const connection = await portForward(to, 8080);
    await connection.write(Buffer.from('hello'));
    await connection.end();
    assert.equal(await textOf(connection), 'got hello, and your end');
    assert.deepEqual(asked, [`/api/v1/namespaces/n/pods/p/portforward ${tunnel}`]);
    const [server] = servers.values();
    assert.deepEqual(
      server?.frames.map((frame) =>
        frame.type === 'data' ? `${frame.streamId} ${Buffer.from(frame.bytes).toString()} ${frame.isLast}` : frame,
      ),
      [
        { type: 'syn-stream', streamId: 1, headers: { streamtype: 'error', port: '8080', requestid: '0' }, isLast: false },
        '1  true',
        { type: 'syn-stream', streamId: 3, headers: { streamtype: 'data', port: '8080', requestid: '0' }, isLast: false },
        '3 hello false',
        '3  true',
      ],
    );
  });

  for (const { what, onData, want } of [
    {
      what: 'what the node reports before it breaks off',
      onData(server: SpdyServer) {
        server.say(1, 'error forwarding port 80: ');
        server.say(1, 'connection refused\n');
        for (const id of [3, 1]) server.reset(id, 5);
      },
      want: /^PortForwardError: error forwarding port 80: connection refused$/,
    },
    {
      what: 'a node that breaks off without a word',
      onData(server: SpdyServer) {
        for (const id of [3, 1]) server.reset(id, 5);
      },
      want: /^PortForwardError: the node broke the connection off: the stream was reset with status 5$/,
    },
    {
      what: 'a connection that is lost',
      onData: (_server: SpdyServer, peer: Peer) => peer.destroy(),
      want: /^TransportError: The connection was lost: /,
    },
  ]) {
    test(`tells of ${what}`, async () => {
      const { to } = await tunnelled((frame, server, peer) => {
        if (frame.type === 'syn-stream') server.accept(frame);
        if (frame.type === 'data' && frame.streamId === 3) onData(server, peer);
      });
      const connection = await portForward(to, 80);
      await connection.write(Buffer.from('x'));
      await assert.rejects(textOf(connection), want);
    });
  }

  test('rejects when the node takes no stream, and when the connection is lost before', async () => {
    const refusing = await tunnelled((frame, server) => {
      if (frame.type === 'syn-stream') server.reset(frame.streamId, 5);
    });
    const refused = /^PortForwardError: the node refuses the connection: the stream was reset with status 5$/;
    await assert.rejects(portForward(refusing.to, 80), refused);
    const dying = await tunnelled((_frame, _server, peer) => peer.destroy());
    await assert.rejects(portForward(dying.to, 80), TransportError);
    assert.equal(dying.asked.length, 1, 'no other protocol is tried');
  });

  test('closes the connection when it is closed, or no longer read', async () => {
    const { to } = await tunnelled((frame, server) => {
      if (frame.type === 'syn-stream') server.accept(frame);
      if (frame.type === 'data' && frame.streamId === 3) server.say(3, 'answer');
    });
    const connection = await portForward(to, 80);
    connection.close();
    await assert.rejects(connection.write(Buffer.from('x')), /The connection is closed/);
    const left = await portForward(to, 80);
    await left.write(Buffer.from('x'));
    for await (const _ of left.readable) break;
    await assert.rejects(left.write(Buffer.from('x')), /The connection is closed/);
  });
});

test('portForward speaks SPDY itself when WebSockets are refused', async () => {
  const http = await spdyHttpServer((frame, server) => {
    if (frame.type === 'syn-stream') server.accept(frame);
    if (frame.type !== 'data' || frame.streamId !== 3) return;
    server.say(3, `got ${Buffer.from(frame.bytes).toString()}`, true);
    server.send({ type: 'data', streamId: 1, bytes: new Uint8Array(), isLast: true });
  });
  const transport = httpTransport({ process, config: { server: http.url } });
  closing.push(
    () => http.close(),
    () => transport.close(),
  );
  const connection = await portForward({ process, transport, namespace: 'n', pod: 'p' }, 8080);
  await connection.write(Buffer.from('hello'));
  assert.equal(await textOf(connection), 'got hello');
  assert.deepEqual(
    http.asked.map(({ method, url, headers }) => [method, url, headers['sec-websocket-protocol'] ?? headers['x-stream-protocol-version']]),
    [
      ['GET', '/api/v1/namespaces/n/pods/p/portforward', tunnel],
      ['POST', '/api/v1/namespaces/n/pods/p/portforward', 'portforward.k8s.io'],
    ],
  );
});

const port = (number: number): Uint8Array => Uint8Array.of(number & 0xff, number >> 8);

/** A server that knows the older protocol only, and answers every upgrade as that to a WebSocket without a protocol. */
function older(onOpen: (peer: Peer) => void): UpgradeServerOptions {
  return {
    choose: (protocols) => (protocols.includes(channels) ? channels : ''),
    onOpen(peer) {
      if (peer.protocols.includes(channels)) onOpen(peer);
    },
  };
}

describe('portForward with an older server', () => {
  test('speaks the older protocol when the server chooses no tunnel, and no SPDY', async () => {
    let asked = '';
    const to = await target({
      ...older((peer) => {
        asked = `${peer.url.pathname}${peer.url.search} ${peer.protocols.join()}`;
        peer.send(0, port(8080));
        peer.send(1, port(8080));
      }),
      onMessage(peer, channel, payload) {
        peer.send(channel, `got ${payload.toString()}`);
        peer.close();
      },
    });
    const connection = await portForward(to, 8080);
    await connection.write(Buffer.from('hello'));
    assert.equal(await textOf(connection), 'got hello');
    assert.equal(asked, `/api/v1/namespaces/n/pods/p/portforward?ports=8080 ${channels}`);
  });

  const faults: readonly (readonly [string, (peer: Peer) => void, RegExp])[] = [
    [
      'the node’s error',
      (peer) => {
        for (const channel of [0, 1]) peer.send(channel, port(80));
        peer.send(1, 'connection refused\n');
      },
      /^PortForwardError: connection refused$/,
    ],
    ['another port', (peer) => peer.send(0, port(81)), /does not begin with the port 80/],
    ['no port', (peer) => peer.send(0, 'abc'), /does not begin with the port 80/],
    ['another stream', (peer) => peer.send(7, 'x'), /unknown stream 7/],
  ];
  for (const [name, act, want] of faults) {
    test(`tells of ${name}`, async () => {
      const connection = await portForward(await target(older(act)), 80);
      await assert.rejects(textOf(connection), (error) => error instanceof PortForwardError && want.test(String(error)));
    });
  }

  test('tries SPDY itself when the tunnel is forbidden; that the server words the refusal ends it', async () => {
    const asked: string[] = [];
    const to = await target({
      refuse: { status: 403, body: '{"kind":"Status","status":"Failure","reason":"Forbidden","message":"no","code":403}' },
    });
    const transport: Transport = {
      exchange: (request, options) => to.transport.exchange(request, options),
      upgrade(request, options) {
        asked.push(request.method);
        return to.transport.upgrade(request, options);
      },
    };
    await assert.rejects(portForward({ ...to, transport }, 80), isForbidden);
    assert.deepEqual(asked, ['GET', 'POST']);
  });

  test('tries nothing else when there is no connection at all, and refuses what is no port', async () => {
    const to = await target({});
    for (const close of closing.splice(0).reverse()) await close();
    await assert.rejects(portForward(to, 80), TransportError);
    for (const wrong of [0, 65_536, 1.5, Number.NaN]) await assert.rejects(portForward(to, wrong), RangeError);
  });
});
