/**
 * What `tools/packed.mjs` talks to, `packed-server.ts FOLDER`: our API server over HTTPS and HTTP/2, behind a relay whose connections can be cut.
 * It runs in Node from these sources, whatever runtime the client is proved in. FOLDER gets what a client is given: `kubeconfig.yaml`, the
 * program that it names for credentials, and certificates to serve webhooks with. Prints the address of its control when all is ready:
 * GET counts the relay's connections and names servers of programs and ports, POST cuts the connections. Ends with its standard input.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { writeYaml } from '@coracle/apimachinery';
import {
  createCertificate,
  EmbeddedStorage,
  KubeApiServer,
  type KeyPair,
  listenHttp,
  liveKeySource,
  mastersGroup,
} from '@coracle/apiserver';
import { MemoryStore } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import type { SpdyFrame } from '../src/transport/spdy/spdy-frames.ts';
import { spdyHttpServer, SpdyServer } from '../src/transport/spdy/spdy-server.fixture.ts';
import { type Peer, upgradeServer } from '../src/transport/upgrade-server.fixture.ts';

const [folder = '.'] = process.argv.slice(2);
const file = (name: string): string => path.join(folder, name);
const host = '127.0.0.1';
const component = new LiveRuntime().process('apiserver');
const authority = liveKeySource.keyPair();

interface Issued {
  readonly certificate: string;
  readonly privateKey: string;
}

function issue(commonName: string, usage: 'ca' | 'server' | 'client', keys: KeyPair = liveKeySource.keyPair()): Issued {
  const nowMs = component.clock.now();
  const certificate = createCertificate({
    subject: usage === 'client' ? { commonName, organizations: [mastersGroup] } : { commonName },
    keys,
    issuer: { subject: { commonName: 'packed' }, keys: authority },
    serial: component.random.bytes(16),
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + 86_400_000,
    usage,
    ...(usage === 'server' ? { hosts: [host] } : {}),
  });
  return { certificate, privateKey: keys.privateKey };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port; // it listens on TCP
}

const kubeApiServer = new KubeApiServer({
  process: component,
  storage: new EmbeddedStorage(new MemoryStore()),
  serviceAccountKey: liveKeySource.keyPair().privateKey,
});
await kubeApiServer.start();
const ca = issue('packed', 'ca', authority);
const { port: serverPort } = await listenHttp({
  process: component,
  serve: (request, credentials, call) => kubeApiServer.server.serve(request, credentials, call),
  host,
  port: 0,
  ...issue('kube-apiserver', 'server'),
  clientAuthority: ca.certificate,
});

const open = new Set<Socket>();
let opened = 0;
const relay = createServer((socket) => {
  opened++;
  open.add(socket);
  const upstream = connect(serverPort, host);
  const end = (): void => {
    open.delete(socket);
    socket.destroy();
    upstream.destroy();
  };
  for (const each of [socket, upstream]) each.on('error', end).once('close', end);
  socket.pipe(upstream).pipe(socket);
});
const relayPort = await listening(relay);
/** A port that says what it hears. */
function echo(frame: SpdyFrame, server: SpdyServer): void {
  if (frame.type === 'syn-stream') server.accept(frame);
  if (frame.type === 'data') server.send(frame);
}

// Our API server runs no programs and forwards no ports. This one says what it hears until that ends, over WebSocket.
const ports = new Map<Peer, SpdyServer>();
const programs = await upgradeServer({
  onOpen(peer) {
    if (!peer.url.pathname.endsWith('/portforward')) return;
    // A message of the fixture begins with a byte of its own.
    ports.set(peer, new SpdyServer((bytes) => peer.send(bytes[0] ?? 0, bytes.subarray(1)), echo));
  },
  onMessage(peer, channel, payload) {
    const port = ports.get(peer);
    if (port !== undefined) {
      port.receive(Buffer.concat([Buffer.of(channel), payload]));
      return;
    }
    if (channel === 0) peer.send(1, payload);
    if (channel !== 255) return;
    peer.send(3, '{"metadata":{},"status":"Success"}');
    peer.close();
  },
});
// And this one refuses WebSockets.
const spdy = await spdyHttpServer(echo);

/** In front of a server that speaks no TLS. */
async function secured(url: string): Promise<string> {
  const { certificate: cert, privateKey: key } = issue('programs', 'server');
  const port = await listening(
    createTlsServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket) => {
      const upstream = connect(Number(new URL(url).port), host);
      for (const each of [socket, upstream]) each.on('error', () => each.destroy()).once('close', () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    }),
  );
  return `https://${host}:${port}`;
}
const upgrading = { programs: await secured(programs.url), spdy: await secured(spdy.url) };

let tunnels = 0;
const proxy = createHttpServer();
proxy.on('connect', (request, socket) => {
  tunnels++;
  const to = new URL(`http://${request.url}`);
  const upstream = connect(Number(to.port), to.hostname);
  for (const each of [socket, upstream]) each.on('error', () => each.destroy()).once('close', () => upstream.destroy());
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  socket.pipe(upstream).pipe(socket);
});
const proxyPort = await listening(proxy);

const control = createHttpServer((request, response) => {
  const counted = { open: open.size, opened, tunnels, ...upgrading };
  // As a network does it: the client is told by a reset.
  if (request.method === 'POST') for (const socket of open) socket.resetAndDestroy();
  response.end(JSON.stringify(counted));
});

const admin = issue('admin', 'client');
const apiVersion = 'client.authentication.k8s.io/v1';
writeFileSync(
  file('credential.json'),
  JSON.stringify({
    apiVersion,
    kind: 'ExecCredential',
    status: { clientCertificateData: admin.certificate, clientKeyData: admin.privateKey },
  }),
);
// Refuses to work without what it was promised: which cluster it is for.
writeFileSync(
  file('credentials.sh'),
  '#!/bin/sh\ncase "$KUBERNETES_EXEC_INFO" in *certificate-authority-data*) cat "$1" ;; *) exit 3 ;; esac\n',
);
chmodSync(file('credentials.sh'), 0o755);
const cluster = { server: `https://${host}:${relayPort}`, 'certificate-authority-data': Buffer.from(ca.certificate).toString('base64') };
writeFileSync(
  file('kubeconfig.yaml'),
  writeYaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'packed',
    contexts: ['packed', 'proxied'].map((name) => ({ name, context: { cluster: name, user: 'admin' } })),
    clusters: [
      { name: 'packed', cluster },
      { name: 'proxied', cluster: { ...cluster, 'proxy-url': `http://${host}:${proxyPort}` } },
    ],
    users: [
      {
        name: 'admin',
        user: {
          exec: {
            apiVersion,
            command: './credentials.sh',
            args: [file('credential.json')],
            interactiveMode: 'Never',
            provideClusterInfo: true,
          },
        },
      },
    ],
  }),
);
writeFileSync(file('ca.crt'), ca.certificate);
// Two of them: what serves is told to take over the second one.
for (const name of ['tls', 'next']) {
  const { certificate, privateKey } = issue('webhook', 'server');
  writeFileSync(file(`${name}.crt`), certificate);
  writeFileSync(file(`${name}.key`), privateKey, { mode: 0o600 });
}
console.log(`http://${host}:${await listening(control)}`);
process.stdin.resume().once('close', () => process.exit());
