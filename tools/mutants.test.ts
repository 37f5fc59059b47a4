import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draw, mutated, titleOf } from './mutants.ts';
import type { CoveredRow } from './upstream-list.ts';

const rows: readonly CoveredRow[] = Array.from({ length: 40 }, (_, i) => ({
  id: `some_test.go Test${i}`,
  name: `Test${i}`,
  area: 'some',
  state: 'covered',
  file: 'some.test.ts',
  test: `does ${i}`,
}));

test('draw() depends on the seed and nothing else, and ends with the rows', () => {
  assert.deepEqual(draw(rows, 7, 5), draw(rows, 7, 5));
  assert.notDeepEqual(draw(rows, 7, 5), draw(rows, 8, 5));
  assert.deepEqual(new Set(draw(rows, 7, rows.length + 9)), new Set(rows));
});

test('mutated() and titleOf() refuse what is not there', () => {
  const [row] = rows;
  assert.ok(row !== undefined);
  const mutation = { row: row.id, what: 'x', file: 'mutants.test.ts', from: ['no such', 'text'].join(' '), to: '' };
  assert.throws(() => mutated(import.meta.dirname, mutation), /stands 0 times in mutants\.test\.ts/);
  assert.throws(() => titleOf(row, { ...mutation, title: 'another test' }), /"another test" is no title of/);
  const table = { ...row, test: `user: \${name}` };
  assert.equal(titleOf(table, { ...mutation, title: 'user: a' }), 'user: a');
  assert.throws(() => titleOf(table, mutation), /is no title of/);
});
