import { readFileSync } from 'node:fs';
import path from 'node:path';

/** One test of a project that ours is like, and what became of it here. */
export type Row = {
  /** `tools/cache/store_test.go TestCache`: names alone come in several files. */
  readonly id: string;
  /** That of the function; where upstream has sentences instead, what it is about in words of ours. */
  readonly name: string;
  readonly area: string;
} & (
  | { readonly state: 'covered'; readonly file: string; readonly test: string }
  | { readonly state: 'argued'; readonly why: string }
  | { readonly state: 'open'; readonly owner: string }
);

/** The tests of one of upstream's files. */
export interface Section {
  readonly area: string;
  readonly file: string;
  /** How many it has. */
  readonly count: number;
  readonly rows: Row[];
}

/** Upstream's tests, for one of our packages. */
export interface UpstreamList {
  /** The folder of our sources: files in rows and mutations are relative to it. */
  readonly sources: string;
  readonly sections: readonly Section[];
}

/**
 * The list in `file`, which is relative to `sources`. Under `## area` and `file_test.go (number of tests)` it has a line for each test:
 *   Name = file: test   the test of ours that fails when the behaviour is taken away
 *   Name - reason       why there is none
 *   Name ? area         open: whoever builds that area decides
 * Throws SyntaxError for a line that is none of these.
 */
export function readUpstreamList(sources: string, file: string): UpstreamList {
  const sections: Section[] = [];
  let area = '';
  for (const line of readFileSync(path.join(sources, file), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('# ') || line.startsWith('#  ')) continue;
    const heading = /^## (.*)$/.exec(line);
    const tests = /^(\S+\.(?:go|rs)) \((\d+)\)$/.exec(line);
    const row = /^ {2}(\S.*?) ([=?-]) (.+)$/.exec(line);
    const section = sections.at(-1);
    if (heading !== null) area = heading[1] ?? '';
    else if (tests !== null) sections.push({ area, file: tests[1] ?? '', count: Number(tests[2]), rows: [] });
    else if (row !== null && section !== undefined) section.rows.push(rowOf(section, row[1] ?? '', row[2] ?? '', row[3] ?? ''));
    else throw new SyntaxError(`Cannot read the line ${JSON.stringify(line)}`);
  }
  return { sources, sections };
}

export type CoveredRow = Extract<Row, { state: 'covered' }>;

export function coveredRows({ sections }: UpstreamList): readonly CoveredRow[] {
  return sections.flatMap(({ rows }) => rows.filter((row) => row.state === 'covered'));
}

/** Titles of the tests in one of our files; those that a loop makes with the parts that differ left out. */
export function titlesIn(file: string): ReadonlySet<string> {
  const titles = new Set<string>();
  for (const match of readFileSync(file, 'utf8').matchAll(/\btest(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs))
    titles.add((match[2] ?? '').replace(/\\(.)/g, '$1'));
  return titles;
}

function rowOf({ area, file }: Section, name: string, mark: string, rest: string): Row {
  const common = { id: `${file} ${name}`, name, area };
  if (mark === '-') return { ...common, state: 'argued', why: rest };
  if (mark === '?') return { ...common, state: 'open', owner: rest };
  const at = rest.indexOf(': ');
  return { ...common, state: 'covered', file: rest.slice(0, at), test: rest.slice(at + 2) };
}
