import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepFreeze } from '../frozen.ts';
import { JsonSyntaxError } from './exact-reader.ts';
import { readJson } from './reader.ts';
import { writeJson } from './writer.ts';

const awkwardKey = fc.constantFrom('__proto__', 'constructor', 'toString', '10', '2', '', 'a', 'b.c');
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(awkwardKey, tie('value')), { maxLength: 5, selector: ([key]) => key })
      .map((entries) => Object.fromEntries(entries)),
  ),
})).value;

test('readJson() gives what JSON.parse gives where that is exact', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = JSON.stringify(value);
      const { value: read, duplicates } = readJson(text);
      assert.deepEqual(read, JSON.parse(text));
      assert.deepEqual(duplicates, []);
    }),
  );
});

test('readJson() reads alike by the native and by the exact reader', () => {
  fc.assert(
    fc.property(json, (value) => {
      // The long number sends the same value through the exact reader.
      const { value: exact } = readJson(`[${JSON.stringify(value)},12345678901234567890]`);
      assert.deepEqual((exact as unknown[])[0], readJson(JSON.stringify(value)).value);
    }),
  );
});

for (const key of ['__proto__', 'constructor', 'toString', '10', '2', '']) {
  test(`readJson() makes an own property of ${JSON.stringify(key)}, by both readers`, () => {
    for (const extra of ['', ',"long":12345678901234567']) {
      const { value } = readJson(`{${JSON.stringify(key)}:{"x":1}${extra}}`, { bigints: true });
      assert.ok(Object.hasOwn(value as object, key));
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
    }
  });
}

for (const { text, duplicates, value } of [
  { text: '{"a":1,"a":2}', duplicates: ['a'], value: { a: 2 } },
  {
    text: '{"metadata":{"name":"d","name":"e"},"data":{"a":"1","a":"2"}}',
    duplicates: ['metadata.name', 'data.a'],
    value: { metadata: { name: 'e' }, data: { a: '2' } },
  },
  {
    text: '{"spec":{"containers":[{},{"image":"a","image":"b"}]}}',
    duplicates: ['spec.containers[1].image'],
    value: { spec: { containers: [{}, { image: 'b' }] } },
  },
  { text: '{"a":1,"a":2,"a":3}', duplicates: ['a'], value: { a: 3 } },
  { text: '{"__proto__":1,"__proto__":2}', duplicates: ['__proto__'], value: JSON.parse('{"__proto__":2}') as unknown },
  { text: '{"a":{"b":1},"a":{}}', duplicates: ['a'], value: { a: {} } },
  { text: '{"a\\u0062":1,"ab":2}', duplicates: ['ab'], value: { ab: 2 } },
]) {
  test(`readJson() names what comes twice in ${text}`, () => {
    assert.deepEqual(readJson(text), { value, duplicates });
  });
}

for (const { text, want } of [
  { text: '9007199254740991', want: 9007199254740991 },
  { text: '9007199254740992', want: 9007199254740992n },
  { text: '-9223372036854775808', want: -9223372036854775808n },
  { text: '9223372036854775808', want: 9223372036854775808n },
  { text: '9007199254740993.0', want: 9007199254740992 },
  { text: '1e3', want: 1000 },
  { text: '-0.5', want: -0.5 },
  { text: '1234567890123456789012345', want: 1234567890123456789012345 },
]) {
  test(`readJson() with bigints reads ${text} as ${String(want)}`, () => {
    assert.equal(readJson(text, { bigints: true }).value, want);
  });
}

test('readJson() without bigints reads the nearest double', () => {
  assert.equal(readJson('9007199254740993').value, 9007199254740992);
});

test('readJson() replaces halves of surrogate pairs and bytes that are not UTF-8', () => {
  assert.equal(readJson('"\\ud800x\\ud83d\\ude00"').value, '\ufffdx😀');
  assert.equal(readJson(Uint8Array.of(0x22, 0xff, 0x22)).value, '\ufffd');
});

for (const [text, message] of [
  ['', 'unexpected end of JSON input'],
  ['{"kind":', 'unexpected end of JSON input'],
  ['"open', 'unexpected end of JSON input'],
  ['"open\\', 'unexpected end of JSON input'],
  ['hello', "invalid character 'h' looking for beginning of value"],
  ['nulx', "invalid character 'x' in literal null (expecting 'l')"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
  ['-a', "invalid character 'a' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['01', "invalid character '1' after top-level value"],
  ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['1 2', "invalid character '2' after top-level value"],
  ["'a'", "invalid character '\\'' looking for beginning of value"],
  ['é', "invalid character 'Ã' looking for beginning of value"],
  ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
  ['\u0001', "invalid character '\\x01' looking for beginning of value"],
  ['1e400', 'json: cannot unmarshal number 1e400 into Go value of type float64'],
] as const) {
  test(`readJson() refuses ${JSON.stringify(text)} in Go's words`, () => {
    assert.throws(() => readJson(new TextEncoder().encode(text)), { name: 'JsonSyntaxError', message });
  });
}

test('readJson() reads 1,000 levels, which freeze and write again, and refuses more', () => {
  for (const extra of ['', ',"a":0', ',"long":12345678901234567']) {
    const text = (levels: number): string => `${'{"a":'.repeat(levels)}1${`${extra}}`.repeat(levels)}`;
    const { value } = readJson(text(1000), { bigints: true });
    if (!extra.includes('"a"')) assert.equal(writeJson(deepFreeze(value)), text(1000));
    assert.throws(() => readJson(text(1001)), { name: 'JsonSyntaxError', message: 'exceeded max depth' });
  }
  assert.throws(() => readJson('[[1]]', { maxDepth: 1 }), { message: 'exceeded max depth' });
});

test('readJson() refuses more bytes than maxBytes', () => {
  assert.deepEqual(readJson('[1]', { maxBytes: 3 }).value, [1]);
  assert.throws(() => readJson('[12]', { maxBytes: 3 }), RangeError);
});

test('readJson() throws nothing but JsonSyntaxError, whatever the text', () => {
  const chunk = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    'u',
    '1',
    '-',
    '.',
    'e',
    'true',
    'null',
    ' ',
    'é',
    '"a"',
    '\\ud800',
  );
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
      const text = chunks.join('');
      let accepted = true;
      try {
        JSON.parse(text);
      } catch {
        accepted = false; // only whether it throws is of interest
      }
      if (accepted) readJson(text);
      else assert.throws(() => readJson(text), JsonSyntaxError);
    }),
    { numRuns: 2000 },
  );
});
