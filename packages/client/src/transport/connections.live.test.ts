import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TransportError } from '@coracle/apimachinery';
import { LiveRuntime, type Process, untilAborted } from '@coracle/kernel';
import { TestApiServer } from '../contract/api-server.fixture.ts';
import type { PluginHost } from '../plugin/credentials/exec.ts';
import type { ClientConfig } from '../rest/config.ts';
import { memoryHost } from '../rest/fixtures/memory-host.ts';
import type { ClosableTransport } from './http.ts';
import { httpTransport, type HttpTransportOptions } from './http-transport.ts';
import { changingRequests } from './wire-request.ts';

const version = { method: 'GET', path: '/version', query: [], headers: {} } as const;

function portOf(server: Server | TcpServer): number {
  return (server.address() as AddressInfo).port; // it listens on TCP
}

function listening<S extends Server | TcpServer>(server: S): Promise<S> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

let process: Process;
let open: (AsyncDisposable | Server | TcpServer)[];

beforeEach(() => {
  process = new LiveRuntime().process('test');
  open = [];
});

afterEach(async () => {
  for (const each of open.reverse()) {
    if (Symbol.asyncDispose in each && !('listen' in each)) await each[Symbol.asyncDispose]();
    else {
      if ('closeAllConnections' in each) each.closeAllConnections();
      await new Promise<void>((resolve) => (each as Server).close(() => resolve()));
    }
  }
  await process.stop();
});

function transportTo(config: ClientConfig, options: Partial<HttpTransportOptions> = {}): ClosableTransport {
  const transport = httpTransport({ process, config, host: memoryHost(), ...options });
  open.push(transport);
  return transport;
}

/** A server that tells what it was asked. */
async function echo(): Promise<{
  readonly url: string;
  readonly asked: IncomingMessage[];
  answer: (request: IncomingMessage) => {
    readonly status?: number;
    readonly body?: string | Buffer;
    readonly headers?: Record<string, string>;
  };
}> {
  const asked: IncomingMessage[] = [];
  const state: Awaited<ReturnType<typeof echo>> = { url: '', asked, answer: () => ({}) };
  const server = await listening(
    createServer((request, response) => {
      asked.push(request);
      const { status = 200, body = '{}', headers = {} } = state.answer(request);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    }),
  );
  open.push(server);
  return Object.assign(state, { url: `http://127.0.0.1:${portOf(server)}` });
}

describe('plain HTTP', () => {
  test('is HTTP/1.1, over a connection that is kept', async () => {
    const server = await echo();
    const transport = transportTo({ server: server.url });
    await transport.exchange(version);
    await transport.exchange(version);
    assert.equal(server.asked[0]?.httpVersion, '1.1');
    assert.equal(server.asked[0]?.socket, server.asked[1]?.socket);
    assert.equal(server.asked[0]?.headers.host, new URL(server.url).host);
  });

  test('a path of the server comes before the request’s', async () => {
    const server = await echo();
    await transportTo({ server: `${server.url}/clusters/a/` }).exchange(version);
    assert.equal(server.asked[0]?.url, '/clusters/a/version');
  });

  test('zipped answers are unzipped, unless the config wants none', async () => {
    const server = await echo();
    server.answer = (request) =>
      request.headers['accept-encoding'] === 'gzip'
        ? { body: gzipSync('{"a":1}'), headers: { 'content-encoding': 'gzip' } }
        : { body: '{"b":1}' };
    const text = async (config: ClientConfig): Promise<string> => {
      const { body, headers } = (await transportTo(config).exchange(version)) as {
        body: { bytes: Uint8Array };
        headers: Record<string, string>;
      };
      assert.equal(headers['content-encoding'], undefined);
      return new TextDecoder().decode(body.bytes);
    };
    assert.equal(await text({ server: server.url }), '{"a":1}');
    assert.equal(await text({ server: server.url, disableCompression: true }), '{"b":1}');
    server.answer = () => ({ body: 'no zip', headers: { 'content-encoding': 'gzip' } });
    await assert.rejects(text({ server: server.url }), TransportError);
  });

  test('a kept connection that the server closed is no failure for a read', async () => {
    const server = await echo();
    const transport = transportTo({ server: server.url });
    await transport.exchange(version);
    server.asked[0]?.socket.destroy();
    await transport.exchange(version);
    assert.equal(server.asked.length, 2);
  });
});

describe('credentials', () => {
  test('a token file, a name and password, an agent, somebody else: all go with the request', async () => {
    const server = await echo();
    const host = memoryHost({ '/token': 'from-file\n' });
    await transportTo(
      { server: server.url, token: 'old', tokenFile: '/token', userAgent: 'me/1', impersonate: { userName: 'jane', groups: ['a', 'b'] } },
      { host },
    ).exchange(version);
    await transportTo({ server: server.url, username: 'u', password: 'p' }).exchange(version);
    const [first, second] = server.asked;
    assert.deepEqual(
      [first?.headers.authorization, first?.headers['user-agent'], first?.headers['impersonate-user']],
      ['Bearer from-file', 'me/1', 'jane'],
    );
    assert.deepEqual(first?.headersDistinct['impersonate-group'], ['a', 'b']);
    assert.equal(second?.headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
  });

  test('what wraps the connections sees what credentials added, and may add to it', async () => {
    const server = await echo();
    const seen: (string | undefined)[] = [];
    const wrap = changingRequests((request) => {
      seen.push(request.headers['authorization']);
      return { ...request, headers: { ...request.headers, 'x-mine': 'yes' } };
    });
    await transportTo({ server: server.url, token: 't' }, { wrap }).exchange(version);
    assert.deepEqual([seen, server.asked[0]?.headers['x-mine']], [['Bearer t'], 'yes']);
  });

  test('a plugin is run for the first request, and after a 401 for the next', async () => {
    const server = await echo();
    let runs = 0;
    const plugins: PluginHost = {
      environment: {},
      isTerminal: false,
      resolve: () => undefined,
      run: async () => ({
        exitCode: 0,
        stdout: JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', status: { token: `t${++runs}` } }),
      }),
    };
    server.answer = (request) => ({ status: request.headers.authorization === 'Bearer t2' ? 200 : 401 });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'login',
      args: [],
      env: [],
      provideClusterInfo: false,
      interactiveMode: 'Never',
    } as const;
    const transport = transportTo({ server: server.url, exec }, { plugins });
    assert.equal(runs, 0);
    assert.deepEqual([(await transport.exchange(version)).status, (await transport.exchange(version)).status, runs], [401, 200, 2]);
    await transportTo({ server: server.url, exec, token: 'mine' }, { plugins }).exchange(version);
    assert.equal(runs, 2, 'who has a token needs no plugin');
  });

  test('an OpenID token is refreshed at the issuer', async () => {
    const issuer = await echo();
    const token = `h.${Buffer.from('{"exp":9000000000}').toString('base64url')}.s`;
    issuer.answer = ({ method }) => ({
      body: JSON.stringify(method === 'GET' ? { token_endpoint: `${issuer.url}/token` } : { id_token: token }),
    });
    const server = await echo();
    let kept: object = {};
    const authProvider = { name: 'oidc', config: { 'idp-issuer-url': issuer.url, 'client-id': 'id', 'refresh-token': 'r' } };
    await transportTo({ server: server.url, authProvider }, { persistAuthProvider: (config) => (kept = config) }).exchange(version);
    assert.equal(server.asked[0]?.headers.authorization, `Bearer ${token}`);
    assert.deepEqual(kept, { ...authProvider.config, 'id-token': token });
  });

  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'x', args: [], env: [], provideClusterInfo: false } as const;
  const refused: readonly (readonly [string, Partial<ClientConfig>, RegExp])[] = [
    ['a token beside a password', { token: 't', username: 'u' }, /username\/password or bearer token may be set, but not both/],
    [
      'insecure with an authority',
      { insecureSkipTlsVerify: true, certificateAuthority: 'x' },
      /root certificates file with the insecure flag/,
    ],
    ['a certificate without key', { clientCertificate: 'x' }, /a client certificate needs its key/],
    ['two ways to get credentials', { exec, authProvider: { name: 'oidc', config: {} } }, /cannot be used in combination/],
    ['a provider that nobody has', { authProvider: { name: 'other', config: {} } }, /no Auth Provider found for name "other"/],
    [
      'a provider that is gone',
      { authProvider: { name: 'gcp', config: {} } },
      /the gcp auth plugin has been removed; use the "gke-gcloud-auth-plugin"/,
    ],
    ['a provider without its fields', { authProvider: { name: 'oidc', config: {} } }, /Must provide idp-issuer-url/],
    ['impersonation of nobody', { impersonate: { userName: '', groups: ['a'] } }, /without impersonating a user/],
    ['another scheme', { server: 'ftp://a' }, /neither https nor http/],
    ['an address with a path and no scheme', { server: 'a/b' }, /host must be a URL or a host:port pair: "a\/b"/],
    ['an address that is none', { server: 'https://a b' }, /host must be a URL or a host:port pair/],
  ];
  for (const [name, config, want] of refused)
    test(`refuses ${name}`, () => assert.throws(() => transportTo({ server: 'https://a', ...config }), want));
});

/** Copies both ways. */
function join(a: Socket, b: Socket): void {
  a.pipe(b).pipe(a);
  for (const socket of [a, b]) socket.on('error', () => undefined);
}

async function connectProxy(
  check: (request: IncomingMessage) => boolean = () => true,
): Promise<{ readonly port: number; readonly targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((request, response) => {
    targets.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.on('connect', (request, socket, head) => {
    targets.push(`CONNECT ${request.url}`);
    if (!check(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      join(socket as Socket, upstream);
    });
  });
  open.push(await listening(server));
  return { port: portOf(server), targets };
}

/** As RFC 1928 has it, with a name and password when `password` is given. */
async function socksProxy(password?: string): Promise<{ readonly port: number; readonly targets: string[] }> {
  const targets: string[] = [];
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    const next = (): Promise<Buffer> => new Promise((resolve) => socket.once('data', resolve));
    const serve = async (): Promise<void> => {
      await next();
      socket.write(Buffer.from([5, password === undefined ? 0 : 2]));
      if (password !== undefined) {
        const given = await next();
        socket.write(Buffer.from([1, given.toString().endsWith(password) ? 0 : 1]));
      }
      const request = await next();
      const length = request[4] ?? 0;
      const host = request[3] === 1 ? [...request.subarray(4, 8)].join('.') : request.subarray(5, 5 + length).toString();
      const port = request.readUInt16BE(request.length - 2);
      targets.push(`${host}:${port}`);
      const upstream = connect(port, '127.0.0.1', () => {
        socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
        join(socket, upstream);
      });
      upstream.on('error', () => socket.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])));
    };
    serve().catch(() => socket.destroy());
  });
  open.push(await listening(server));
  return { port: portOf(server), targets };
}

describe('proxies', () => {
  async function apiServer(): Promise<ClientConfig> {
    const server = new TestApiServer(new LiveRuntime());
    await server.start();
    const { config, close } = await server.listen();
    open.push({
      async [Symbol.asyncDispose]() {
        await close();
        await server.process.stop();
      },
    });
    return config;
  }

  test('https through CONNECT, with HTTP/2 and a password', async () => {
    const proxy = await connectProxy(
      (request) => request.headers['proxy-authorization'] === `Basic ${Buffer.from('u:p@').toString('base64')}`,
    );
    const config = await apiServer();
    const target = `CONNECT ${new URL(config.server).host}`;
    assert.equal((await transportTo({ ...config, proxyUrl: `http://u:p%40@127.0.0.1:${proxy.port}` }).exchange(version)).status, 200);
    await assert.rejects(
      transportTo({ ...config, proxyUrl: `http://127.0.0.1:${proxy.port}` }).exchange(version),
      (error) => error instanceof TransportError && error.executed === 'no' && /407 Proxy Authentication Required/.test(error.message),
    );
    assert.deepEqual(proxy.targets, [target, target]);
  });

  test('plain HTTP is forwarded, with the whole address', async () => {
    const proxy = await connectProxy();
    await transportTo({ server: 'http://api.example.com', proxyUrl: `http://127.0.0.1:${proxy.port}` }).exchange(version);
    assert.deepEqual(proxy.targets, ['GET http://api.example.com/version']);
  });

  for (const password of [undefined, 'secret']) {
    test(`SOCKS5 ${password === undefined ? 'without' : 'with'} a password`, async () => {
      const proxy = await socksProxy(password);
      const config = await apiServer();
      const login = password === undefined ? '' : `u:${password}@`;
      assert.equal((await transportTo({ ...config, proxyUrl: `socks5://${login}127.0.0.1:${proxy.port}` }).exchange(version)).status, 200);
      assert.deepEqual(proxy.targets, [new URL(config.server).host]);
    });
  }

  test('SOCKS5 that refuses says why', async () => {
    const proxy = await socksProxy('secret');
    await assert.rejects(
      transportTo({ server: 'http://127.0.0.1:1', proxyUrl: `socks5://u:wrong@127.0.0.1:${proxy.port}` }).exchange(version),
      /refuses the name and password/,
    );
    await assert.rejects(
      transportTo({ server: 'http://127.0.0.1:1', proxyUrl: `socks5://u:secret@127.0.0.1:${proxy.port}` }).exchange(version),
      /connection refused/,
    );
  });

  test('certificates: one of nobody, another name, and none at all', async () => {
    const config = await apiServer();
    const { certificateAuthority: _, ...anonymous } = config;
    await assert.rejects(transportTo(anonymous).exchange(version), (error) => error instanceof TransportError && error.executed === 'no');
    assert.equal((await transportTo({ ...anonymous, insecureSkipTlsVerify: true }).exchange(version)).status, 200);
    await assert.rejects(transportTo({ ...config, tlsServerName: 'other.example.com' }).exchange(version), /altnames|does not match/);
    await assert.rejects(transportTo({ ...config, certificateAuthority: 'garbage' }).exchange(version), /unable to load root certificates/);
  });

  test('certificates from files', async () => {
    const { certificateAuthority = '', clientCertificate = '', clientKey = '', server } = await apiServer();
    const host = memoryHost({ '/ca': certificateAuthority, '/cert': clientCertificate, '/key': clientKey });
    const config = { server, certificateAuthorityFile: '/ca', clientCertificateFile: '/cert', clientKeyFile: '/key' };
    assert.equal((await transportTo(config, { host }).exchange(version)).status, 200);
    host.files.delete('/key');
    await assert.rejects(transportTo(config, { host }).exchange(version), /open \/key: no such file or directory/);
  });

  /** The members of `object` and of its class; methods keep their object. */
  function boundTo<T extends object>(object: T): T {
    const names = [...Object.getOwnPropertyNames(object), ...Object.getOwnPropertyNames(Object.getPrototypeOf(object))];
    const members = names.map((name) => [name, Reflect.get(object, name)] as const);
    return Object.fromEntries(
      members.map(([name, value]) => [name, typeof value === 'function' ? (value as () => unknown).bind(object) : value]),
    ) as T; // by name
  }

  /** The process with a clock whose long timers fire when they are told to. */
  function withManualTimers(): { readonly process: Process; fire(): void } {
    const waiting: (() => void)[] = [];
    const timer: Process['clock']['timer'] = (ms, fire, options) => {
      if (ms < 300_000) return process.clock.timer(ms, fire, options);
      waiting.push(fire);
      return { [Symbol.dispose]: () => undefined };
    };
    const clock = { ...boundTo(process.clock), timer };
    return {
      process: { ...boundTo(process), signal: process.signal, clock, log: process.log, metrics: process.metrics, random: process.random },
      fire: () => waiting.shift()?.(),
    };
  }

  test('files that changed break the connections within five minutes; the next one has the new certificate', async () => {
    const { certificateAuthority = '', clientCertificate = '', clientKey = '', server } = await apiServer();
    const host = memoryHost({ '/ca': certificateAuthority, '/cert': clientCertificate, '/key': clientKey });
    const manual = withManualTimers();
    const transport = transportTo(
      { server, certificateAuthorityFile: '/ca', clientCertificateFile: '/cert', clientKeyFile: '/key' },
      { host, process: manual.process },
    );
    const watch = await transport.exchange({ ...version, path: '/api/v1/namespaces', query: [['watch', 'true']] });
    assert.ok('events' in watch);
    const iterator = watch.events[Symbol.asyncIterator]();
    await iterator.next();
    manual.fire();
    assert.equal((await transport.exchange(version)).status, 200);
    host.files.set('/ca', `${certificateAuthority}\n`);
    manual.fire();
    const rest = async (): Promise<void> => {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next());
    };
    await assert.rejects(rest(), TransportError);
    assert.equal((await transport.exchange(version)).status, 200);
    // Somebody writes it anew, in steps: what was good before is used on.
    for (const half of ['', 'garbage', certificateAuthority.slice(0, 200)]) {
      host.files.set('/ca', half);
      host.files.set('/cert', `${host.files.get('/cert')}\n`); // so that the next request needs a new connection
      manual.fire();
      assert.equal((await transport.exchange(version)).status, 200);
    }
    host.files.delete('/ca');
    manual.fire();
    assert.equal((await transport.exchange(version)).status, 200);
    host.files.set('/ca', (await apiServer()).certificateAuthority ?? '');
    manual.fire();
    await assert.rejects(transport.exchange(version), /certificate/, 'another authority, which did not sign it');
    const reloads = process.metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('rest_client_transport_ca_reload_total'));
    assert.deepEqual(reloads, [
      'rest_client_transport_ca_reload_total{result="success",reason="unchanged"} 1',
      'rest_client_transport_ca_reload_total{result="success",reason="updated"} 2',
      'rest_client_transport_ca_reload_total{result="failure",reason="empty"} 1',
      'rest_client_transport_ca_reload_total{result="failure",reason="ca_parse_error"} 2',
      'rest_client_transport_ca_reload_total{result="failure",reason="read_error"} 1',
    ]);
  });

  test('a plugin’s certificate is used; another one breaks the connections of the first', async () => {
    const { certificateAuthority = '', clientCertificate = '', clientKey = '', server } = await apiServer();
    let runs = 0;
    const plugins: PluginHost = {
      environment: {},
      isTerminal: false,
      resolve: () => undefined,
      async run() {
        const status = {
          clientCertificateData: `${clientCertificate}${'\n'.repeat(runs++)}`,
          clientKeyData: clientKey,
          expirationTimestamp: new Date(Date.now() - 1_000).toISOString(),
        };
        return { exitCode: 0, stdout: JSON.stringify({ kind: 'ExecCredential', apiVersion: 'client.authentication.k8s.io/v1', status }) };
      },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'login',
      args: [],
      env: [],
      provideClusterInfo: false,
      interactiveMode: 'Never',
    } as const;
    const connections: Socket[] = [];
    const relay = await listening(
      createTcpServer((socket) => {
        connections.push(socket);
        join(socket, connect(Number(new URL(server).port), '127.0.0.1'));
      }),
    );
    open.push(relay);
    const through = { server: `https://127.0.0.1:${portOf(relay)}`, certificateAuthority };
    const transport = transportTo({ ...through, exec }, { plugins });
    const list = { ...version, path: '/api/v1/namespaces' };
    for (let i = 0; i < 3; i++) {
      assert.equal((await transport.exchange(list)).status, 200);
      const open = connections.filter(({ destroyed }) => !destroyed);
      assert.ok(open.length <= 1, `${open.length} connections are open after request ${i}`);
    }
    assert.ok(connections.length >= 3, `${connections.length} connections for ${runs} certificates`);
    assert.notEqual((await transportTo(through).exchange(list)).status, 200, 'without the certificate nobody is let in');
    assert.ok(runs >= 3, 'what is expired is asked for again');
  });
});

describe('a process that stops', () => {
  for (const protocol of ['HTTP/1.1', 'HTTP/2'] as const) {
    test(`has the answers to what it asked, and sends its last words, over ${protocol}`, async () => {
      const stopping = new LiveRuntime().process('stopping');
      const slow = Promise.withResolvers<void>();
      const asked: string[] = [];
      const serve = async (url: string, answer: (text: string, hasEnded: boolean) => void): Promise<void> => {
        asked.push(url);
        if (url === '/slow') await slow.promise;
        if (url.includes('watch')) answer('{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n', false);
        else answer('{}', true);
      };
      const connections = new Set<Socket>();
      const respond = (url = '', response: { end(text: string): unknown; write(text: string): unknown }): void => {
        serve(url, (text, hasEnded) => (hasEnded ? response.end(text) : response.write(text))).catch(assert.ifError);
      };
      const server: TcpServer = await listening(
        protocol === 'HTTP/2'
          ? createHttp2Server(({ url }, response) => respond(url, response))
          : createServer(({ url }, response) => respond(url, response)),
      );
      server.on('connection', (socket: Socket) => connections.add(socket.on('close', () => connections.delete(socket))));
      open.push(server);
      const transport = httpTransport({
        process: stopping,
        config: { server: `http://127.0.0.1:${portOf(server)}` },
        host: memoryHost(),
        protocol,
      });
      const get = (path: string, query: readonly (readonly [string, string])[] = []) =>
        transport.exchange({ method: 'GET', path, query, headers: {} });
      const watch = await get('/things', [['watch', 'true']]);
      assert.ok('events' in watch);
      const events = watch.events[Symbol.asyncIterator]();
      await events.next();
      const told: string[] = [];
      stopping.spawn('work', async (signal) => {
        const { status } = await get('/slow');
        told.push(`slow ${status}`);
        await untilAborted(signal);
        told.push(`last ${(await get('/last')).status}`, `more ${(await get('/more')).status}`);
        await assert.rejects(transport.upgrade({ method: 'GET', path: '/exec', query: [], headers: {} }), /the process is being stopped/);
      });
      while (!asked.includes('/slow')) await new Promise((resolve) => setImmediate(resolve));
      const stopped = stopping.stop();
      slow.resolve();
      await assert.rejects(events.next(), TransportError); // it has no end of its own, and no signal
      await stopped;
      assert.deepEqual(told, ['slow 200', 'last 200', 'more 200']);
      while (connections.size > 0) await new Promise((resolve) => setImmediate(resolve));
    });
  }
});
