import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fault, JsonChecker } from './json-checker.ts';

const checker = new JsonChecker(1_000);

function isJson(bytes: Uint8Array): boolean {
  checker.set(bytes);
  const end = checker.pastValue(0);
  return end !== fault && checker.pastSpace(end) === bytes.length;
}

function isParsed(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

/** What a wrong byte is most likely to do harm with. */
const tricky = fc.constantFrom(...Buffer.from('{}[],:"\\ \n\t/u0129-+.eEtrfalsn\u00fc\u007f\u0000\u001f'));
const texts = fc
  .tuple(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, undefined, space));

test('JsonChecker passes what JSON.stringify writes, to its end', () => {
  fc.assert(fc.property(texts, (text) => isJson(Buffer.from(text))));
});

test('JsonChecker passes what JSON.parse reads, and nothing else', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'remove'), fc.oneof(tricky, fc.nat(255))), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(texts, edits, (text, wrong) => {
      let bytes = [...Buffer.from(text)];
      for (const [where, how, byte] of wrong) {
        const at = where % (bytes.length + 1);
        bytes = bytes.toSpliced(at, how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [byte]));
      }
      const given = Uint8Array.from(bytes);
      assert.equal(isJson(given), isParsed(given), Buffer.from(given).toString('latin1'));
    }),
    { numRuns: 150 },
  );
});

const faulty = [
  '',
  ' ',
  '{',
  '[',
  '"',
  '"\\',
  '"\\u12',
  '"\\u12g4"',
  '"\\x"',
  '"a\nb"',
  '01',
  '-',
  '-a',
  '1.',
  '.5',
  '1e',
  '1e+',
  '+1',
  '0x1',
];
const wrong = [...faulty, 'tru', 'trux', 'nul', 'fals', 'falsx', '{"a"}', '{"a":}', '{"a":1,}', '{,}', '{a:1}', '{1:1}', '[1,]', '[,]'];
for (const text of [...wrong, '[1}', '{"a":1]', '1 2', '[1]]', '\ufeff1', '\u00a01', '[\u00fc]', "'a'", 'NaN', 'Infinity', '"\u0000"']) {
  test(`JsonChecker refuses ${JSON.stringify(text)}`, () => {
    assert.equal(isParsed(Buffer.from(text)), false);
    assert.equal(isJson(Buffer.from(text)), false);
  });
}

test('JsonChecker refuses what is nested more deeply than its limit', () => {
  const nested = (depth: number): Buffer => Buffer.from(`${'['.repeat(depth)}1${']'.repeat(depth)}`);
  assert.equal(isJson(nested(1_000)), true);
  assert.equal(isJson(nested(1_001)), false);
  assert.equal(isJson(nested(100_000)), false);
});

const hints = [
  { text: '["a", 123456789012345, -1.5, "2024"]', hasEscapes: false, hasWideCharacters: false, isHard: false },
  { text: '1234567890123456', hasEscapes: false, hasWideCharacters: false, isHard: true },
  { text: '[0.1234567890123456]', hasEscapes: false, hasWideCharacters: false, isHard: true },
  { text: '1e2', hasEscapes: false, hasWideCharacters: false, isHard: true },
  { text: '"\\ud800"', hasEscapes: true, hasWideCharacters: false, isHard: true },
  { text: '"\\u00fc\\n"', hasEscapes: true, hasWideCharacters: false, isHard: false },
  { text: '{"\u00fc":1}', hasEscapes: false, hasWideCharacters: true, isHard: false },
];
for (const { text, ...expected } of hints) {
  test(`JsonChecker tells what is in ${text}`, () => {
    checker.clear();
    assert.equal(isJson(Buffer.from(text)), true);
    const { hasEscapes, hasWideCharacters, isHard } = checker;
    assert.deepEqual({ hasEscapes, hasWideCharacters, isHard }, expected);
  });
}
