import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyMergePatch } from '@coracle/apimachinery';
import { mergePatchBetween } from './merge-patch-between.ts';

const cases: readonly { readonly name: string; readonly before: unknown; readonly after: unknown; readonly patch: unknown }[] = [
  { name: 'nothing differs', before: { a: [1, { b: 2 }] }, after: { a: [1, { b: 2 }] }, patch: undefined },
  { name: 'null and undefined are absent', before: { a: null, b: 1 }, after: { b: 1, c: undefined }, patch: undefined },
  { name: 'members come, go and change', before: { a: 1, b: 1, c: 1 }, after: { a: 1, b: 2, d: 3 }, patch: { b: 2, c: null, d: 3 } },
  { name: 'below', before: { a: { b: { c: 1, d: 1 } } }, after: { a: { b: { c: 2, d: 1 } } }, patch: { a: { b: { c: 2 } } } },
  { name: 'a list as a whole', before: { a: [1, 2] }, after: { a: [1, 3] }, patch: { a: [1, 3] } },
  { name: 'a list that is shorter', before: { a: [1, 2] }, after: { a: [1] }, patch: { a: [1] } },
  {
    name: 'a member without members',
    before: { a: [{ n: 1 }], b: {} },
    after: { a: [{ n: 1, e: {} }], b: {}, c: {} },
    patch: { a: [{ n: 1, e: {} }], c: {} },
  },
  { name: 'another type', before: { a: { b: 1 }, c: 1 }, after: { a: 'b', c: '1' }, patch: { a: 'b', c: '1' } },
  { name: 'names that objects have', before: { toString: 'a' }, after: { constructor: 'b' }, patch: { toString: null, constructor: 'b' } },
];

describe('mergePatchBetween()', () => {
  for (const { name, before, after, patch } of cases) {
    test(name, () => {
      assert.deepEqual(mergePatchBetween(before, after), patch);
      if (patch !== undefined) assert.equal(mergePatchBetween(applyMergePatch(before, patch), after), undefined);
    });
  }

  test('a member named __proto__', () => {
    const patch = mergePatchBetween({}, JSON.parse('{"__proto__": "a"}')) as object;
    assert.equal(JSON.stringify(patch), '{"__proto__":"a"}');
  });
});
