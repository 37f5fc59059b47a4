import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, medians, percentile } from './benchmark.ts';

const cases = [
  { values: [3], want: 3 },
  { values: [3, 1, 2], want: 2 },
  { values: [10, 9, 2, 1], want: 5.5 },
];
for (const { values, want } of cases) {
  test(`median([${values.join(', ')}]) is ${want}`, () => assert.equal(median(values), want));
}

test('median() of no values is refused', () => assert.throws(() => median([]), RangeError));

test('percentile() is the least value that so many do not exceed', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  assert.equal(percentile(values, 0.5), 100);
  assert.equal(percentile(values, 0.99), 198);
  assert.equal(percentile([7], 0.99), 7);
});

test('medians() takes each figure by itself', () => {
  const rounds = [
    { ms: 1, bytes: 30 },
    { ms: 9, bytes: 10 },
    { ms: 2, bytes: 20 },
  ];
  assert.deepEqual(medians(rounds), { ms: 2, bytes: 20 });
});
