import assert from 'node:assert/strict';
import { test } from 'node:test';

test('a test that is not live has no real time', () => {
  assert.throws(() => Date.now());
  assert.throws(() => setTimeout(() => {}, 1));
  assert.throws(() => Math.random());
});
