import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TransportError } from '@coracle/apimachinery';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { httpTransport } from '../../transport/http-transport.ts';
import { type SpdyServer, spdyHttpServer } from '../../transport/spdy/spdy-server.fixture.ts';
import { exec, type RemoteCommandTarget } from './remote-command.ts';
import type { Streams } from './streams.ts';

const success = '{"metadata":{},"status":"Success"}';
const exit7 = '{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}';

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

/** Numbers of the streams of a command by what they are. */
type StreamIds = Record<string, number>;

/**
 * A node that begins with `onBegin` when it has `count` streams, and is told by `onInput` what comes to them, '' being the end.
 */
async function node(
  count: number,
  onBegin: (server: SpdyServer, ids: StreamIds, destroy: () => void) => void,
  onInput: (server: SpdyServer, ids: StreamIds, name: string, text: string) => void = () => undefined,
) {
  const ids: StreamIds = {};
  const http = await spdyHttpServer((frame, server, socket) => {
    if (frame.type === 'syn-stream') {
      ids[frame.headers['streamtype'] ?? ''] = frame.streamId;
      server.accept(frame);
      if (Object.keys(ids).length === count) onBegin(server, ids, () => socket.destroy());
    } else if (frame.type === 'data') {
      const name = Object.keys(ids).find((key) => ids[key] === frame.streamId) ?? '';
      onInput(server, ids, name, Buffer.from(frame.bytes).toString());
    }
  });
  const transport = httpTransport({ process, config: { server: http.url } });
  closing.push(
    () => http.close(),
    () => transport.close(),
  );
  const to: RemoteCommandTarget = { process, transport, namespace: 'n', pod: 'p' };
  return { to, http, ids };
}

function collected(): { readonly streams: Streams; readonly text: { out: string; err: string } } {
  const text = { out: '', err: '' };
  return {
    text,
    streams: {
      stdout: (chunk) => {
        text.out += Buffer.from(chunk).toString();
      },
      stderr: (chunk) => {
        text.err += Buffer.from(chunk).toString();
      },
    },
  };
}

const finish = (server: SpdyServer, ids: StreamIds, result: string): void => {
  server.say(ids['error'] ?? 0, result);
  // As the node does when it closes.
  for (const id of Object.values(ids)) server.reset(id, 5);
};

describe('exec over SPDY', () => {
  test('follows when WebSockets are refused: input goes in with its end, both outputs come out', async () => {
    const { to, http, ids } = await node(
      4,
      () => undefined,
      (server, { stdout = 0, stderr = 0, ...others }, name, text) => {
        assert.equal(name, 'stdin');
        if (text !== '') server.say(stdout, `got ${text}. `);
        else {
          server.say(stderr, 'that is all');
          finish(server, { stdout, stderr, ...others }, success);
        }
      },
    );
    const { streams, text } = collected();
    const stdin = (async function* () {
      for (const part of ['one', 'two']) yield Buffer.from(part);
    })();
    await exec(to, ['cat', '-'], { ...streams, stdin });
    assert.equal(`${text.out}${text.err}`.replaceAll('. got ', ''), 'got onetwo. that is all');
    assert.deepEqual(ids, { error: 1, stdin: 3, stdout: 5, stderr: 7 });
    const path = '/api/v1/namespaces/n/pods/p/exec?command=cat&command=-&stdin=true&stdout=true&stderr=true';
    assert.deepEqual(
      http.asked.map(({ method, url, headers }) => [method, url, headers.upgrade, headers['x-stream-protocol-version']]),
      [
        ['GET', path, 'websocket', undefined],
        ['POST', path, 'SPDY/3.1', 'v4.channel.k8s.io'],
      ],
    );
  });

  test('tells the sizes of a terminal on a stream of their own', async () => {
    const sizes: string[] = [];
    const { to } = await node(
      3,
      () => undefined,
      (server, ids, name, text) => {
        sizes.push(`${name} ${text}`);
        if (sizes.length === 2) finish(server, ids, success);
      },
    );
    const changing = (async function* () {
      yield { width: 80, height: 24 };
      yield { width: 100, height: 30 };
    })();
    await exec(to, ['sh'], { stdout: () => undefined, tty: true, sizes: changing });
    assert.deepEqual(sizes, ['resize {"Width":80,"Height":24}\n', 'resize {"Width":100,"Height":30}\n']);
  });

  for (const { what, onBegin, want } of [
    {
      what: 'a code',
      onBegin: (server: SpdyServer, ids: StreamIds) => finish(server, ids, exit7),
      want: /^ExitCodeError: command terminated with exit code 7$/,
    },
    {
      what: 'a Status',
      onBegin: (server: SpdyServer, ids: StreamIds) => finish(server, ids, '{"status":"Failure","message":"no such container"}'),
      want: /^StatusError: no such container$/,
    },
    {
      what: 'no JSON',
      onBegin: (server: SpdyServer, ids: StreamIds) => finish(server, ids, 'oops'),
      want: /error stream protocol error: .* in "oops"/,
    },
    {
      what: 'no result at all',
      onBegin: (server: SpdyServer, ids: StreamIds) => {
        for (const id of Object.values(ids)) server.reset(id, 5);
      },
      want: /^SpdyStreamResetError: the stream was reset with status 5$/,
    },
    {
      what: 'a connection that is lost',
      onBegin: (_server: SpdyServer, _ids: StreamIds, destroy: () => void) => destroy(),
      want: /^TransportError: The connection was lost: /,
    },
  ]) {
    test(`ends with ${what}`, async () => {
      const { to } = await node(3, onBegin);
      await assert.rejects(exec(to, ['x'], collected().streams), want);
    });
  }

  test('an abort ends it with the caller’s reason', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const { to, http } = await node(2, (server, { stdout = 0 }) => server.say(stdout, 'x'));
    await assert.rejects(exec(to, ['x'], { stdout: () => stop.abort(reason) }, { signal: stop.signal }), (error) => error === reason);
    assert.equal(http.servers.length, 1);
  });

  test('a node that takes no stream is an error', async () => {
    const http = await spdyHttpServer((frame, server) => {
      if (frame.type === 'syn-stream') server.reset(frame.streamId, 3);
    });
    const transport = httpTransport({ process, config: { server: http.url } });
    closing.push(
      () => http.close(),
      () => transport.close(),
    );
    await assert.rejects(exec({ process, transport, namespace: 'n', pod: 'p' }, ['x'], collected().streams), /reset with status 3/);
  });

  test('is not tried when a WebSocket could have begun to run the program, or there is no connection', async () => {
    let asked = 0;
    for (const executed of ['unknown', 'no'] as const) {
      const transport = {
        exchange: () => assert.fail('nothing is exchanged'),
        upgrade() {
          asked++;
          const message = executed === 'unknown' ? 'Cannot upgrade "x": the server chose another' : 'Cannot connect to "x"';
          return Promise.reject(new TransportError(message, { executed }));
        },
      };
      await assert.rejects(exec({ process, transport, namespace: 'n', pod: 'p' }, ['x'], collected().streams), TransportError);
    }
    assert.equal(asked, 2);
  });
});
