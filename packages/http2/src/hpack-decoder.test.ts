import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder, HpackError } from './hpack-decoder.ts';
import { responseHead } from './response-head.ts';

const noLimit = 1 << 20;

function decode(decoder: HpackDecoder, hex: string, maxBytes: number = noLimit): readonly (readonly [string, string])[] {
  return decoder.decode(Buffer.from(hex, 'hex'), maxBytes).fields.map(({ name, value }) => [name, value]);
}

// RFC 7541, C.3 and C.4: three requests on one connection, without and with Huffman coding.
for (const { name, blocks } of [
  {
    name: 'plain text',
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
  },
  {
    name: 'Huffman codes',
    blocks: ['828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf', '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'],
  },
]) {
  test(`HpackDecoder keeps its table from block to block: ${name}`, () => {
    const decoder = new HpackDecoder();
    const read = blocks.map((block) => decode(decoder, block));
    const authority = [':authority', 'www.example.com'];
    assert.deepEqual(read[0], [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], authority]);
    assert.deepEqual(read[1], [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], authority, ['cache-control', 'no-cache']]);
    assert.deepEqual(read[2], [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':path', '/index.html'],
      authority,
      ['custom-key', 'custom-value'],
    ]);
  });
}

for (const { name, hex } of [
  { name: 'index 0', hex: '80' },
  { name: 'an index beyond both tables', hex: 'be' },
  { name: 'an integer without end', hex: 'ffffffffffffff7f' },
  { name: 'a string that is cut off', hex: '0003616263' },
  { name: 'a block that is cut off', hex: '40' },
  { name: 'a table larger than we allow', hex: '3fe2ff03' },
  { name: 'a size behind a field', hex: '823f' },
  { name: 'the code of the end in a string', hex: '0084ffffffff0161' },
  { name: 'padding of more than 7 bits', hex: '00821fff0161' },
  { name: 'padding of zeros', hex: '0081180161' },
]) {
  test(`HpackDecoder refuses ${name}`, () => assert.throws(() => decode(new HpackDecoder(), hex), HpackError));
}

test('HpackDecoder forgets the oldest entries', () => {
  const decoder = new HpackDecoder();
  const entry = (name: string): string =>
    Buffer.from([0x40, 1, name.charCodeAt(0), 0x7f, 0x81, 0x0f, ...Buffer.alloc(2_048, 'v')]).toString('hex');
  decode(decoder, entry('a'));
  assert.equal(decode(decoder, 'be')[0]?.[0], 'a');
  decode(decoder, entry('b'));
  assert.equal(decode(decoder, 'be')[0]?.[0], 'b');
  assert.throws(() => decode(decoder, 'bf'), HpackError);
  decode(decoder, '20'); // a table of no bytes
  assert.throws(() => decode(decoder, 'be'), HpackError);
});

test('HpackDecoder keeps no more fields than asked for, and its table in step', () => {
  const decoder = new HpackDecoder();
  const { fields, isTooLarge } = decoder.decode(Buffer.from('824001610162', 'hex'), 42);
  assert.deepEqual([fields.length, isTooLarge], [1, true]);
  assert.deepEqual(decode(decoder, 'be'), [['a', 'b']]);
});

for (const { name, hex } of [
  { name: 'capital letters in a name', hex: '0001410161' },
  { name: 'a name of no letters', hex: '00000161' },
  { name: 'a line break in a value', hex: '000161020d0a' },
  { name: 'a blank at the end of a value', hex: '000161026120' },
]) {
  test(`HpackDecoder marks ${name} as not valid`, () => {
    const [field] = new HpackDecoder().decode(Buffer.from(hex, 'hex'), noLimit).fields;
    assert.equal(field?.isValid, false);
  });
}

test('responseHead() writes what an HpackDecoder reads', () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
  const value = fc.stringMatching(/^([!-~]([ -~]{0,300}[!-~])?)?$/);
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true }),
      (status, headers) => {
        const { fields } = new HpackDecoder().decode(Buffer.from(responseHead(status, headers), 'latin1'), noLimit);
        assert.deepEqual(
          fields.map((field) => [field.name, field.value, field.isValid]),
          [[':status', String(status), true], ...Object.entries(headers).map(([key, text]) => [key, text, true])],
        );
      },
    ),
  );
});

test('responseHead() sends text beyond ASCII in UTF-8 and leaves out what HTTP does not allow', () => {
  const block = Buffer.from(responseHead(200, { warning: '299 - "é"', bad: 'a\r\nb: c' }), 'latin1');
  const { fields } = new HpackDecoder().decode(block, noLimit);
  assert.deepEqual(
    fields.slice(1).map(({ name, value }) => [name, Buffer.from(value, 'latin1').toString()]),
    [['warning', '299 - "é"']],
  );
});
