import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, test } from 'node:test';
import { type Mutations, draw, mutated, rowsOfRecordedDraw, titleOf } from './mutants.ts';
import { coveredRows, readUpstreamList, type Row, type Section, titlesIn, type UpstreamList } from './upstream-list.ts';

/** What is asked of a list as a whole, or of a part of it. */
export interface Coverage {
  readonly inScope: number;
  /** The part of it that tests of ours cover, at least; the rest is argued, or open. */
  readonly least: number;
}

/** Makes the tests that hold a package's list of upstream's tests to its promise. `whole` of it is covered, and each of `parts`, by area. */
export function testUpstreamList(
  title: string,
  { sources, sections }: UpstreamList,
  whole: Coverage,
  parts: Readonly<Record<string, Coverage>> = {},
): void {
  const rows = sections.flatMap((section) => section.rows);
  const covers = (area: string, of: readonly Row[], { inScope, least }: Coverage): void => {
    const covered = of.filter((row) => row.state === 'covered').length;
    assert.equal(of.length, inScope, area);
    assert.ok(covered >= least * inScope, `${area}: ${covered} of ${inScope}`);
  };

  describe(title, () => {
    test('are all listed, each once', () => {
      for (const { file, count, rows: listed } of sections) assert.equal(listed.length, count, file);
      const ids = sections.flatMap(({ file, rows: listed }: Section) => listed.map(({ name }) => `${file} ${name}`));
      assert.deepEqual(
        ids.filter((id, i) => ids.indexOf(id) !== i),
        [],
      );
    });

    test('are covered by tests that exist', () => {
      const titles = new Map<string, ReadonlySet<string>>();
      for (const row of rows) {
        if (row.state !== 'covered') continue;
        let known = titles.get(row.file);
        if (known === undefined) {
          known = titlesIn(path.join(sources, row.file));
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

    test('are covered as far as is promised', (t) => {
      for (const area of new Set(rows.map((row) => row.area))) {
        const of = rows.filter((row) => row.area === area);
        const count = (state: Row['state']): number => of.filter((row) => row.state === state).length;
        t.diagnostic(`${area}: ${count('covered')} covered, ${count('argued')} argued, ${count('open')} open of ${of.length}`);
      }
      covers('all', rows, whole);
      for (const [area, coverage] of Object.entries(parts)) {
        covers(
          area,
          rows.filter((row) => row.area === area),
          coverage,
        );
      }
    });
  });
}

/** Makes the tests that each mutation still has its place in the sources and its test in the list. tools/mutants.ts runs them. */
export function testMutations(sources: string, { listFile, mutations, recordedDraw }: Mutations): void {
  const rows = coveredRows(readUpstreamList(sources, listFile));

  test('every mutation can be made, and names a test of its row', () => {
    for (const mutation of mutations) {
      const row = rows.find(({ id }) => id === mutation.row);
      assert.ok(row !== undefined, `${mutation.row} is no covered row`);
      assert.notEqual(mutated(sources, mutation), '');
      assert.notEqual(titleOf(row, mutation), '');
    }
    assert.equal(new Set(mutations.map(({ row }) => row)).size, mutations.length);
  });

  test('every row of the recorded draw, and what is covered since, has a mutation', () => {
    const { coveredSince: since, seed, count } = recordedDraw;
    const drawn = [...draw(rowsOfRecordedDraw(rows, recordedDraw), seed, count), ...rows.filter(({ id }) => since.includes(id))];
    assert.equal(new Set(drawn).size, count + since.length);
    const known = new Set(mutations.map(({ row }) => row));
    assert.deepEqual(
      drawn.map(({ id }) => id).filter((id) => !known.has(id)),
      [],
    );
  });
}
