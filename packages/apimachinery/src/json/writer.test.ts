import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes } from '../maps.ts';
import { readJson } from './reader.ts';
import { writeJson, writeJsonBytes } from './writer.ts';

const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'toString', '10', '2', '', 'kind', 'metadata'), fc.string({ unit: 'binary', maxLength: 3 }).map((text) => text.toWellFormed()));

for (const { name, value, want } of [
  { name: 'orders keys by bytes, also those like indexes', value: { b: 1, 2: 1, 10: 1, a: 1 }, want: '{"10":1,"2":1,"a":1,"b":1}' },
  { name: 'starts an API object with kind, apiVersion, metadata', value: { status: {}, apiVersion: 'v1', metadata: {}, kind: 'Pod', data: {} }, want: '{"kind":"Pod","apiVersion":"v1","metadata":{},"data":{},"status":{}}' },
  { name: 'keeps the bytes order where there is no apiVersion', value: { kind: 'User', apiGroup: 'g' }, want: '{"apiGroup":"g","kind":"User"}' },
  { name: 'prints bigints as integers', value: { n: 9223372036854775807n }, want: '{"n":9223372036854775807}' },
  { name: 'leaves undefined members out', value: { z: undefined, a: 1, b: undefined }, want: '{"a":1}' },
  { name: 'leaves undefined members out of unordered objects', value: { z: 1, b: undefined, a: 1 }, want: '{"a":1,"z":1}' },
  { name: 'keeps null and empty members', value: { a: null, b: [], c: {} }, want: '{"a":null,"b":[],"c":{}}' },
  { name: 'writes scalars', value: ['x', 1.5, true, null, 1e21], want: '["x",1.5,true,null,1e+21]' },
]) {
  test(`writeJson() ${name}`, () => assert.equal(writeJson(value), want));
}

for (const value of [() => 0, Symbol('s'), Number.NaN, Number.POSITIVE_INFINITY, [undefined], undefined]) {
  test(`writeJson() refuses ${String(typeof value)} ${String(Array.isArray(value) ? '[undefined]' : value)}`, () => {
    assert.throws(() => writeJson({ list: [value] }), TypeError);
  });
}

test('writeJson() writes equal text for equal maps, keys in the order of their bytes, and what it writes reads back', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 8 }), (keys) => {
      const map = (order: readonly string[]): object => Object.fromEntries(order.map((one) => [one, one]));
      const text = writeJson(map(keys));
      assert.equal(writeJson(map(keys.toReversed())), text);
      assert.deepEqual(readJson(text).value, map(keys));
      const written = [...text.matchAll(/"((?:[^"\\]|\\.)*)":/g)].map(([, one]) => JSON.parse(`"${one ?? ''}"`) as string);
      const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      if (!keys.includes('kind')) assert.deepEqual(written, byBytes);
    }),
  );
});

test('compareBytes() orders as the UTF-8 bytes do', () => {
  const text = fc.string({ unit: 'binary', maxLength: 4 }).map((one) => one.toWellFormed());
  fc.assert(fc.property(text, text, (a, b) => Math.sign(compareBytes(a, b)) === Buffer.compare(Buffer.from(a), Buffer.from(b))));
  assert.ok(compareBytes('\uff61', '\u{1f600}') < 0);
});

test('writeJsonBytes() writes UTF-8', () => {
  assert.deepEqual(writeJsonBytes({ é: '😀' }), new TextEncoder().encode('{"é":"😀"}'));
});
