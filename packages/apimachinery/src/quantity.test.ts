import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addQuantities, canonicalQuantity, compareQuantities, milliValue, parseQuantity, wholeValue } from './quantity.ts';

for (const { text, want } of [
  { text: '0', want: '0' },
  { text: '-0', want: '0' },
  { text: '0.0Gi', want: '0' },
  { text: '1000m', want: '1' },
  { text: '1500m', want: '1500m' },
  { text: '1.5', want: '1500m' },
  { text: '0.1', want: '100m' },
  { text: '.5', want: '500m' },
  { text: '-1.5', want: '-1500m' },
  { text: '1024Mi', want: '1Gi' },
  { text: '1.5Gi', want: '1536Mi' },
  { text: '0.5Ki', want: '512' },
  { text: '1.1Ki', want: '1126400m' },
  { text: '8Ki', want: '8Ki' },
  { text: '-2048Ki', want: '-2Mi' },
  { text: '1023.5Ki', want: '1048064' },
  { text: '2000', want: '2k' },
  { text: '123456000', want: '123456k' },
  { text: '1e3', want: '1e3' },
  { text: '100e1', want: '1e3' },
  { text: '1E2', want: '100' },
  { text: '1e-3', want: '1e-3' },
  { text: '1E', want: '1E' },
  { text: '1000E', want: '1e21' },
  { text: '1n', want: '1n' },
  { text: '0.1n', want: '1n' },
  { text: '-0.1n', want: '-1n' },
  { text: '1.0000000001', want: '1000000001n' },
  { text: '0.0000001Ki', want: '102400n' },
  { text: '16Ei', want: '9223372036854775807' },
  { text: '-16Ei', want: '-9223372036854775807' },
  { text: '12345678901234567890', want: '12345678901234567890' },
]) {
  test(`canonicalQuantity ${text}`, () => assert.equal(canonicalQuantity(text), want));
}

for (const text of ['+5', '5.', '007', '1.500', '1.234', '0001Ki', '1025Ki', '15e3', '100E']) {
  test(`canonicalQuantity keeps ${text}, as upstream does`, () => assert.equal(canonicalQuantity(text), text));
}

for (const text of ['-', '.', 'm', 'Ki', '+e3']) {
  test(`canonicalQuantity takes ${text} for zero, as upstream does`, () => assert.equal(canonicalQuantity(text), '0'));
}

const wrongForm = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
for (const { text, message } of [
  { text: '', message: wrongForm },
  { text: ' 1', message: wrongForm },
  { text: '1 ', message: wrongForm },
  { text: '1.1.M', message: wrongForm },
  { text: '1+1.0M', message: wrongForm },
  { text: '0.1am', message: wrongForm },
  { text: 'aoeu', message: wrongForm },
  { text: '١', message: wrongForm },
  { text: '1i', message: "unable to parse quantity's suffix" },
  { text: '0.1mi', message: "unable to parse quantity's suffix" },
  { text: '-3.01e-', message: "unable to parse quantity's suffix" },
  { text: '--1', message: "unable to parse quantity's suffix" },
  { text: '1e1000000', message: 'unable to parse numeric part of quantity' },
  { text: '9'.repeat(2_000), message: 'unable to parse numeric part of quantity' },
]) {
  test(`parseQuantity refuses "${text.slice(0, 20)}"`, () => assert.throws(() => parseQuantity(text), { name: 'SyntaxError', message }));
}

for (const { a, b, want } of [
  { a: '1', b: '1000m', want: 0 },
  { a: '1Gi', b: '1G', want: 1 },
  { a: '-1', b: '1n', want: -1 },
  { a: '9007199254740993', b: '9007199254740992', want: 1 },
  { a: '1e3', b: '1k', want: 0 },
]) {
  test(`compareQuantities ${a} and ${b}`, () => assert.equal(compareQuantities(a, b), want));
}

for (const { a, b, want } of [
  { a: '500m', b: '0.5', want: '1' },
  { a: '1Gi', b: '1', want: '1073741825' },
  { a: '512Mi', b: '0.5Gi', want: '1Gi' },
  { a: '0', b: '1Gi', want: '1Gi' },
  { a: '1', b: '1Gi', want: '1073741825' },
  { a: '1', b: '-1', want: '0' },
  { a: '0.0001Ki', b: '1Ki', want: '1024102400u' },
]) {
  test(`addQuantities ${a} and ${b}`, () => assert.equal(addQuantities(a, b), want));
}

test('milliValue and wholeValue round away from zero', () => {
  assert.deepEqual([milliValue('1u'), milliValue('-1u'), milliValue('2'), milliValue('1.0005')], [1n, -1n, 2000n, 1001n]);
  assert.deepEqual([wholeValue('1m'), wholeValue('-1m'), wholeValue('1Ki'), wholeValue('0')], [1n, -1n, 1024n, 0n]);
});

const arbitrary = (...suffixes: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('', '-'), fc.nat(), fc.option(fc.nat(9999)), fc.constantFrom(...suffixes))
    .map(([sign, whole, fraction, unit]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${unit}`);
const small = arbitrary('', 'n', 'u', 'm', 'k', 'M', 'Ki', 'Mi', 'e3', 'E-2');
const quantity = arbitrary('', 'n', 'm', 'k', 'G', 'P', 'E', 'Ki', 'Gi', 'Ei', 'e3', 'e20', 'E-2');

test('canonicalQuantity is another text for the same amount, and its own canonical form', () => {
  fc.assert(
    fc.property(quantity, (text) => {
      const canonical = canonicalQuantity(text);
      assert.equal(compareQuantities(canonical, text), 0);
      assert.equal(canonicalQuantity(canonical), canonical);
    }),
  );
});

test('addQuantities: what is added and taken away again leaves the same amount', () => {
  fc.assert(
    // A binary sum beyond int64 would be cut off when its text is read again.
    fc.property(small, small, (a, b) => {
      const negative = b.startsWith('-') ? b.slice(1) : `-${b}`;
      assert.equal(compareQuantities(addQuantities(addQuantities(a, b), negative), a), 0);
      assert.equal(compareQuantities(addQuantities(a, b), addQuantities(b, a)), 0);
    }),
  );
});

test('compareQuantities is an order', () => {
  fc.assert(
    fc.property(quantity, quantity, quantity, (a, b, c) => {
      assert.equal(compareQuantities(a, b), -compareQuantities(b, a) + 0);
      if (compareQuantities(a, b) <= 0 && compareQuantities(b, c) <= 0) assert.ok(compareQuantities(a, c) <= 0);
    }),
  );
});

test('parseQuantity() reads a text again as it read it first, also after thousands of others', () => {
  const texts = Array.from({ length: 2_500 }, (_, i) => `${i}.${i}Mi`);
  const first = texts.map((text) => ({ quantity: parseQuantity(text), canonical: canonicalQuantity(text), milli: milliValue(text) }));
  for (const [i, text] of texts.entries()) {
    assert.deepEqual({ quantity: parseQuantity(text), canonical: canonicalQuantity(text), milli: milliValue(text) }, first[i]);
    assert.deepEqual(parseQuantity(text), parseQuantity(`+${text}`));
  }
});

test('parseQuantity() refuses a text each time', () => {
  for (let i = 0; i < 3; i++) assert.throws(() => parseQuantity('1.1.M'), { name: 'SyntaxError', message: wrongForm });
});

test('parseQuantity() gives what nobody can change', () => {
  assert.ok(Object.isFrozen(parseQuantity('1500m')));
});
