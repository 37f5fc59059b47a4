import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { semanticEqual, wireEqual } from './equality.ts';

for (const { a, b, want } of [
  { a: { a: null, b: [], c: {} }, b: {}, want: true },
  { a: undefined, b: [], want: true },
  { a: null, b: {}, want: true },
  { a: [], b: {}, want: true },
  { a: { a: '' }, b: {}, want: false },
  { a: { a: 0 }, b: {}, want: false },
  { a: {}, b: { a: false }, want: false },
  { a: [null], b: [], want: false },
  { a: [1, 2], b: [2, 1], want: false },
  { a: { a: 1, b: 2 }, b: { b: 2, a: 1 }, want: true },
  { a: { a: [{ b: [] }] }, b: { a: [{}] }, want: true },
  { a: '1', b: 1, want: false },
  { a: 1n, b: 1n, want: true },
  { a: {}, b: JSON.parse('{"__proto__":{"a":1}}') as unknown, want: false },
  { a: { constructor: null }, b: {}, want: true },
]) {
  test(`semanticEqual ${String(JSON.stringify(a, printable))} and ${JSON.stringify(b, printable)}`, () => {
    assert.equal(semanticEqual(a, b), want);
    assert.equal(semanticEqual(b, a), want);
  });
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

test('semanticEqual: 0 is written as 0, whatever its sign', () => {
  assert.ok(semanticEqual({ replicas: -0 }, { replicas: 0 }));
});

test('semanticEqual: a value equals its copy', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => semanticEqual(value, JSON.parse(JSON.stringify(value)))));
});

test('semanticEqual visits each member once', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
  assert.ok(semanticEqual(nested(500), nested(500)));
});

test('wireEqual() tells what is empty from what is absent, and takes undefined for absent', () => {
  for (const [a, b] of [
    [{ spec: { selector: {} } }, { spec: {} }],
    [{ list: [] }, {}],
    [{ a: null }, {}],
    [[1, 2], [1]],
    [{ a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 2 }] } }],
    [{ a: [] }, { a: {} }],
    [1, '1'],
  ] as const) {
    assert.equal(wireEqual(a, b), false, JSON.stringify([a, b]));
    assert.equal(wireEqual(b, a), false, JSON.stringify([b, a]));
  }
  assert.equal(wireEqual({ a: { b: [0], c: undefined } }, { a: { d: undefined, b: [-0] } }), true);
});
