import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalResources, isNegative, isPositive, isWholeNumber } from './resource-lists.ts';

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

test('canonicalResources() keeps a list that is canonical already', () => {
  const list = { cpu: '500m', memory: '3Gi' };
  assert.equal(canonicalResources(list), list);
});

test('signs and wholeness are those of the amount, not of the text', () => {
  assert.deepEqual([isNegative('-1m'), isNegative('-0'), isPositive('0.0'), isPositive('1n')], [true, false, false, true]);
  assert.deepEqual([isWholeNumber('1500m'), isWholeNumber('2000m'), isWholeNumber('1Ki')], [false, true, true]);
});
