import assert from 'node:assert/strict';
import { executionAsyncId } from 'node:async_hooks';
import { test } from 'node:test';

test('promises of a test that is not live have no identity of their own', async () => {
  const before = executionAsyncId();
  await Promise.resolve();
  const after = executionAsyncId();
  await Promise.resolve();
  assert.equal(executionAsyncId(), after);
  assert.ok(after === before || after === 0, `${before}, then ${after}`);
});
