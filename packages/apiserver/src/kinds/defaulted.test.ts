import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaulted, inEach, inField } from './defaulted.ts';

test('defaulted() fills in what is absent or null, and nothing else', () => {
  const sent: { readonly a?: number; readonly b?: string | null; readonly c?: boolean } = { a: 0, b: null };
  assert.deepEqual(defaulted(sent, { a: 5, b: 'x', c: true }), { a: 0, b: 'x', c: true });
});

test('nothing is copied where nothing changes', () => {
  const object: { readonly list: readonly number[]; readonly none?: string } = { list: [1, 2] };
  assert.equal(defaulted(object, { list: [9] }), object);
  assert.equal(
    inEach(object.list, (n) => n),
    object.list,
  );
  assert.equal(
    inField(object, 'list', (list) => list),
    object,
  );
  assert.equal(
    inField(object, 'none', () => 'x'),
    object,
  );
});
