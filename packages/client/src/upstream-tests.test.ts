import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Row, readSections } from '../tools/upstream-tests.ts';

/** client-go has so many test functions in scope (kubernetes/client-go, 1.37 cycle). */
const inScope = 662;
/** So much at least is covered by tests of ours; the rest is argued, or open. */
const leastCovered = 0.85;

const sections = readSections();
const rows = sections.flatMap((section) => section.rows);

/** Titles of the tests of one of our files; those that a loop makes with the parts that differ left out. */
function titlesOf(file: string): Set<string> {
  const text = readFileSync(join(import.meta.dirname, file), 'utf8');
  const titles = new Set<string>();
  for (const match of text.matchAll(/\btest(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs))
    titles.add((match[2] ?? '').replace(/\\(.)/g, '$1'));
  return titles;
}

describe('the tests of client-go', () => {
  test('are all listed, each once', () => {
    for (const { file, count, rows: listed } of sections) assert.equal(listed.length, count, file);
    assert.equal(rows.length, inScope);
    assert.equal(new Set(sections.flatMap(({ file, rows: listed }) => listed.map(({ name }) => `${file} ${name}`))).size, inScope);
  });

  test('are covered by tests that exist', () => {
    const titles = new Map<string, Set<string>>();
    for (const row of rows) {
      if (row.state !== 'covered') continue;
      let known = titles.get(row.file);
      if (known === undefined) {
        known = titlesOf(row.file);
        titles.set(row.file, known);
      }
      assert.ok(known.has(row.test), `${row.name}: ${row.file} has no test ${JSON.stringify(row.test)}`);
    }
  });

  test('are argued away in a sentence each, or open for an area', () => {
    for (const row of rows) {
      if (row.state === 'argued') assert.match(row.why, /^[A-Z].{20,}\.$/, row.name);
      if (row.state === 'open') assert.match(row.owner, /^[a-z]+$/, row.name);
    }
  });

  test('are covered to 85 % at least', (t) => {
    for (const area of new Set(rows.map((row) => row.area))) {
      const of = rows.filter((row) => row.area === area);
      const count = (state: Row['state']): number => of.filter((row) => row.state === state).length;
      t.diagnostic(`${area}: ${count('covered')} covered, ${count('argued')} argued, ${count('open')} open of ${of.length}`);
    }
    const covered = rows.filter((row) => row.state === 'covered').length;
    assert.ok(covered >= leastCovered * inScope, `${covered} of ${inScope}`);
  });
});
