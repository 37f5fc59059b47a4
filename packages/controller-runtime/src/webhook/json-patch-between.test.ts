import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applyJsonPatch } from '@coracle/apimachinery';
import { type Random, randomFrom } from '@coracle/kernel';
import { seededRandom } from '@coracle/simulator';
import { jsonPatchBetween } from './json-patch-between.ts';

describe('jsonPatchBetween', () => {
  for (const { name, before, after, operations } of [
    { name: 'nothing differs', before: { a: [1, { b: null }] }, after: { a: [1, { b: null }] }, operations: [] },
    { name: 'undefined is absent', before: { a: 1 }, after: { a: 1, b: undefined }, operations: [] },
    {
      name: 'members come, go and change',
      before: { a: 1, b: { c: 1 }, d: 1 },
      after: { a: 2, b: {}, e: null },
      operations: [
        { op: 'replace', path: '/a', value: 2 },
        { op: 'remove', path: '/b/c' },
        { op: 'remove', path: '/d' },
        { op: 'add', path: '/e', value: null },
      ],
    },
    {
      name: 'names are escaped',
      before: { 'a/b': 1, '~': 1 },
      after: { 'a/b': 2 },
      operations: [
        { op: 'replace', path: '/a~1b', value: 2 },
        { op: 'remove', path: '/~0' },
      ],
    },
    {
      name: 'a list is changed where it differs',
      before: { a: [1, 2, 3, 4] },
      after: { a: [1, 9, 4] },
      operations: [
        { op: 'replace', path: '/a/1', value: 9 },
        { op: 'remove', path: '/a/2' },
      ],
    },
    { name: 'an element is put between', before: [1, 3], after: [1, 2, 3], operations: [{ op: 'add', path: '/1', value: 2 }] },
    { name: 'types change', before: { a: [] }, after: { a: {} }, operations: [{ op: 'replace', path: '/a', value: {} }] },
    { name: 'keys of every object', before: { constructor: 1 }, after: {}, operations: [{ op: 'remove', path: '/constructor' }] },
  ]) {
    test(name, () => assert.deepEqual(jsonPatchBetween(before, after), operations));
  }

  test('applied to the one it gives the other, for 500 pairs', () => {
    const random = randomFrom(seededRandom(7).u32, () => assert.fail('no forks'));
    for (let i = 0; i < 500; i++) {
      const before = { root: value(random, 4) };
      const after = { root: random.below(3) === 0 ? value(random, 4) : changed(random, before.root) };
      const patch = jsonPatchBetween(before, after);
      assert.deepEqual(patch.length === 0 ? before : applyJsonPatch(before, patch), after, JSON.stringify({ before, after, patch }));
    }
  });
});

const names = ['a', 'b/c', '~d', '', 'toString', '10', '2'];

function value(random: Random, depth: number): unknown {
  const kind = depth === 0 ? random.below(4) : random.below(7);
  if (kind < 2) return random.below(3);
  if (kind < 4) return [null, true, 'x'][random.below(3)];
  if (kind < 5) return Array.from({ length: random.below(4) }, () => value(random, depth - 1));
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [names[random.below(names.length)], value(random, depth - 1)]));
}

/** Almost the same value. */
function changed(random: Random, of: unknown): unknown {
  if (random.below(6) === 0) return value(random, 2);
  if (Array.isArray(of)) {
    const copy = of.map((each: unknown) => changed(random, each));
    if (random.below(2) === 0) copy.splice(random.below(copy.length + 1), random.below(2), value(random, 1));
    return copy;
  }
  if (typeof of !== 'object' || of === null) return of;
  return Object.fromEntries(
    Object.entries(of)
      .filter(() => random.below(5) > 0)
      .map(([name, each]) => [name, changed(random, each)]),
  );
}
