// Port-forward and exec through a real API server to the real streaming code of the node, over each protocol that we speak:
//   node --conditions=coracle-source packages/client/tools/streams/main.ts
// The server is that of $KUBECONFIG, on this machine, and nothing else may need it: a node and a pod are made and taken away again.
// Needs go, which fetches k8s.io/cri-streaming. Ends with 1 when a result is not the expected one.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlreadyExists, isNotFound, type Transport, TransportError } from '@coracle/apimachinery';
import { type ByteDuplex, LiveRuntime } from '@coracle/kernel';
import {
  Clientset,
  DeferredLoadingClientConfig,
  exec,
  ExitCodeError,
  httpTransport,
  liveHost,
  LoadingRules,
  portForward,
  PortForwardError,
  type Streams,
} from '../../src/index.ts';

const version = '0.37.2';
const tunnel = 'SPDY/3.1+portforward.k8s.io';

/** What is refused on the way, so that the next protocol is spoken. */
const ways: readonly { readonly name: string; refuses(upgrade: string): boolean }[] = [
  { name: 'as it is', refuses: () => false },
  { name: 'without WebSockets', refuses: (upgrade) => upgrade !== 'SPDY/3.1' },
];

const runtime = new LiveRuntime();
const main = runtime.process('streams');
const folder = mkdtempSync(path.join(tmpdir(), 'streams-'));
const config = new DeferredLoadingClientConfig({
  rules: new LoadingRules({ host: liveHost(), log: main.log }),
  log: main.log,
}).clientConfig();
await using transport = httpTransport({ process: main, config });
const clientset = new Clientset({ process: main, transport });
const name = `streams-${main.random.suffix(5)}`;
const pods = clientset.coreV1.pods('default');
let node: ChildProcess | undefined;

function built(): string {
  copyFileSync(path.join(import.meta.dirname, 'node.go'), path.join(folder, 'node.go'));
  writeFileSync(path.join(folder, 'go.mod'), `module node\n\ngo 1.26.0\n\nrequire k8s.io/cri-streaming v${version}\n`);
  const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' };
  execFileSync('go', ['build', '-o', 'node', '.'], { cwd: folder, env, stdio: 'inherit' });
  return path.join(folder, 'node');
}

/** The node's port, once it listens. */
async function started(program: string): Promise<number> {
  node = spawn(program, { stdio: ['pipe', 'pipe', 'ignore'] });
  const { stdout } = node;
  if (stdout === null) throw new Error('the node has no output');
  for await (const chunk of stdout) return Number(String(chunk).trim());
  throw new Error('the node does not start');
}

async function registered(port: number): Promise<void> {
  await clientset.coreV1.nodes().create({ metadata: { name } });
  const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } };
  await clientset.coreV1.nodes().subresource(name, 'status').patch('merge', { status });
  await clientset.coreV1
    .serviceAccounts('default')
    .create({ metadata: { name: 'default' } })
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  const spec = { nodeName: name, automountServiceAccountToken: false, containers: [{ name: 'c', image: 'x' }] };
  await pods.create({ metadata: { name }, spec });
}

async function listening(serve: (socket: Socket) => void): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return { server, port: (server.address() as AddressInfo).port }; // it listens on TCP
}

async function received({ readable }: ByteDuplex): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of readable) parts.push(chunk);
  return Buffer.concat(parts);
}

const counting = await listening((socket) => {
  let length = 0;
  socket.on('data', (chunk) => {
    length += chunk.length;
  });
  socket.on('end', () => socket.end(`got ${length}`));
});
const sending = await listening((socket) => socket.end(Buffer.alloc(20_000_000, 'x')));

async function ports(to: Parameters<typeof portForward>[0]): Promise<void> {
  for (const length of [5, 5_000_000]) {
    const connection = await portForward(to, counting.port);
    await connection.write(Buffer.alloc(length));
    await connection.end();
    assert.equal((await received(connection)).toString(), `got ${length}`);
  }
  assert.equal((await received(await portForward(to, sending.port))).length, 20_000_000);
  const closed = await portForward(to, 1);
  await assert.rejects(received(closed), (error) => error instanceof PortForwardError && /connection refused$/.test(error.message));
  await assert.rejects(portForward({ ...to, pod: 'nobody' }, 1), isNotFound);
}

async function programs(to: Parameters<typeof exec>[0]): Promise<void> {
  let out = '';
  let err = '';
  let length = 0;
  const stdout = (chunk: Uint8Array): void => {
    length += chunk.length;
    if (out.length < 1000) out += Buffer.from(chunk).toString();
  };
  const stderr = (chunk: Uint8Array): void => {
    err += Buffer.from(chunk).toString();
  };
  const streams: Streams = { stdout, stderr };
  await exec(to, ['sh', '-c', 'echo out; echo err >&2'], streams);
  assert.deepEqual([out, err], ['out\n', 'err\n']);
  await assert.rejects(exec(to, ['sh', '-c', 'exit 7'], streams), (error) => error instanceof ExitCodeError && error.exitCode === 7);
  out = '';
  const input = (async function* () {
    for (let i = 0; i < 30; i++) yield Buffer.alloc(100_000);
  })();
  await exec(to, ['wc', '-c'], { ...streams, stdin: input });
  assert.equal(out.trim(), '3000000');
  length = 0;
  await exec(to, ['head', '-c', '20000000', '/dev/zero'], streams);
  assert.equal(length, 20_000_000);
  await assert.rejects(exec(to, ['no-such-program'], streams), /executable file not found/);
  out = '';
  const sizes = (async function* () {
    for (const width of [80, 100]) yield { width, height: 24 };
  })();
  await exec(to, ['sh'], { stdout, tty: true, sizes });
  assert.equal(out, '80 x 24\n100 x 24\n');
  const stop = new AbortController();
  const stopping = exec(to, ['sleep', '100'], { stdout: () => undefined }, { signal: stop.signal });
  await main.clock.sleep(200);
  stop.abort(new Error('enough'));
  await assert.rejects(stopping, /^Error: enough$/);
  await assert.rejects(exec({ ...to, pod: 'nobody' }, ['x'], streams), isNotFound);
}

try {
  await registered(await started(built()));
  for (const way of ways) {
    const spoken = new Set<string>();
    const through: Transport = {
      exchange: (request, options) => transport.exchange(request, options),
      async upgrade(request, options) {
        const upgrade = request.headers['sec-websocket-protocol'] ?? request.headers['upgrade'] ?? '';
        if (way.refuses(upgrade)) throw new TransportError(`Cannot upgrade "${request.path}": refused on the way`, { executed: 'no' });
        const upgraded = await transport.upgrade(request, options);
        spoken.add(upgraded.protocol);
        return upgraded;
      },
    };
    const to = { process: main, transport: through, namespace: 'default', pod: name };
    await ports(to);
    assert.deepEqual([...spoken], [way.name === 'as it is' ? tunnel : 'SPDY/3.1']);
    await programs(to);
    console.log(`${way.name}: all as expected, over ${[...spoken].join(', ')}`);
  }
} finally {
  counting.server.close();
  sending.server.close();
  node?.kill();
  for (const taken of [pods.delete(name, { gracePeriodSeconds: 0 }), clientset.coreV1.nodes().delete(name)]) {
    await taken.catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  rmSync(folder, { recursive: true, force: true });
}
await main.stop();
