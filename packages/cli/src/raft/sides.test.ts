import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../flags.ts';
import { sides } from './sides.ts';

const three = [
  { name: 'm1', id: 11 },
  { name: 'm2', id: 12 },
  { name: 'm3', id: 13 },
];

test('sides() parts those who are named from the others, in both directions', () => {
  assert.deepEqual(
    [...sides(three, ['m2'])],
    [
      ['m1', [12]],
      ['m2', [11, 13]],
      ['m3', [12]],
    ],
  );
  assert.deepEqual(sides(three, ['m1', 'm3']).get('m2'), [11, 13]);
});

for (const { members, named, says } of [
  { members: three, named: [], says: 'whom to cut off from the others? Name them' },
  { members: three, named: ['m4'], says: 'no member "m4" answers: m1, m2, m3' },
  { members: [], named: ['m1'], says: 'no member "m1" answers: none does' },
  { members: three, named: ['m1', 'm2', 'm3'], says: 'nobody is left on the other side' },
]) {
  test(`sides() refuses to part ${named.join(', ') || 'nobody'} of ${members.length}`, () =>
    assert.throws(
      () => sides(members, named),
      (error) => error instanceof UsageError && error.message === says,
    ));
}
