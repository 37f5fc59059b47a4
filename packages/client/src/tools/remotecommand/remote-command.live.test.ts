import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { isForbidden, StatusError, TransportError } from '@coracle/apimachinery';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { httpTransport } from '../../transport/http-transport.ts';
import { ExitCodeError } from './command-result.ts';
import { attach, exec, type RemoteCommandTarget } from './remote-command.ts';
import type { Streams } from './streams.ts';
import { type Peer, upgradeServer, type UpgradeServerOptions } from '../../transport/upgrade-server.fixture.ts';

const success = '{"metadata":{},"status":"Success"}';
const failure = (causes: unknown): string =>
  JSON.stringify({
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: 'no',
    ...(causes === undefined ? {} : { details: { causes } }),
  });

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

async function target(options: UpgradeServerOptions): Promise<RemoteCommandTarget> {
  const { url, close } = await upgradeServer(options);
  const transport = httpTransport({ process, config: { server: url } });
  closing.push(close, () => transport.close());
  return { process, transport, namespace: 'n', pod: 'p', container: 'c' };
}

function collected(): { readonly streams: Streams; readonly text: { out: string; err: string } } {
  const text = { out: '', err: '' };
  const decoder = new TextDecoder();
  return {
    text,
    streams: {
      stdout: (chunk) => {
        text.out += decoder.decode(chunk);
      },
      stderr: (chunk) => {
        text.err += decoder.decode(chunk);
      },
    },
  };
}

async function* input(...parts: string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) yield Buffer.from(part);
}

describe('exec', () => {
  test('sends the command as parameters, and gives both outputs', async () => {
    let asked: URL | undefined;
    const { streams, text } = collected();
    const to = await target({
      onOpen(peer) {
        asked = peer.url;
        for (const channel of [1, 2, 3]) peer.send(channel, '');
        peer.send(1, 'out');
        peer.send(2, 'err');
        peer.send(1, ' more');
        peer.send(3, success);
        peer.close();
      },
    });
    await exec(to, ['sh', '-c', 'echo a b'], streams);
    assert.deepEqual(text, { out: 'out more', err: 'err' });
    assert.equal(
      `${asked?.pathname}${asked?.search}`,
      '/api/v1/namespaces/n/pods/p/exec?command=sh&command=-c&command=echo+a+b&container=c&stdout=true&stderr=true',
    );
  });

  for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io']) {
    test(`${protocol}: standard input goes in; its end can${protocol.startsWith('v5') ? '' : 'not'} be told`, async () => {
      const seen: string[] = [];
      const to = await target({
        choose: () => protocol,
        onMessage(peer, channel, payload) {
          seen.push(`${channel} ${channel === 255 ? payload[0] : payload.toString()}`);
          const isEnd = protocol.startsWith('v5') ? channel === 255 : payload.toString() === 'two';
          if (!isEnd) return;
          peer.send(1, 'read');
          peer.send(3, success);
          peer.close();
        },
      });
      const { streams, text } = collected();
      await exec(to, ['cat'], { ...streams, stdin: input('one', 'two') });
      assert.equal(text.out, 'read');
      assert.deepEqual(seen, protocol.startsWith('v5') ? ['0 one', '0 two', '255 0'] : ['0 one', '0 two']);
    });
  }

  test('sizes of the terminal, as they change', async () => {
    const seen: string[] = [];
    const to = await target({
      onMessage(peer, channel, payload) {
        seen.push(`${channel} ${payload.toString()}`);
        if (seen.length === 2) {
          peer.send(3, success);
          peer.close();
        }
      },
    });
    const sizes = (async function* () {
      yield { width: 80, height: 24 };
      yield { width: 100, height: 30 };
    })();
    await exec(to, ['top'], { stdout: () => undefined, tty: true, sizes });
    assert.deepEqual(seen, ['4 {"Width":80,"Height":24}\n', '4 {"Width":100,"Height":30}\n']);
  });

  const ends: readonly (readonly [string, string, (error: unknown) => boolean])[] = [
    [
      'a code',
      failure([{ reason: 'ExitCode', message: '42' }]),
      (error) => error instanceof ExitCodeError && error.exitCode === 42 && error.message === 'command terminated with exit code 42',
    ],
    [
      'a Status',
      '{"metadata":{},"status":"Failure","reason":"InternalError","message":"no shell","code":500}',
      (error) => error instanceof StatusError && error.message === 'no shell',
    ],
    [
      'a code that is none',
      failure([{ reason: 'ExitCode', message: '300' }]),
      (error) => /invalid exit code value "300"/.test(String(error)),
    ],
    ['no code', failure([]), (error) => /no ExitCode cause given/.test(String(error))],
    ['no details', failure(undefined), (error) => /details must be set/.test(String(error))],
    ['no JSON', 'oops', (error) => /error stream protocol error: .* in "oops"/.test(String(error))],
    ['another state', '{"status":"Maybe"}', (error) => /unknown error/.test(String(error))],
  ];
  for (const [name, text, is] of ends) {
    test(`ends with ${name}`, async () => {
      const to = await target({
        onOpen(peer) {
          peer.send(3, text);
          peer.close();
        },
      });
      await assert.rejects(exec(to, ['x'], collected().streams), is);
    });
  }

  test('a refusal is the server’s Status', async () => {
    const to = await target({
      refuse: { status: 403, body: '{"kind":"Status","status":"Failure","reason":"Forbidden","message":"no exec","code":403}' },
    });
    await assert.rejects(exec(to, ['x'], collected().streams), (error) => isForbidden(error) && (error as Error).message === 'no exec');
    const plain = await target({ refuse: { status: 400, body: 'pod is not running' } });
    await assert.rejects(
      exec(plain, ['x'], collected().streams),
      (error) => error instanceof TransportError && error.executed === 'no' && (error.cause as Error).message === 'pod is not running',
    );
  });

  const broken: readonly (readonly [string, (peer: Peer) => void, RegExp])[] = [
    ['breaks', (peer) => peer.destroy(), /unexpected EOF|ECONNRESET|aborted/],
    ['closes with a code', (peer) => peer.close(1011), /websocket: close 1011/],
    ['sends text', (peer) => peer.raw(Uint8Array.of(0x81, 1, 0x61)), /unexpected message type: 1/],
    ['masks', (peer) => peer.raw(Uint8Array.of(0x82, 0x80, 0, 0, 0, 0)), /must not mask/],
    ['begins a message within another', (peer) => peer.raw(Uint8Array.of(0x02, 1, 1, 0x82, 1, 1)), /a message began within another/],
  ];
  for (const [name, act, want] of broken) {
    test(`a server that ${name} is an error`, async () => {
      await assert.rejects(exec(await target({ onOpen: act }), ['x'], collected().streams), want);
    });
  }

  test('a message may come in parts, and pings between', async () => {
    const { streams, text } = collected();
    const to = await target({
      onOpen(peer) {
        peer.raw(Uint8Array.of(0x02, 2, 1, 0x61));
        peer.raw(Uint8Array.of(0x89, 0));
        peer.raw(Uint8Array.of(0x80, 1, 0x62));
        peer.send(3, success);
        peer.close();
      },
    });
    await exec(to, ['x'], streams);
    assert.equal(text.out, 'ab');
  });

  test('an abort ends it with the caller’s reason, whatever standard input does', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const to = await target({
      onOpen(peer) {
        peer.send(1, 'a');
      },
    });
    const typing = (async function* () {
      yield await new Promise<never>(() => undefined); // nobody types
    })();
    const streams: Streams = { stdout: () => stop.abort(reason), stdin: typing };
    await assert.rejects(exec(to, ['x'], streams, { signal: stop.signal }), (error) => error === reason);
  });

  test('refuses what cannot be', async () => {
    const to = await target({});
    await assert.rejects(async () => exec(to, [], collected().streams), TypeError);
    await assert.rejects(async () => exec(to, ['x'], {}), TypeError);
    await assert.rejects(async () => exec(to, ['x'], { ...collected().streams, tty: true }), TypeError);
    const other = await target({ choose: () => 'v9.channel.k8s.io' });
    await assert.rejects(exec(other, ['x'], collected().streams), /chose the protocol "v9.channel.k8s.io"/);
  });
});

test('attach joins what runs', async () => {
  let asked = '';
  const to = await target({
    onOpen(peer) {
      asked = `${peer.url.pathname}${peer.url.search}`;
      peer.send(3, success);
      peer.close();
    },
  });
  await attach(to, { stdout: () => undefined });
  assert.equal(asked, '/api/v1/namespaces/n/pods/p/attach?container=c&stdout=true');
});
