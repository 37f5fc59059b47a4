import { readFileSync } from 'node:fs';
import path from 'node:path';

/** One test function of client-go, and what became of it here. */
export type Row = {
  /** `tools/cache/store_test.go TestCache`: names alone come in several files. */
  readonly id: string;
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

/** Where our tests are that rows name. */
export const sources: string = path.join(import.meta.dirname, '../src');

/** The list in `testdata/upstream-tests.txt`. Throws SyntaxError for a line that is none of its forms. */
export function readSections(): readonly Section[] {
  const sections: Section[] = [];
  let area = '';
  for (const line of readFileSync(path.join(sources, 'testdata/upstream-tests.txt'), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('# ') || line.startsWith('#  ')) continue;
    const heading = /^## (.*)$/.exec(line);
    const file = /^(\S+\.go) \((\d+)\)$/.exec(line);
    const row = /^ {2}(Test\w+|Test_\w+) ([=?-]) (.+)$/.exec(line);
    const section = sections.at(-1);
    if (heading !== null) area = heading[1] ?? '';
    else if (file !== null) sections.push({ area, file: file[1] ?? '', count: Number(file[2]), rows: [] });
    else if (row !== null && section !== undefined) section.rows.push(rowOf(section, row[1] ?? '', row[2] ?? '', row[3] ?? ''));
    else throw new SyntaxError(`Cannot read the line ${JSON.stringify(line)}`);
  }
  return sections;
}

function rowOf({ area, file }: Section, name: string, mark: string, rest: string): Row {
  const common = { id: `${file} ${name}`, name, area };
  if (mark === '-') return { ...common, state: 'argued', why: rest };
  if (mark === '?') return { ...common, state: 'open', owner: rest };
  const at = rest.indexOf(': ');
  return { ...common, state: 'covered', file: rest.slice(0, at), test: rest.slice(at + 2) };
}
