import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { seededRandom } from '@coracle/simulator';
import { HeaderCompressor, HeaderDecompressor, SpdyProtocolError } from './header-block.ts';
import { type SpdyFrame, SpdyFrameReader, SpdyFrameWriter } from './spdy-frames.ts';

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** One connection as moby/spdystream 0.5.1 writes it. */
const recorded = [
  '80030001000000290000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff',
  '800300010100001600000003000000000000c22a052a651201000000ffff',
  '800300020000000e000000016260606000000000ffff',
  '80030008000000160000000382cab214e41781f38885818501000000ffff',
  '80030003000000080000000300000005',
  '800300040000000c000000010000000700010000',
  '800300060000000400000002',
  '80030007000000080000000300000000',
  '80030009000000080000000100008000',
  '000000010100000568656c6c6f',
].join('');

const meaning: readonly SpdyFrame[] = [
  { type: 'syn-stream', streamId: 1, headers: { streamtype: 'error' }, isLast: false },
  { type: 'syn-stream', streamId: 3, headers: { streamtype: 'data' }, isLast: true },
  { type: 'syn-reply', streamId: 1, headers: {}, isLast: false },
  { type: 'headers', streamId: 3, headers: { port: '8080' }, isLast: false },
  { type: 'rst-stream', streamId: 3, status: 5 },
  { type: 'ping', id: 2 },
  { type: 'goaway', lastGoodStreamId: 3, status: 0 },
  { type: 'window-update', streamId: 1, delta: 32_768 },
  { type: 'data', streamId: 1, bytes: Buffer.from('hello'), isLast: true },
];

describe('SpdyFrameReader', () => {
  test('reads what moby/spdystream writes; settings mean nothing here', () => {
    assert.deepEqual(new SpdyFrameReader().read(bytesOf(recorded)), meaning);
  });

  test('reads frames wherever their bytes are cut; a payload comes in parts then, the last of which may end the stream', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 50; round++) {
      const reader = new SpdyFrameReader();
      const frames: SpdyFrame[] = [];
      const bytes = bytesOf(recorded);
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random.below(round < 5 ? 1 : 40);
        frames.push(...reader.read(bytes.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(
        frames.filter(({ type }) => type !== 'data'),
        meaning.slice(0, -1),
      );
      const data = frames.filter((frame) => frame.type === 'data');
      assert.equal(Buffer.concat(data.map((frame) => frame.bytes)).toString(), 'hello');
      assert.deepEqual(
        data.map(({ isLast }) => isLast),
        data.map((_, i) => i === data.length - 1),
      );
    }
  });

  test('keeps no payload of a data frame, however long the frame says to be', () => {
    const reader = new SpdyFrameReader();
    assert.deepEqual(reader.read(bytesOf('0000000100ffffff')), []);
    const part = Buffer.alloc(1000);
    assert.deepEqual(reader.read(part), [{ type: 'data', streamId: 1, bytes: part, isLast: false }]);
  });

  const block = (hexOfText: string): string => {
    const deflated = deflateRawSync(bytesOf(hexOfText), { finishFlush: constants.Z_SYNC_FLUSH });
    const length = (4 + 6 + deflated.length).toString(16).padStart(6, '0');
    return `8003000200${length}0000000178bbe3c6a7c2${deflated.toString('hex')}`;
  };
  const plain = deflateSync(bytesOf('00000000'));
  for (const { what, hex, want } of [
    { what: 'another version', hex: '800200060000000400000002', want: /a frame is of version 2/ },
    { what: 'data of no stream', hex: '0000000000000000', want: /a data frame is of no stream/ },
    { what: 'a stream without a number', hex: '80030003000000080000000000000005', want: /type 3 is of no stream/ },
    { what: 'a control frame that is too large', hex: '8003000100010001', want: /a control frame of 65537 bytes is too large/ },
    { what: 'a control frame that is too short', hex: '8003000700000004000000', want: undefined },
    { what: 'a control frame without its second number', hex: '800300070000000400000003', want: /type 7 has 4 bytes/ },
    { what: 'a ping without its number', hex: '8003000600000000', want: /type 6 has 0 bytes/ },
    { what: 'headers that are not compressed', hex: '80030002000000080000000100000000', want: /not compressed by zlib/ },
    {
      what: 'headers without the dictionary',
      hex: `8003000200${(4 + plain.length).toString(16).padStart(6, '0')}00000001${plain.toString('hex')}`,
      want: /another dictionary/,
    },
    { what: 'the number of another dictionary', hex: '800300020000000b0000000178bb000000010000', want: /another dictionary/ },
    { what: 'bytes that do not inflate', hex: '800300020000000c0000000178bbe3c6a7c2ffff', want: /a header block cannot be read: / },
    { what: 'a header that is cut off', hex: block('0000000100000004'), want: /a header block ends too early/ },
    { what: 'a header without a value', hex: block('000000010000000161'), want: /a header block ends too early/ },
    { what: 'fewer headers than are said', hex: block('ffffffff000000016100000000'), want: /a header block ends too early/ },
    { what: 'more than its headers', hex: block('0000000000'), want: /1 bytes follow the last header/ },
    { what: 'a name in upper case', hex: block('00000001000000014100000000'), want: /the header name "A" is empty or not in lower case/ },
    { what: 'an empty name', hex: block('000000010000000000000000'), want: /the header name "" is empty/ },
    {
      what: 'a name that is there twice',
      hex: block('00000002000000016100000000000000016100000000'),
      want: /the header "a" is there twice/,
    },
  ]) {
    test(`${want === undefined ? 'waits for the rest of' : 'refuses'} ${what}`, () => {
      const read = (): readonly SpdyFrame[] => new SpdyFrameReader().read(bytesOf(hex));
      if (want === undefined) assert.deepEqual(read(), []);
      else assert.throws(read, (error) => error instanceof SpdyProtocolError && want.test(error.message));
    });
  }

  test('ends with frames or SpdyProtocolError, whatever the bytes are', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 500; round++) {
      const bytes = bytesOf(recorded);
      for (let i = random.below(6); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      try {
        new SpdyFrameReader().read(bytes);
      } catch (error) {
        assert.ok(error instanceof SpdyProtocolError, String(error));
      }
    }
  });

  test('refuses headers that are small only while they are compressed', () => {
    const bomb = new HeaderCompressor().compress({ a: 'x'.repeat(65 << 10) });
    assert.ok(bomb.length < 1000);
    assert.throws(() => new HeaderDecompressor().decompress(bomb), /a header block cannot be read/);
  });
});

describe('SpdyFrameWriter', () => {
  test('writes what its reader reads, and numbers as spdystream does', () => {
    const writer = new SpdyFrameWriter();
    const written = Buffer.concat(meaning.map((frame) => writer.write(frame)));
    assert.deepEqual(new SpdyFrameReader().read(written), meaning);
    const numbers = meaning.slice(4).map((frame) => Buffer.from(writer.write(frame)).toString('hex'));
    for (const hex of numbers) assert.ok(recorded.includes(hex), hex);
  });

  test('compresses every block over those before it, with names and values of any kind', () => {
    const random = seededRandom(2);
    const compressor = new HeaderCompressor();
    const decompressor = new HeaderDecompressor();
    const words = ['streamtype', 'error', '__proto__', 'constructor', '', 'ü'.repeat(20), 'x'.repeat(9000)];
    for (let round = 0; round < 100; round++) {
      const names = ['a', 'streamtype', 'port', 'constructor', '__proto__'].slice(0, random.below(6));
      const headers = Object.fromEntries(names.map((name) => [name, words[random.below(words.length)] ?? '']));
      assert.deepEqual(decompressor.decompress(compressor.compress(headers)), headers);
    }
    const again = compressor.compress({ streamtype: 'error', port: '8080', requestid: '0' });
    assert.ok(compressor.compress({ streamtype: 'data', port: '8080', requestid: '0' }).length < again.length);
  });

  test('refuses more data than a frame can hold', () => {
    const bytes = new Uint8Array(1 << 24);
    assert.throws(() => new SpdyFrameWriter().write({ type: 'data', streamId: 1, bytes, isLast: false }), RangeError);
  });
});
