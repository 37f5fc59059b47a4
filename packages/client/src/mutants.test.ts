import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coveredRows, draw, mutated, rowsOfRecordedDraw, titleOf } from '../tools/mutants.ts';
import { mutations, recordedDraw } from '../tools/mutations.ts';

// The mutants themselves run with tools/mutants.ts; here, only that each still has its place in the sources and its test in the list.
const rows = coveredRows();

test('every mutation can be made, and names a test of its row', () => {
  for (const mutation of mutations) {
    const row = rows.find(({ id }) => id === mutation.row);
    assert.ok(row !== undefined, `${mutation.row} is no covered row`);
    assert.notEqual(mutated(mutation), '');
    assert.notEqual(titleOf(row, mutation), '');
  }
  assert.equal(new Set(mutations.map(({ row }) => row)).size, mutations.length);
});

test('every row of the recorded draw, and what is covered since, has a mutation', () => {
  const { coveredSince: since } = recordedDraw;
  const drawn = [...draw(rowsOfRecordedDraw(rows), recordedDraw.seed, recordedDraw.count), ...rows.filter(({ id }) => since.includes(id))];
  assert.equal(new Set(drawn).size, recordedDraw.count + since.length);
  const known = new Set(mutations.map(({ row }) => row));
  assert.deepEqual(
    drawn.map(({ id }) => id).filter((id) => !known.has(id)),
    [],
  );
});

test('draw() depends on the seed and nothing else, and ends with the rows', () => {
  assert.deepEqual(draw(rows, 7, 5), draw(rows, 7, 5));
  assert.notDeepEqual(draw(rows, 7, 5), draw(rows, 8, 5));
  assert.deepEqual(new Set(draw(rows, 7, rows.length + 9)), new Set(rows));
});

test('mutated() and titleOf() refuse what is not there', () => {
  const [row] = rows;
  assert.ok(row !== undefined);
  const mutation = { row: row.id, what: 'x', file: 'rest/retry.ts', from: 'no such text', to: '' };
  assert.throws(() => mutated(mutation), /stands 0 times in rest\/retry\.ts/);
  assert.throws(() => titleOf(row, { ...mutation, title: 'another test' }), /"another test" is no title of/);
  const table = { ...row, test: `user: \${name}` };
  assert.equal(titleOf(table, { ...mutation, title: 'user: a' }), 'user: a');
  assert.throws(() => titleOf(table, mutation), /is no title of/);
});
