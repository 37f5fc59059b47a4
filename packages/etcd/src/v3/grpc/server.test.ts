import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimRuntime } from '@coracle/simulator';
import { InvalidProtobuf } from '../protobuf.ts';
import { frameHeaderBytes, FrameReader } from './frame.ts';
import { frameOf, MemoryStream } from './memory-stream.fixture.ts';
import { PiecePool } from './piece-pool.ts';
import { type Call, GrpcServer, highWaterBytes, type Method, type StreamCall } from './server.ts';
import { decodeGrpcMessage, encodeGrpcMessage, GrpcError, parseGrpcTimeout } from './status.ts';

function message(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(frameHeaderBytes), Buffer.from(text)]);
}

const longPiece = Buffer.alloc(64 * 1024, 'long');

/** A server of a few methods, in virtual time. */
function bench() {
  const runtime = new SimRuntime({ seed: 3 });
  const process = runtime.process('server');
  const calls: Call[] = [];
  const streams: StreamCall[] = [];
  const answered: string[] = [];
  const made = { count: 0, sent: 0 };
  const methods: Readonly<Record<string, Method>> = {
    '/t.S/Echo': { kind: 'unary', run: async (request) => message(`echo ${request.toString()}`) },
    '/t.S/Long': {
      kind: 'unary',
      run: async (request) => {
        const count = Number(request.toString());
        return {
          length: count * longPiece.length,
          *pieces() {
            for (let i = 0; i < count; i++, made.count++) yield Buffer.from(longPiece);
          },
          sent: () => void made.sent++,
        };
      },
    },
    '/t.S/Never': {
      kind: 'unary',
      run: (_, call) => {
        calls.push(call);
        return new Promise(() => undefined);
      },
    },
    '/t.S/Fail': {
      kind: 'unary',
      run: async (request) => {
        const text = request.toString();
        if (text === 'protobuf') throw new InvalidProtobuf('ends early');
        if (text === 'grpc') throw new GrpcError(9, 'näh: 100%');
        throw new TypeError('a bug');
      },
    },
    '/t.S/Count': {
      kind: 'server stream',
      run: async (request, call) => {
        for (let i = 0; i < Number(request.toString()); i++) call.send(message(`${i}`));
      },
    },
    '/t.S/Shared': {
      kind: 'server stream',
      run: async (request, call) => {
        for (const [i, size] of request.toString().split(',').entries())
          call.send(message(`${i} `), [Buffer.alloc(Number(size), 's'), Buffer.alloc(Number(size), 't')]);
      },
    },
    '/t.S/Flood': {
      kind: 'server stream',
      run: async (_, call) => {
        streams.push(call);
        while (call.isOpen) {
          call.send(Buffer.alloc(64 * 1024));
          await call.drained();
        }
      },
    },
    '/t.S/Chat': {
      kind: 'duplex',
      open: (call) => {
        const { promise: done, resolve, reject } = Promise.withResolvers<void>();
        call.onClosed(resolve);
        return {
          done,
          requests: {
            message: (bytes) =>
              bytes.toString() === 'bye' ? reject(new GrpcError(10, 'aborted')) : call.send(message(`you said ${bytes}`)),
            ended: resolve,
          },
        };
      },
    },
  };
  const server = new GrpcServer({
    process,
    methods: new Map(Object.entries(methods)),
    maxMessageBytes: 100,
    pieces: new PiecePool(),
    statusOf: (error) => new GrpcError(2, error instanceof Error ? error.message : String(error)),
    answered: (path, code) => answered.push(`${path} ${code}`),
  });
  const open = (path: string, headers: Readonly<Record<string, string>> = {}, verb = 'POST'): MemoryStream => {
    const stream = new MemoryStream(path, headers, verb);
    server.handle(stream);
    return stream;
  };
  const call = async (path: string, request: string, headers?: Readonly<Record<string, string>>, verb?: string): Promise<MemoryStream> => {
    const stream = open(path, headers, verb);
    stream.request(Buffer.from(request));
    stream.endRequests();
    await runtime.settle();
    return stream;
  };
  return { runtime, open, call, calls, streams, answered, made };
}

describe('GrpcServer', () => {
  test('answers a unary call with one message and status 0', async () => {
    const { call, answered } = bench();
    const { messages, ending, isReleased } = await call('/t.S/Echo', 'hello');
    assert.deepEqual([messages.map(String), ending, isReleased], [['echo hello'], { code: 0, message: '' }, true]);
    assert.deepEqual(answered, ['/t.S/Echo 0']);
  });

  test('answers with one message of many pieces', async () => {
    const { call, answered, made } = bench();
    const { messages, ending, isReleased } = await call('/t.S/Long', '100');
    assert.deepEqual([messages.length, ending, isReleased], [1, { code: 0, message: '' }, true]);
    assert.ok(messages[0]?.equals(Buffer.concat(Array.from({ length: 100 }, () => longPiece))));
    assert.deepEqual([answered, made.sent], [['/t.S/Long 0'], 100]);
  });

  test('makes no more pieces of a message than a slow client has room for, and none for one that left', async () => {
    const { runtime, open, made, answered } = bench();
    const stream = open('/t.S/Long');
    stream.roomBytes = 0;
    stream.request(Buffer.from('1000'));
    stream.endRequests();
    await runtime.settle();
    assert.equal(made.count, 0); // the first one is being made
    stream.makeRoom(10 * longPiece.length);
    await runtime.settle();
    assert.equal(made.count, 10);
    stream.reset();
    await runtime.settle();
    assert.deepEqual([made.count, stream.isReleased, answered], [10, true, []]);
  });

  test('ends a message of many pieces with status 4 when its time is up', async () => {
    const { runtime, open, answered } = bench();
    const stream = open('/t.S/Long', { 'grpc-timeout': '1S' });
    stream.roomBytes = 0;
    stream.request(Buffer.from('1000'));
    stream.endRequests();
    await runtime.advance(2_000);
    assert.deepEqual([stream.ending, stream.isReleased], [{ code: 4, message: 'context deadline exceeded' }, true]);
    assert.deepEqual(answered, ['/t.S/Long 4']);
  });

  test('reads messages however they are cut, in single bytes and many at once', async () => {
    const { runtime, open } = bench();
    const stream = open('/t.S/Chat');
    const all = Buffer.concat(['a', '', 'ccc'].map((text) => frameOf(Buffer.from(text))));
    for (const byte of all) stream.bytes(Buffer.of(byte));
    stream.bytes(all);
    stream.bytes(all.subarray(0, 7));
    stream.bytes(all.subarray(7));
    await runtime.settle();
    const once = ['you said a', 'you said ', 'you said ccc'];
    assert.deepEqual(stream.messages.map(String), [...once, ...once, ...once]);
  });

  test('sends what is sent in one turn in one write', async () => {
    const { call } = bench();
    const { messages, writes, ending } = await call('/t.S/Count', '10');
    assert.deepEqual([messages.length, writes.length, ending], [10, 1, { code: 0, message: '' }]);
  });

  test('sends parts that others are sent, too, whatever their sizes', async () => {
    const { call } = bench();
    const sizes = [0, 1, 5_000, 70_000, 65_536, 60_000, 10_000, 200_000, 3];
    const { messages, ending } = await call('/t.S/Shared', sizes.join());
    assert.deepEqual(ending, { code: 0, message: '' });
    assert.deepEqual(
      messages.map((each) => each.toString()),
      sizes.map((size, i) => `${i} ${'s'.repeat(size)}${'t'.repeat(size)}`),
    );
  });

  test('ends a stream without messages with headers and a status', async () => {
    const { call } = bench();
    const { hasBegun, messages, ending } = await call('/t.S/Count', '0');
    assert.deepEqual([hasBegun, messages, ending], [true, [], { code: 0, message: '' }]);
  });

  test('makes a handler wait while the client takes nothing, and keeps no more than its bound', async () => {
    const { runtime, open, streams } = bench();
    const stream = open('/t.S/Flood');
    stream.roomBytes = 0;
    stream.request(Buffer.alloc(0));
    await runtime.settle();
    const [call] = streams;
    assert.ok(call !== undefined && call.queuedBytes >= highWaterBytes && call.queuedBytes < highWaterBytes + 128 * 1024);
    const before = stream.writes.length;
    stream.makeRoom(0);
    await runtime.settle();
    const written = stream.writes.slice(before).reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(written >= highWaterBytes && written < highWaterBytes + 128 * 1024, `${written} bytes`);
    assert.ok(call.queuedBytes <= highWaterBytes + 128 * 1024);
    stream.reset();
    await runtime.settle();
    assert.deepEqual([call.isOpen, call.queuedBytes], [false, 0]);
  });

  test('ends a duplex call with the status that its handler gives, behind what was sent', async () => {
    const { runtime, open } = bench();
    const stream = open('/t.S/Chat');
    stream.request(Buffer.from('a'));
    stream.request(Buffer.from('bye'));
    await runtime.settle();
    assert.deepEqual([stream.messages.map(String), stream.ending], [['you said a'], { code: 10, message: 'aborted' }]);
    const other = open('/t.S/Chat');
    other.endRequests();
    await runtime.settle();
    assert.deepEqual(other.ending, { code: 0, message: '' });
  });

  test('tells a handler that its client is gone', async () => {
    const { runtime, open, calls } = bench();
    const stream = open('/t.S/Never');
    stream.request(Buffer.alloc(0));
    await runtime.settle();
    let told = 0;
    const [call] = calls;
    call?.onClosed(() => told++);
    assert.deepEqual([call?.isOpen, told], [true, 0]);
    stream.reset();
    call?.onClosed(() => told++);
    assert.deepEqual([call?.isOpen, told, stream.ending], [false, 2, undefined]);
  });

  test('ends a call when its time is up, with code 4, once', async () => {
    const { runtime, open, calls, answered } = bench();
    const stream = open('/t.S/Never', { 'grpc-timeout': '1500m' });
    stream.request(Buffer.alloc(0));
    await runtime.advance(1_400);
    assert.equal(stream.ending, undefined);
    await runtime.advance(200);
    assert.deepEqual(stream.ending, { code: 4, message: 'context deadline exceeded' });
    assert.deepEqual([calls[0]?.isOpen, answered], [false, ['/t.S/Never 4']]);
  });

  test('drops the deadline of a call that was answered', async () => {
    const { runtime, call } = bench();
    const { ending } = await call('/t.S/Echo', 'a', { 'grpc-timeout': '1S' });
    await runtime.advance(5_000);
    assert.deepEqual(ending, { code: 0, message: '' });
  });

  const refused: Readonly<
    Record<
      string,
      { readonly path?: string; readonly verb?: string; readonly headers?: Readonly<Record<string, string>>; readonly ending: object }
    >
  > = {
    'an unknown service': { path: '/t.X/Echo', ending: { code: 12, message: 'unknown service t.X' } },
    'an unknown method': { path: '/t.S/Nothing', ending: { code: 12, message: 'unknown method Nothing for service t.S' } },
    'a path that names no method': { path: '/nonsense', ending: { code: 12, message: 'malformed method name: "/nonsense"' } },
    'a method that is not POST': { verb: 'GET', ending: { httpStatus: 405, text: 'gRPC calls are made with POST\n' } },
    'another content type': {
      headers: { 'content-type': 'application/json' },
      ending: { httpStatus: 415, text: 'invalid gRPC request content-type "application/json"\n' },
    },
    'a timeout that is none': { headers: { 'grpc-timeout': '5y' }, ending: { code: 13, message: 'malformed grpc-timeout: "5y"' } },
  };
  for (const [what, { path = '/t.S/Echo', verb, headers, ending }] of Object.entries(refused)) {
    test(`refuses ${what}`, async () => {
      const { call } = bench();
      const stream = await call(path, 'a', headers, verb);
      assert.deepEqual([stream.ending, stream.isReleased], [ending, true]);
    });
  }

  test('refuses messages that it cannot take, in the words of grpc-go', async () => {
    const { runtime, open } = bench();
    const ended = async (bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<unknown> => {
      const stream = open('/t.S/Echo', headers);
      stream.bytes(bytes);
      await runtime.settle();
      return stream.ending;
    };
    assert.deepEqual(await ended(Buffer.from('0100000001aa', 'hex'), { 'grpc-encoding': 'gzip' }), {
      code: 12,
      message: 'grpc: Decompressor is not installed for grpc-encoding "gzip"',
    });
    assert.deepEqual(await ended(Buffer.from('0200000000', 'hex')), { code: 13, message: 'grpc: received unexpected payload format 2' });
    assert.deepEqual(await ended(Buffer.from('0000000065', 'hex')), {
      code: 8,
      message: 'grpc: received message larger than max (101 vs. 100)',
    });
    assert.deepEqual(await ended(Buffer.from('00ffffffff', 'hex')), {
      code: 8,
      message: 'grpc: received message larger than max (4294967295 vs. 100)',
    });
  });

  test('refuses a unary call without a request, with a half one, and with two', async () => {
    const { runtime, open } = bench();
    const none = open('/t.S/Echo');
    none.endRequests();
    const half = open('/t.S/Echo');
    half.bytes(Buffer.from('0000000005aa', 'hex'));
    half.endRequests();
    const two = open('/t.S/Never');
    two.request(Buffer.from('a'));
    two.request(Buffer.from('b'));
    await runtime.settle();
    assert.deepEqual([none.ending, half.ending], Array(2).fill({ code: 13, message: 'unexpected EOF' }));
    assert.deepEqual(two.ending, { code: 13, message: 'received more than one request message' });
  });

  test('answers what a handler throws: a status, bytes that are no message, anything else', async () => {
    const { call } = bench();
    assert.deepEqual((await call('/t.S/Fail', 'grpc')).ending, { code: 9, message: 'näh: 100%' });
    assert.deepEqual((await call('/t.S/Fail', 'protobuf')).ending, { code: 13, message: 'grpc: error unmarshalling request: ends early' });
    assert.deepEqual((await call('/t.S/Fail', 'other')).ending, { code: 2, message: 'a bug' });
  });
});

describe('FrameReader', () => {
  test('allocates nothing for a length that is not allowed, and knows whether a message is open', () => {
    const frames = new FrameReader(10);
    assert.ok(frames.isBetweenMessages);
    frames.push(Buffer.from('0000', 'hex'), () => assert.fail('there is no message'));
    assert.ok(!frames.isBetweenMessages);
    frames.push(Buffer.from('000003aa', 'hex'), () => assert.fail('there is no message'));
    const messages: string[] = [];
    frames.push(Buffer.from('bbcc00', 'hex'), (bytes) => messages.push(bytes.toString('hex')));
    assert.deepEqual([messages, frames.isBetweenMessages], [['aabbcc'], false]);
  });
});

describe('grpc-message and grpc-timeout', () => {
  test('encodeGrpcMessage() escapes what is not printable ASCII and the percent sign', () => {
    const cases: Readonly<Record<string, string>> = {
      'etcdserver: key is not provided': 'etcdserver: key is not provided',
      '100%': '100%25',
      'nä\n': 'n%C3%A4%0A',
      '': '',
    };
    for (const [text, encoded] of Object.entries(cases)) {
      assert.equal(encodeGrpcMessage(text), encoded);
      assert.equal(decodeGrpcMessage(encoded), text);
    }
    assert.equal(decodeGrpcMessage('50% of %zz'), '50% of %zz');
  });

  test('parseGrpcTimeout() knows all units and refuses what is none', () => {
    assert.deepEqual(['1H', '2M', '3S', '4m', '5000u', '6000000n', '0m'].map(parseGrpcTimeout), [3_600_000, 120_000, 3000, 4, 5, 6, 0]);
    for (const text of ['', '1', 'S', '-1S', '1.5S', '123456789S', '1s']) assert.equal(parseGrpcTimeout(text), undefined, text);
  });
});
