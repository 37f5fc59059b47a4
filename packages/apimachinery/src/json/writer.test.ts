import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepFreeze } from '../frozen.ts';
import { compareBytes } from '../maps.ts';
import { readJson } from './reader.ts';
import { writeJson, writeJsonBytes } from './writer.ts';

const key = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', '10', '2', '', 'kind', 'metadata'),
  fc.string({ unit: 'binary', maxLength: 3 }).map((text) => text.toWellFormed()),
);

for (const { name, value, want } of [
  { name: 'orders keys by bytes, also those like indexes', value: { b: 1, 2: 1, 10: 1, a: 1 }, want: '{"10":1,"2":1,"a":1,"b":1}' },
  {
    name: 'starts an API object with kind, apiVersion, metadata',
    value: { status: {}, apiVersion: 'v1', metadata: {}, kind: 'Pod', data: {} },
    want: '{"kind":"Pod","apiVersion":"v1","metadata":{},"data":{},"status":{}}',
  },
  {
    name: 'keeps the bytes order where there is no apiVersion',
    value: { kind: 'User', apiGroup: 'g' },
    want: '{"apiGroup":"g","kind":"User"}',
  },
  { name: 'prints bigints as integers', value: { n: 9223372036854775807n }, want: '{"n":9223372036854775807}' },
  { name: 'leaves undefined members out', value: { z: undefined, a: 1, b: undefined }, want: '{"a":1}' },
  { name: 'leaves undefined members out of unordered objects', value: { z: 1, b: undefined, a: 1 }, want: '{"a":1,"z":1}' },
  {
    name: 'orders what is deep inside',
    value: { a: [{ d: 1, c: [{ f: 1, e: undefined, b: {} }] }], z: null },
    want: '{"a":[{"c":[{"b":{},"f":1}],"d":1}],"z":null}',
  },
  { name: 'orders what is below members like indexes', value: { 10: { b: 1, a: 1 }, 9: 1 }, want: '{"10":{"a":1,"b":1},"9":1}' },
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

test('writeJson() writes equal text for equal values, whatever is out of order how deep in them, and leaves them as they are', () => {
  const { value: values } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.constantFrom(0, '', 'x', null, 7n), fc.array(tie('value'), { maxLength: 3 }), tie('map')),
    map: fc
      .uniqueArray(fc.tuple(key, tie('value')), { maxLength: 6, selector: ([name]) => name })
      .map((entries) => Object.fromEntries(entries)),
  }));
  const turned = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(turned);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, member]): [string, unknown] => [name, turned(member)])
        .reverse(),
    );
  };
  fc.assert(
    fc.property(values, (value) => {
      const frozen = deepFreeze(value);
      const text = writeJson(frozen);
      assert.equal(writeJson(turned(frozen)), text);
      assert.deepEqual(
        readJson(text).value,
        readJson(JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one))).value,
      );
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
