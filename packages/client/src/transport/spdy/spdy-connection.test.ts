import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TransportError } from '@coracle/apimachinery';
import type { ByteDuplex } from '@coracle/kernel';
import { SimRuntime } from '@coracle/simulator';
import { EventChannel } from '../../util/event-channel.ts';
import { SpdyConnection, type SpdyStream, SpdyStreamResetError } from './spdy-connection.ts';
import type { SpdyFrame } from './spdy-frames.ts';
import { SpdyServer } from './spdy-server.fixture.ts';

interface Scene {
  readonly runtime: SimRuntime;
  readonly server: SpdyServer;
  readonly connection: SpdyConnection;
  /** The server's bytes to the client; closed, the connection ends. */
  readonly toClient: EventChannel<Uint8Array>;
  /** Bytes that the client has taken. */
  taken(): number;
  isClosed(): boolean;
}

function scene(onFrame?: (frame: SpdyFrame, server: SpdyServer) => void): Scene {
  const runtime = new SimRuntime();
  const process = runtime.process('client');
  const toClient = new EventChannel<Uint8Array>();
  const server = new SpdyServer((bytes) => toClient.push(bytes), onFrame);
  let taken = 0;
  let isClosed = false;
  const duplex: ByteDuplex = {
    readable: (async function* () {
      for await (const bytes of toClient) {
        taken += bytes.length;
        yield bytes;
      }
    })(),
    async write(bytes) {
      if (isClosed) throw new Error('the connection is closed');
      server.receive(bytes);
    },
    end: async () => undefined,
    close() {
      isClosed = true;
      toClient.close();
    },
  };
  const connection = SpdyConnection.over(duplex, process);
  return { runtime, server, connection, toClient, taken: () => taken, isClosed: () => isClosed };
}

async function textOf(stream: SpdyStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.readable) text += Buffer.from(chunk).toString();
  return text;
}

const opened = ({ runtime, connection }: Scene, name = 'a'): Promise<SpdyStream> => runtime.drive(connection.open({ streamtype: name }));

describe('SpdyConnection', () => {
  test('opens streams with odd numbers and their headers, each once it was taken', async () => {
    const at = scene(() => undefined);
    const order: string[] = [];
    const first = at.connection.open({ streamtype: 'error' }).then((stream) => {
      order.push('opened');
      return stream;
    });
    await at.runtime.advance(1_000);
    assert.deepEqual(
      [at.server.frames, order],
      [[{ type: 'syn-stream', streamId: 1, headers: { streamtype: 'error' }, isLast: false }], []],
    );
    at.server.send({ type: 'syn-reply', streamId: 1, headers: {}, isLast: false });
    await at.runtime.drive(first);
    const second = at.connection.open({ streamtype: 'data' });
    at.server.send({ type: 'syn-reply', streamId: 3, headers: {}, isLast: true });
    const stream = await at.runtime.drive(second);
    assert.equal(await at.runtime.drive(textOf(stream)), '');
    at.connection.close();
  });

  test('sends in frames of 32 KiB, and receives until the server has said its last', async () => {
    const at = scene();
    const stream = await opened(at);
    await at.runtime.drive(stream.write(Buffer.alloc(70_000, 'x')));
    await at.runtime.drive(stream.end());
    await at.runtime.drive(stream.end());
    const sent = at.server.frames.filter((frame) => frame.type === 'data');
    assert.deepEqual(
      sent.map(({ bytes, isLast }) => [bytes.length, isLast]),
      [
        [32_768, false],
        [32_768, false],
        [4464, false],
        [0, true],
      ],
    );
    at.server.say(1, 'after your end, ');
    at.server.say(1, 'mine', true);
    at.server.say(1, 'too late');
    assert.equal(await at.runtime.drive(textOf(stream)), 'after your end, mine');
    await assert.rejects(stream.write(Buffer.from('x')), /its end was written/);
    at.connection.close();
  });

  test('keeps streams apart, and takes no notice of one that it does not have', async () => {
    const at = scene();
    const [a, b] = [await opened(at), await opened(at)];
    at.server.say(99, 'x');
    for (const part of ['1', '2']) for (const id of [1, 3]) at.server.say(id, `${id}.${part} `, part === '2');
    assert.deepEqual(await at.runtime.drive(Promise.all([textOf(a), textOf(b)])), ['1.1 1.2 ', '3.1 3.2 ']);
    at.connection.close();
  });

  test('rejects a stream that is not taken, by the server, in time, or before it is given up', async () => {
    const refusing = scene((frame, server) => {
      if (frame.type === 'syn-stream') server.reset(frame.streamId, 3);
    });
    await assert.rejects(opened(refusing), (error) => error instanceof SpdyStreamResetError && error.status === 3);
    const silent = scene((frame, server) => {
      if (frame.type === 'ping') server.send(frame);
    });
    await assert.rejects(opened(silent), /^TransportError: Cannot open a stream: no answer within 30000 ms$/);
    assert.deepEqual(silent.server.frames.at(-1), { type: 'rst-stream', streamId: 1, status: 5 });
    const stop = new AbortController();
    const opening = silent.connection.open({}, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(silent.runtime.drive(opening), /^Error: enough$/);
    assert.deepEqual(silent.server.frames.at(-1), { type: 'rst-stream', streamId: 3, status: 5 });
    silent.connection.close();
    refusing.connection.close();
  });

  test('gives what came before a reset, then says that there was one; a write says so too', async () => {
    const at = scene();
    const stream = await opened(at);
    at.server.say(1, 'before');
    at.server.reset(1, 5);
    let text = '';
    const read = async (): Promise<void> => {
      for await (const chunk of stream.readable) text += Buffer.from(chunk).toString();
    };
    await assert.rejects(at.runtime.drive(read()), /^SpdyStreamResetError: the stream was reset with status 5$/);
    assert.equal(text, 'before');
    await assert.rejects(stream.write(Buffer.from('x')), SpdyStreamResetError);
    await at.runtime.drive(stream.end());
    assert.ok(!at.isClosed());
    at.connection.close();
  });

  test('resets a stream that is closed, once, and nothing when both sides have ended', async () => {
    const at = scene();
    const stream = await opened(at);
    stream.close();
    stream.close();
    const done = await opened(at);
    await at.runtime.drive(done.end());
    at.server.say(3, '', true);
    await at.runtime.drive(textOf(done));
    done.close();
    assert.deepEqual(
      at.server.frames.filter(({ type }) => type === 'rst-stream'),
      [{ type: 'rst-stream', streamId: 1, status: 5 }],
    );
    at.connection.close();
  });

  test('receives no more than 256 KiB that nobody reads, and goes on when somebody does', async () => {
    const at = scene();
    const stream = await opened(at);
    const part = 'x'.repeat(32_760);
    const before = at.taken();
    for (let i = 0; i < 30; i++) at.server.say(1, part);
    at.server.say(1, '', true);
    await at.runtime.advance(120_000);
    const taken = at.taken() - before;
    assert.ok(taken > 256 << 10 && taken < 320 << 10, `${taken} bytes`);
    assert.equal((await at.runtime.drive(textOf(stream))).length, 30 * part.length);
    at.connection.close();
  });

  test('is not held up by a stream that was closed, or whose reader has left', async () => {
    const at = scene();
    const [closed, left, stream] = [await opened(at), await opened(at), await opened(at)];
    at.server.say(3, 'x');
    const leave = async (): Promise<void> => {
      for await (const _ of left.readable) return;
    };
    await at.runtime.drive(leave());
    const part = 'x'.repeat(32_760);
    for (let i = 0; i < 8; i++) at.server.say(1, part);
    await at.runtime.advance(10);
    for (let i = 0; i < 30; i++) for (const id of [1, 3]) at.server.say(id, part);
    at.server.say(5, 'still there', true);
    closed.close();
    assert.equal(await at.runtime.drive(textOf(stream)), 'still there');
    at.connection.close();
  });

  test('answers pings, and sends its own every ten seconds', async () => {
    const at = scene((frame, server) => {
      if (frame.type === 'ping' && frame.id % 2 === 1) server.send(frame);
    });
    at.server.send({ type: 'ping', id: 2 });
    await at.runtime.advance(25_000);
    assert.deepEqual(
      at.server.frames,
      [2, 1, 3].map((id) => ({ type: 'ping', id })),
    );
    await at.runtime.advance(200_000);
    assert.ok(!at.isClosed());
    at.connection.close();
    await at.runtime.settle();
  });

  test('is lost when nothing is heard for a minute', async () => {
    const at = scene();
    const stream = await opened(at);
    const reading = at.runtime.drive(textOf(stream));
    const rejected = assert.rejects(reading, /^TransportError: The connection was lost: nothing was heard for 61000 ms$/);
    await rejected;
    assert.ok(at.isClosed());
    await assert.rejects(at.connection.open({}), TransportError);
  });

  test('opens nothing after the server said that it goes away, and finishes what is open', async () => {
    const at = scene();
    const stream = await opened(at);
    at.server.send({ type: 'goaway', lastGoodStreamId: 1, status: 0 });
    await at.runtime.advance(10);
    await assert.rejects(at.connection.open({}), (error) => error instanceof TransportError && error.executed === 'no');
    at.server.say(1, 'the last words', true);
    assert.equal(await at.runtime.drive(textOf(stream)), 'the last words');
    at.connection.close();
  });

  test('refuses streams that the server opens', async () => {
    const at = scene();
    at.server.send({ type: 'syn-stream', streamId: 2, headers: {}, isLast: false });
    await at.runtime.advance(10);
    assert.deepEqual(at.server.frames, [{ type: 'rst-stream', streamId: 2, status: 3 }]);
    const stream = await opened(at);
    at.server.send({ type: 'syn-stream', streamId: 7, headers: {}, isLast: false });
    await assert.rejects(at.runtime.drive(textOf(stream)), /the server opened the stream 7, which is for us to open/);
    assert.ok(at.isClosed());
  });

  test('ends all streams when the server closes it, breaks the protocol, or it is closed here', async () => {
    for (const { end, want } of [
      { end: (at: Scene) => at.toClient.close(), want: /^TransportError: The connection was lost: the server closed it$/ },
      {
        end: (at: Scene) => at.toClient.push(Buffer.alloc(8)),
        want: /^TransportError: The connection was lost: a data frame is of no stream$/,
      },
      { end: (at: Scene) => at.connection.close(), want: /^TransportError: The connection is closed$/ },
    ]) {
      const at = scene((frame, server) => {
        if (frame.type === 'syn-stream' && frame.streamId === 1) server.accept(frame);
      });
      const stream = await opened(at);
      const opening = at.connection.open({});
      end(at);
      await assert.rejects(at.runtime.drive(opening), want);
      await assert.rejects(at.runtime.drive(textOf(stream)), want);
      await assert.rejects(stream.write(Buffer.from('x')), want);
      await assert.rejects(at.connection.open({}), want);
      at.connection.close();
      await at.runtime.settle();
      assert.ok(at.isClosed());
    }
  });
});
