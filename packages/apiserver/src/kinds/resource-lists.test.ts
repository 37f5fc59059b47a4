import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalResources, isNegative, isPositive, isWholeNumber, roundedToMilli } from './resource-lists.ts';

test('canonicalResources() writes quantities as the server does, no finer than a thousandth', () => {
  const list = JSON.parse('{"cpu":"0.5","memory":"1024Ki","x":"1000m","tiny":"1u","__proto__":"2000m"}') as Record<string, string>;
  assert.deepEqual(Object.entries(canonicalResources(list)), [
    ['cpu', '500m'],
    ['memory', '1Mi'],
    ['x', '1'],
    ['tiny', '1m'],
    ['__proto__', '2'],
  ]);
});

test('canonicalResources() rounds every quantity, also those that it sees need no rounding', () => {
  const number = fc.stringMatching(/^[+-]?(\d{1,20}(\.\d{0,12})?|\.\d{1,12})$/);
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'E', 'Ki', 'Gi', 'Ei', 'e3', 'e-2', 'E-9');
  fc.assert(
    fc.property(number, suffix, (digits, unit) => {
      assert.deepEqual(canonicalResources({ x: digits + unit }), { x: roundedToMilli(digits + unit) });
    }),
    { numRuns: 500 },
  );
});

test('canonicalResources() keeps a list that is canonical already', () => {
  const list = { cpu: '500m', memory: '3Gi' };
  assert.equal(canonicalResources(list), list);
});

test('signs and wholeness are those of the amount, not of the text', () => {
  assert.deepEqual([isNegative('-1m'), isNegative('-0'), isPositive('0.0'), isPositive('1n')], [true, false, false, true]);
  assert.deepEqual([isWholeNumber('1500m'), isWholeNumber('2000m'), isWholeNumber('1Ki')], [false, true, true]);
});
