import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getOwn, hasOwn, mapFrom, sortedEntries, withEntry, withoutEntry } from './maps.ts';

const awkward = ['__proto__', 'constructor', 'toString', '10', '2', ''];

for (const key of awkward) {
  test(`maps treat ${JSON.stringify(key)} as a key like any other`, () => {
    const empty = {};
    assert.equal(getOwn(empty, key), undefined);
    assert.equal(hasOwn(empty, key), false);
    const one = withEntry(empty, key, 'v');
    assert.equal(getOwn(one, key), 'v');
    assert.equal(hasOwn(one, key), true);
    assert.equal(Object.getPrototypeOf(one), Object.prototype);
    const two = withEntry(one, 'other', 'w');
    assert.deepEqual(withoutEntry(two, key), { other: 'w' });
    assert.equal(withoutEntry(one, key), undefined);
    assert.equal(hasOwn(one, key), true);
  });
}

test('maps may be absent', () => {
  assert.equal(getOwn(undefined, 'a'), undefined);
  assert.deepEqual(withEntry(undefined, 'a', '1'), { a: '1' });
  assert.equal(withoutEntry(undefined, 'a'), undefined);
  assert.deepEqual(sortedEntries(undefined), []);
});

test('sortedEntries() follows the bytes of the keys', () => {
  const keys = sortedEntries(mapFrom(awkward.map((key) => [key, '']))).map(([key]) => key);
  assert.deepEqual(keys, ['', '10', '2', '__proto__', 'constructor', 'toString']);
});
