import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCode, flag, frame, frameHeadBytes, frameType, preface, setting, settingsFrame, wordsFrame } from './frames.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Http2Stream, StreamHandler } from './http2-stream.ts';
import { responseHead, trailerBlock } from './response-head.ts';
import { type Http2Request, wholeRequests } from './whole-request.ts';

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection whose client has said hello, and what comes of what is sent to it. */
class Client {
  readonly requests: { readonly request: Http2Request; readonly stream: Http2Stream }[] = [];
  readonly connection: Http2Connection;
  readonly wire = {
    waiting: 0,
    write: (bytes: Uint8Array, sent?: () => void): void => this.wire.writeAll([bytes], sent),
    writeAll: (pieces: readonly Uint8Array[], sent?: () => void): void => {
      this.#written.push(...pieces);
      if (sent !== undefined) this.#whenSent.push(sent);
    },
    end: (): void => {
      this.isEnded = true;
    },
  };
  isEnded = false;
  nowMs = 0;
  /** Takes requests as they come; without it they are read whole. */
  handler: StreamHandler | undefined;
  /** Read only when it is sent: until then it may not be changed. */
  #written: Uint8Array[] = [];
  #whenSent: (() => void)[] = [];
  #deferred: (() => void)[] = [];

  constructor(...settings: readonly (readonly [number, number])[]) {
    const whole = wholeRequests({ maxBodyBytes: 100_000, request: (request, stream) => void this.requests.push({ request, stream }) });
    this.connection = new Http2Connection({
      wire: this.wire,
      clock: { now: () => this.nowMs, monotonic: () => this.nowMs },
      defer: (run) => void this.#deferred.push(run),
      open: (head, stream) => (this.handler ?? whole)(head, stream),
    });
    this.connection.start();
    this.send(preface, settingsFrame(settings));
    this.frames();
  }

  send(...bytes: readonly Uint8Array[]): this {
    this.connection.receive(Buffer.concat(bytes));
    return this;
  }

  /** What the server has sent since the last call. */
  frames(): readonly Frame[] {
    for (const run of this.#deferred.splice(0)) run();
    const bytes = Buffer.concat(this.#written.splice(0));
    for (const sent of this.#whenSent.splice(0)) sent();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUIntBE(at, 3);
      const payload = bytes.subarray(at + frameHeadBytes, at + frameHeadBytes + length);
      frames.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, stream: bytes.readUInt32BE(at + 5), payload });
      at += frameHeadBytes + length;
    }
    return frames;
  }

  /** The code with which the server gave up the connection. */
  goneAway(): number | undefined {
    const last = this.frames().find(({ type }) => type === frameType.goAway);
    assert.equal(this.isEnded, last !== undefined);
    return last?.payload.readUInt32BE(4);
  }

  /** The code with which the server reset a stream. */
  reset(): number | undefined {
    return this.frames()
      .find(({ type }) => type === frameType.rstStream)
      ?.payload.readUInt32BE(0);
  }

  stream(index = 0): Http2Stream {
    return this.requests[index]?.stream ?? assert.fail('no request');
  }
}

const { endHeaders, endStream } = flag;

function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
}

/** `:method GET`, `:scheme https`, `:path /`, and more. */
function fields(...more: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x87, 0x84]), ...more.map(([name, value]) => literal(name, value))]);
}

function get(stream: number, ...more: readonly (readonly [string, string])[]): Buffer {
  return frame(frameType.headers, stream, fields(...more), endHeaders | endStream);
}

function post(stream: number, ...more: readonly (readonly [string, string])[]): Buffer {
  return frame(frameType.headers, stream, fields(...more), endHeaders);
}

function data(stream: number, bytes: number, flags = 0): Buffer {
  return frame(frameType.data, stream, Buffer.alloc(bytes, 'd'), flags);
}

function bodyOf(frames: readonly Frame[]): number {
  return frames.filter(({ type }) => type === frameType.data).reduce((sum, { payload }) => sum + payload.length, 0);
}

test('Http2Connection reads a request however its bytes are cut', () => {
  const client = new Client();
  const bytes = Buffer.concat([
    post(1, ['accept', 'a'], ['accept', 'b'], ['cookie', 'x'], ['cookie', 'y'], ['te', 'trailers']),
    data(1, 3),
    data(1, 2, endStream),
  ]);
  for (const byte of bytes) client.send(Uint8Array.of(byte));
  assert.deepEqual(client.requests[0]?.request, {
    method: 'GET',
    path: '/',
    headers: { accept: 'a, b', cookie: 'x; y', te: 'trailers' },
    repeatedHeaders: Object.assign(Object.create(null), { accept: ['a', 'b'], cookie: ['x', 'y'] }),
    body: Buffer.from('ddddd'),
  });
});

test('Http2Connection joins the parts of a header block, and takes padding and priority off', () => {
  const client = new Client();
  const block = fields(['x-a', 'b']);
  const first = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), block.subarray(0, 4), Buffer.alloc(2)]);
  client.send(
    frame(frameType.headers, 1, first, endStream | flag.padded | flag.priority),
    frame(frameType.continuation, 1, block.subarray(4), endHeaders),
  );
  assert.deepEqual(client.requests[0]?.request.headers, { 'x-a': 'b' });
});

test('Http2Connection sends an answer as one head and one last piece of body', () => {
  const client = new Client().send(get(1));
  client.stream().respond(200, { 'content-type': 'text/plain' }, Buffer.from('hello'));
  const [head, body, ...rest] = client.frames();
  assert.deepEqual([head?.type, head?.flags, body?.type, body?.flags], [frameType.headers, endHeaders, frameType.data, endStream]);
  assert.equal(body?.payload.toString(), 'hello');
  assert.deepEqual(rest, []);
});

test('Http2Connection writes the answers of one turn together', () => {
  const client = new Client().send(get(1), get(3));
  client.stream(0).respond(200, {});
  client.stream(1).respond(200, {});
  assert.equal(client.frames().length, 2);
});

test('Http2Connection keeps to the windows of the stream and of the connection', () => {
  const client = new Client([setting.initialWindowSize, 10]).send(get(1), get(3));
  client.stream(0).respond(200, {}, Buffer.alloc(100_000));
  assert.equal(bodyOf(client.frames()), 10);
  client.send(wordsFrame(frameType.windowUpdate, 1, 99_000));
  assert.equal(bodyOf(client.frames()), 65_535 - 10);
  client.stream(1).respond(200, {}, Buffer.alloc(10));
  assert.equal(bodyOf(client.frames()), 0);
  client.send(wordsFrame(frameType.windowUpdate, 0, 50_000));
  const frames = client.frames();
  assert.equal(bodyOf(frames), 100_000 - 65_535 - 990 + 10);
  assert.equal(frames.filter(({ type, flags }) => type === frameType.data && (flags & endStream) !== 0).length, 1);
  client.send(settingsFrame([[setting.initialWindowSize, 2_000]]));
  assert.equal(bodyOf(client.frames()), 990);
});

test('Http2Connection makes no frame larger than the client takes', () => {
  const client = new Client().send(get(1));
  client.stream().respond(200, { warning: 'w'.repeat(40_000) }, Buffer.alloc(40_000));
  const frames = client.frames();
  assert.deepEqual(
    frames.map(({ type }) => type),
    [frameType.headers, frameType.continuation, frameType.continuation, frameType.data, frameType.data, frameType.data],
  );
  assert.ok(frames.every(({ payload }) => payload.length <= 16_384));
});

test('Http2Connection sends a large body of many pieces byte for byte', () => {
  const client = new Client([setting.initialWindowSize, 1 << 20]).send(get(1), wordsFrame(frameType.windowUpdate, 0, 1 << 20));
  const pieces = Array.from({ length: 200 }, (_, i) => Buffer.alloc(i * 17, i));
  client.stream().start(200, {});
  client.stream().writeAll(pieces);
  client.stream().end();
  const bodies = client.frames().filter(({ type }) => type === frameType.data);
  assert.ok(Buffer.concat(bodies.map(({ payload }) => payload)).equals(Buffer.concat(pieces)));
  assert.equal(bodies.at(-1)?.flags, endStream);
});

test('Http2Stream.write() says when a slow client has to be waited for', async () => {
  const client = new Client([setting.initialWindowSize, 5]).send(get(1));
  const stream = client.stream();
  stream.start(200, {});
  assert.equal(stream.write(Buffer.from('abc')), true);
  assert.equal(stream.write(Buffer.from('def')), false);
  const drained = stream.drained();
  client.send(wordsFrame(frameType.windowUpdate, 1, 1));
  await drained;
  stream.end();
  const bodies = client.frames().filter(({ type }) => type === frameType.data);
  assert.equal(bodies.map(({ payload }) => payload.toString()).join(''), 'abcdef');
  assert.equal(bodies.at(-1)?.flags, endStream);
});

test('Http2Stream.lend() gives memory back when it is sent, to be filled again', () => {
  const client = new Client([setting.initialWindowSize, 1 << 22]).send(get(1), wordsFrame(frameType.windowUpdate, 0, 1 << 22));
  const stream = client.stream();
  const memory: Buffer[] = [Buffer.alloc(70_000), Buffer.alloc(70_000), Buffer.alloc(100)];
  const wanted: Buffer[] = [];
  const bodies: Buffer[] = [];
  stream.start(200, {});
  for (let i = 0; i < 30; i++) {
    for (const piece of memory.splice(0)) {
      wanted.push(Buffer.alloc(piece.length, ++i));
      piece.fill(i);
      stream.lend(piece, () => memory.push(piece));
    }
    bodies.push(...client.frames().flatMap(({ type, payload }) => (type === frameType.data ? [payload] : [])));
    assert.equal(memory.length, 3);
  }
  assert.ok(Buffer.concat(bodies).equals(Buffer.concat(wanted)));
});

test('Http2Stream.lend() keeps what the windows do not take, and gives nothing back of what is not sent', () => {
  const client = new Client([setting.initialWindowSize, 60_000]).send(get(1));
  const stream = client.stream();
  let returned = 0;
  stream.start(200, {});
  assert.equal(
    stream.lend(Buffer.alloc(100_000), () => returned++),
    false,
  );
  assert.equal(bodyOf(client.frames()), 60_000);
  assert.equal(returned, 0);
  client.send(wordsFrame(frameType.windowUpdate, 0, 100_000), wordsFrame(frameType.windowUpdate, 1, 40_000));
  assert.equal(returned, 0);
  assert.equal(bodyOf(client.frames()), 40_000);
  assert.equal(returned, 1);
  stream.lend(Buffer.alloc(50_000), () => returned++);
  client.send(wordsFrame(frameType.rstStream, 1, 8));
  client.frames();
  assert.equal(returned, 1);
  assert.equal(
    stream.lend(Buffer.alloc(5), () => returned++),
    false,
  );
  assert.equal(returned, 1);
});

test('Http2Stream is aborted once when the client leaves before the answer is whole, and not after', () => {
  const client = new Client([setting.initialWindowSize, 0]).send(get(1), get(3), get(5));
  const aborted: number[] = [];
  for (const { stream } of client.requests) stream.onAbort = () => aborted.push(stream.id);
  client.stream(0).respond(200, {}, Buffer.from('waits'));
  client.send(wordsFrame(frameType.rstStream, 1, 8), wordsFrame(frameType.rstStream, 3, 8));
  assert.deepEqual(aborted, [3]);
  client.connection.close();
  assert.deepEqual(aborted, [3, 5]);
  assert.equal(client.stream(2).write(Buffer.from('nobody reads this')), false);
});

/** A client whose requests are taken as they come, and what came of the first one. */
function streaming(...settings: readonly (readonly [number, number])[]) {
  const client = new Client(...settings);
  const told: string[] = [];
  const streams: Http2Stream[] = [];
  client.handler = (_, stream) => {
    streams.push(stream);
    if (streams.length > 1) return;
    stream.onAbort = () => told.push('aborted');
    stream.receive({ data: (chunk) => told.push(chunk.toString()), ended: () => told.push('ended') });
  };
  const first = (): Http2Stream => streams[0] ?? assert.fail('no request');
  return { client, told, first };
}

test('Http2Connection takes a body as it comes while it answers, and ends with trailers', () => {
  const { client, told, first } = streaming();
  client.send(post(1), frame(frameType.data, 1, Buffer.from('ping')));
  first().startWith(responseHead(200, { 'content-type': 'application/grpc' }));
  first().writeAll([Buffer.from('po'), Buffer.from('ng')]);
  const [head, body] = client.frames();
  assert.deepEqual([head?.type, head?.flags, body?.type, body?.flags], [frameType.headers, endHeaders, frameType.data, 0]);
  assert.equal(body?.payload.toString(), 'pong');
  client.send(data(1, 0, endStream));
  assert.deepEqual(told, ['ping', 'ended']);
  first().end(trailerBlock({ 'grpc-status': '0' }));
  assert.deepEqual(
    client.frames().map(({ type, flags, payload }) => [type, flags, payload.toString('latin1')]),
    [[frameType.headers, endHeaders | endStream, '\0\vgrpc-status\u00010']],
  );
  assert.equal(first().isClosed, true);
});

test('Http2Connection sends trailers behind a body that waits for its window', () => {
  const { client, first } = streaming([setting.initialWindowSize, 2]);
  client.send(get(1));
  first().startWith(responseHead(200, {}));
  first().write(Buffer.from('body'));
  first().end(trailerBlock({ a: 'b' }));
  assert.deepEqual(
    client.frames().map(({ type }) => type),
    [frameType.headers, frameType.data],
  );
  client.send(wordsFrame(frameType.windowUpdate, 1, 2));
  assert.deepEqual(
    client.frames().map(({ type, flags }) => [type, flags]),
    [
      [frameType.data, 0],
      [frameType.headers, endHeaders | endStream],
    ],
  );
});

test('Http2Connection takes the trailers of a request as its end', () => {
  const { client, told } = streaming();
  client.send(post(1), data(1, 1), frame(frameType.headers, 1, literal('a', 'b'), endHeaders | endStream));
  assert.deepEqual(told, ['d', 'ended']);
});

test('Http2Connection resets a request whose trailers are not its end', () => {
  const { client, told } = streaming();
  client.send(post(1), frame(frameType.headers, 1, literal('a', 'b'), endHeaders));
  assert.equal(client.reset(), errorCode.protocol);
  assert.deepEqual(told, ['aborted']);
});

test('Http2Connection resets a request as soon as its body is longer than it said', () => {
  const { client, told } = streaming();
  client.send(post(1, ['content-length', '3']), data(1, 3), data(1, 1));
  assert.equal(client.reset(), errorCode.protocol);
  assert.deepEqual(told, ['ddd', 'aborted']);
});

test('Http2Stream.pause() holds a client up when the window is full, and resume() lets it go on', () => {
  const { client, told, first } = streaming();
  client.send(post(1));
  first().pause();
  for (let i = 0; i < 64; i++) client.send(data(1, 16_384));
  assert.deepEqual([told, client.frames()], [[], []]);
  first().resume();
  assert.deepEqual(
    told.map(({ length }) => length),
    [1 << 20],
  );
  const [update] = client.frames();
  assert.deepEqual([update?.type, update?.stream, update?.payload.readUInt32BE(0)], [frameType.windowUpdate, 1, 1 << 20]);
  first().pause();
  client.send(data(1, 1, endStream));
  assert.equal(told.length, 1);
  first().resume();
  assert.deepEqual(told.slice(1), ['d', 'ended']);
});

test('Http2Connection resets a request that sends on although it is held up', () => {
  const { client, told, first } = streaming();
  client.send(post(1));
  first().pause();
  for (let i = 0; i < 64; i++) client.send(data(1, 16_384));
  client.send(data(1, 1));
  assert.equal(client.reset(), errorCode.flowControl);
  assert.deepEqual(told, ['aborted']);
});

test('Http2Connection ends with a client that sends on to streams that are all held up', () => {
  const client = new Client();
  client.handler = (_, stream) => {
    stream.receive({ data: () => assert.fail('held up'), ended: () => undefined });
    stream.pause();
  };
  for (let i = 0; i < 16; i++) {
    client.send(post(2 * i + 1));
    for (let j = 0; j < 64; j++) client.send(data(2 * i + 1, 16_384));
  }
  assert.equal(client.goneAway(), undefined);
  client.send(post(101), data(101, 1));
  assert.equal(client.goneAway(), errorCode.flowControl);
});

test('Http2Connection forgets what it held of a request that its client resets', () => {
  const { client, first } = streaming();
  client.send(post(1));
  first().pause();
  for (let i = 0; i < 64; i++) client.send(data(1, 16_384));
  client.send(wordsFrame(frameType.rstStream, 1, errorCode.cancel));
  for (let i = 0; i < 16 * 64; i++) client.send(post(2 * i + 3), data(2 * i + 3, 16_384, endStream));
  assert.equal(client.goneAway(), undefined);
});

test('Http2Stream.cancel() resets a request and drops what is written to it', () => {
  const { client, told, first } = streaming();
  client.send(post(1));
  first().cancel();
  assert.equal(client.reset(), errorCode.cancel);
  first().startWith(responseHead(200, {}));
  assert.equal(first().write(Buffer.from('a')), false);
  first().end(trailerBlock({}));
  client.send(wordsFrame(frameType.windowUpdate, 1, 1), data(1, 1));
  assert.deepEqual([told, client.reset()], [[], errorCode.streamClosed]);
});

test('Http2Stream.whenDrained() calls at once, when the queue is sent, or when the client leaves', () => {
  const { client, first } = streaming([setting.initialWindowSize, 1]);
  client.send(get(1));
  const calls: string[] = [];
  first().startWith(responseHead(200, {}));
  first().whenDrained(() => calls.push('at once'));
  first().write(Buffer.from('ab'));
  first().whenDrained(() => calls.push('sent'));
  assert.deepEqual(calls, ['at once']);
  client.send(wordsFrame(frameType.windowUpdate, 1, 1));
  assert.deepEqual(calls, ['at once', 'sent']);
  first().write(Buffer.from('c'));
  first().whenDrained(() => calls.push('left'));
  client.send(wordsFrame(frameType.rstStream, 1, errorCode.cancel));
  assert.deepEqual(calls, ['at once', 'sent', 'left']);
});

test('Http2Connection.shutDown() says which request was the last, and ends', () => {
  const { client, told } = streaming();
  client.send(post(1), post(3));
  client.connection.shutDown();
  const last = client.frames().at(-1);
  assert.deepEqual([last?.type, last?.payload.readUInt32BE(0), last?.payload.readUInt32BE(4)], [frameType.goAway, 3, errorCode.none]);
  assert.deepEqual([told, client.isEnded], [['aborted'], true]);
  client.connection.shutDown();
  assert.deepEqual(client.frames(), []);
});

test('Http2Connection gives a client back what it has sent', () => {
  const client = new Client();
  for (let i = 0; i < 600; i++) client.send(post(2 * i + 1), data(2 * i + 1, 16_000, endStream));
  const updates = client.frames().filter(({ type, stream }) => type === frameType.windowUpdate && stream === 0);
  assert.equal(updates.length, 1);
});

test('Http2Connection hands a body on that is too large without reading it to its end', () => {
  const client = new Client().send(post(1));
  for (let sent = 0; sent <= 120_000; sent += 10_000) client.send(data(1, 10_000));
  assert.equal(client.requests[0]?.request.body, 'too large');
  client.stream().respond(413, {}, Buffer.from('too much'));
  assert.equal(client.reset(), errorCode.none);
});

test('Http2Connection refuses more streams than it allows at once, also those that their client has reset', () => {
  const client = new Client();
  for (let i = 0; i < 1_000; i++) client.send(get(2 * i + 1), wordsFrame(frameType.rstStream, 2 * i + 1, 8));
  client.frames();
  client.send(get(2_001));
  assert.equal(client.reset(), errorCode.refusedStream);
  client.stream(0).release();
  client.send(get(2_003));
  assert.equal(client.requests.length, 1_001);
});

test('Http2Connection counts streams whose answers wait for a window', () => {
  const client = new Client([setting.initialWindowSize, 0]);
  for (let i = 0; i < 1_000; i++) {
    client.send(get(2 * i + 1));
    client.stream(i).respond(200, {}, Buffer.from('body'));
    client.stream(i).release();
  }
  client.frames();
  client.send(get(2_001));
  assert.equal(client.reset(), errorCode.refusedStream);
  client.send(wordsFrame(frameType.windowUpdate, 1, 4), get(2_003));
  assert.equal(client.requests.length, 1_001);
});

test('Http2Connection ends with a client that reads no replies', () => {
  const client = new Client();
  const ping = frame(frameType.ping, 0, Buffer.alloc(8));
  for (let i = 0; i < 20_000; i++) client.send(ping);
  assert.equal(client.goneAway(), undefined); // they are read
  client.wire.waiting = 1;
  for (let i = 0; i < 10_001; i++) client.send(ping);
  assert.equal(client.goneAway(), errorCode.enhanceYourCalm);
});

test('Http2Connection makes nothing more ready for a client that reads nothing', () => {
  const client = new Client([setting.initialWindowSize, 100 << 20]).send(get(1), wordsFrame(frameType.windowUpdate, 0, 100 << 20));
  client.wire.waiting = 1 << 20;
  client.stream().respond(200, {}, Buffer.alloc(4 << 20));
  assert.equal(bodyOf(client.frames()), 0);
  client.wire.waiting = 0;
  client.connection.drained();
  assert.ok(bodyOf(client.frames()) >= 1 << 20);
});

test('Http2Connection ends with a client that resets streams faster than it may', () => {
  const client = new Client();
  for (let i = 0; i < 100_000; i++) {
    client.send(get(2 * i + 1), wordsFrame(frameType.rstStream, 2 * i + 1, 8));
    client.requests.pop()?.stream.release();
  }
  assert.equal(client.goneAway(), undefined);
  client.nowMs = 1;
  for (let i = 100_000; i < 100_011; i++) client.send(get(2 * i + 1), wordsFrame(frameType.rstStream, 2 * i + 1, 8));
  assert.equal(client.goneAway(), errorCode.enhanceYourCalm);
});

test('Http2Connection answers fields beyond its limit with 431', () => {
  const client = new Client();
  const long = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x0f]), Buffer.alloc(2_048, 'v')]);
  // One entry of the table, and references to it: few bytes that stand for many.
  client.send(frame(frameType.headers, 1, Buffer.concat([fields(), long, Buffer.alloc(100, 0xbe)]), endHeaders | endStream));
  const [head] = client.frames();
  assert.equal(head?.payload.subarray(0, 5).toString('latin1'), '\b\u0003431');
  assert.deepEqual(client.requests, []);
});

for (const { name, more } of [
  { name: 'a field of a connection', more: [['connection', 'close']] },
  { name: 'another te than trailers', more: [['te', 'gzip']] },
  { name: 'a pseudo field twice', more: [[':path', '/b']] },
  { name: 'a pseudo field that there is not', more: [[':version', '2']] },
  {
    name: 'a pseudo field behind others',
    more: [
      ['a', 'b'],
      [':authority', 'c'],
    ],
  },
  { name: 'a name in capitals', more: [['Accept', 'a']] },
  { name: 'a content-length that is no number', more: [['content-length', '-1']] },
  { name: 'a content-length that is not that of the body', more: [['content-length', '1']] },
] as const) {
  test(`Http2Connection resets a request with ${name}`, () => {
    const client = new Client().send(get(1, ...more));
    assert.equal(client.reset(), errorCode.protocol);
    assert.deepEqual(client.requests, []);
    assert.equal(client.isEnded, false);
  });
}

for (const { name, sent, code } of [
  { name: 'a frame that is too large', sent: [frame(frameType.data, 1, Buffer.alloc(16_385))], code: errorCode.frameSize },
  { name: 'DATA of no stream', sent: [data(0, 1)], code: errorCode.protocol },
  { name: 'DATA of a stream that is not open', sent: [data(1, 1)], code: errorCode.protocol },
  { name: 'more padding than frame', sent: [post(1), frame(frameType.data, 1, Uint8Array.of(9), flag.padded)], code: errorCode.protocol },
  { name: 'a stream of an even number', sent: [get(2)], code: errorCode.protocol },
  { name: 'a stream that is closed', sent: [get(1), get(1)], code: errorCode.streamClosed },
  {
    name: 'a block that cannot be decoded',
    sent: [frame(frameType.headers, 1, Uint8Array.of(0x80), endHeaders)],
    code: errorCode.compression,
  },
  { name: 'a block that is not continued', sent: [frame(frameType.headers, 1, fields()), get(3)], code: errorCode.protocol },
  { name: 'CONTINUATION of nothing', sent: [frame(frameType.continuation, 1, fields(), endHeaders)], code: errorCode.protocol },
  {
    name: 'a block of more frames than any needs',
    sent: [frame(frameType.headers, 1, fields()), ...Array.from({ length: 64 }, () => frame(frameType.continuation, 1, new Uint8Array()))],
    code: errorCode.enhanceYourCalm,
  },
  {
    name: 'a block without end',
    sent: [
      frame(frameType.headers, 1, fields()),
      ...Array.from({ length: 5 }, () => frame(frameType.continuation, 1, Buffer.alloc(16_384))),
    ],
    code: errorCode.enhanceYourCalm,
  },
  { name: 'a push', sent: [frame(frameType.pushPromise, 1, Buffer.alloc(4))], code: errorCode.protocol },
  { name: 'settings of half an entry', sent: [frame(frameType.settings, 0, Buffer.alloc(3))], code: errorCode.frameSize },
  { name: 'settings of a stream', sent: [frame(frameType.settings, 1, new Uint8Array())], code: errorCode.protocol },
  { name: 'a window beyond 31 bits', sent: [settingsFrame([[setting.initialWindowSize, 2 ** 31]])], code: errorCode.flowControl },
  { name: 'a window that grows beyond 31 bits', sent: [wordsFrame(frameType.windowUpdate, 0, 0x7fff_ffff)], code: errorCode.flowControl },
  { name: 'a window that grows by nothing', sent: [wordsFrame(frameType.windowUpdate, 0, 0)], code: errorCode.protocol },
  { name: 'frames below the least size', sent: [settingsFrame([[setting.maxFrameSize, 1_000]])], code: errorCode.protocol },
  { name: 'a PING of 7 bytes', sent: [frame(frameType.ping, 0, Buffer.alloc(7))], code: errorCode.frameSize },
  { name: 'a reset of a stream that is not open', sent: [wordsFrame(frameType.rstStream, 1, 0)], code: errorCode.protocol },
]) {
  test(`Http2Connection ends with a client that sends ${name}`, () => {
    const client = new Client().send(...sent);
    assert.equal(client.goneAway(), code);
    client.send(get(101));
    assert.ok(client.requests.every(({ request }) => request.path === '/'));
    assert.deepEqual(client.frames(), []);
  });
}

test('Http2Connection ends with what does not speak HTTP/2', () => {
  const connection = new Client().connection;
  assert.ok(connection);
  const sent: Buffer[] = [];
  let isEnded = false;
  const stranger = new Http2Connection({
    wire: { waiting: 0, write: (bytes) => void sent.push(Buffer.from(bytes)), writeAll: () => undefined, end: () => (isEnded = true) },
    clock: { now: () => 0, monotonic: () => 0 },
    defer: () => undefined,
    open: () => assert.fail('no request'),
  });
  stranger.receive(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  assert.equal(isEnded, true);
});

test('Http2Connection answers PING and SETTINGS', () => {
  const client = new Client().send(frame(frameType.ping, 0, Buffer.from('12345678')), settingsFrame([]));
  assert.deepEqual(
    client.frames().map(({ type, flags }) => [type, flags]),
    [
      [frameType.ping, flag.ack],
      [frameType.settings, flag.ack],
    ],
  );
});

for (const { name, settings, body, windows } of [
  { name: 'in one piece', settings: [], body: 1_000, windows: [1_000] },
  { name: 'that is larger than a frame', settings: [], body: 20_000, windows: [16_384, 3_616] },
  {
    name: 'that the window of its stream does not take',
    settings: [[setting.initialWindowSize, 400]] as const,
    body: 1_000,
    windows: [400],
  },
]) {
  test(`Http2Stream.respond() sends an answer ${name}`, () => {
    const client = new Client(...settings);
    client.send(get(1));
    const [request] = client.requests;
    request?.stream.respond(200, { 'content-type': 'application/json' }, Buffer.alloc(body, 'x'));
    const [head, ...data] = client.frames();
    assert.deepEqual([head?.type, head?.flags], [frameType.headers, flag.endHeaders]);
    assert.deepEqual(
      data.map(({ type, payload }) => [type, payload.length]),
      windows.map((length) => [frameType.data, length]),
    );
    const isWhole = windows.reduce((sum, length) => sum + length, 0) === body;
    assert.equal((data.at(-1)?.flags ?? 0) & flag.endStream, isWhole ? flag.endStream : 0);
    assert.equal(request?.stream.isClosed, isWhole);
    if (!isWhole) {
      client.send(wordsFrame(frameType.windowUpdate, 1, body));
      assert.deepEqual(
        client.frames().map(({ payload, flags }) => [payload.length, flags]),
        [[600, flag.endStream]],
      );
    }
  });
}
