// Draws rows of a list of upstream's tests, takes away what each is about, and shows that the test of ours which the row names fails:
//   node --conditions=coracle-source tools/mutants.ts --package=client [--seed=N] [--count=N] [--only=part of a row]
// Without a seed: the recorded draw, and the rows beside it. The sources stay as they are: they are changed as they are loaded.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '@coracle/simulator';
import { type CoveredRow, coveredRows, readUpstreamList } from './upstream-list.ts';

/** A behaviour that is taken away, for one row of a list of upstream's tests. */
export interface Mutation {
  /** As in the list: `tools/cache/store_test.go TestCache`. */
  readonly row: string;
  /** What is gone. */
  readonly what: string;
  /** The title of the one test that must fail, where the row names a table of them. */
  readonly title?: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

/**
 * A draw whose rows all have a mutation. Another seed, or more rows, needs more of them. Rows of `coveredSince` were not covered when it
 * was made, and have mutations all the same.
 */
export interface RecordedDraw {
  readonly seed: number;
  readonly count: number;
  readonly coveredSince: readonly string[];
}

/** What a package has in `tools/mutations.ts`. */
export interface Mutations {
  /** Where the rows are, in `src`. */
  readonly listFile: string;
  readonly recordedDraw: RecordedDraw;
  readonly mutations: readonly Mutation[];
}

/** The rows that were covered when the recorded draw was made. */
export function rowsOfRecordedDraw(rows: readonly CoveredRow[], { coveredSince }: RecordedDraw): readonly CoveredRow[] {
  return rows.filter(({ id }) => !coveredSince.includes(id));
}

/** `count` of the rows, each once, as the seed has them. */
export function draw(rows: readonly CoveredRow[], seed: number, count: number): readonly CoveredRow[] {
  const random = seededRandom(seed);
  const shuffled = [...rows];
  const most = Math.min(count, rows.length);
  for (let i = 0; i < most; i++) {
    const [chosen] = shuffled.splice(i + random.below(rows.length - i), 1, ...shuffled.slice(i, i + 1));
    shuffled.splice(i, 1, ...(chosen === undefined ? [] : [chosen]));
  }
  return shuffled.slice(0, most);
}

/** The file without the behaviour. Throws when its place is not there exactly once. */
export function mutated(sources: string, { row, file, from, to }: Mutation): string {
  const text = readFileSync(path.join(sources, file), 'utf8');
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`The place of "${row}" stands ${parts.length - 1} times in ${file}`);
  return parts.join(to);
}

/** The title of the test that must fail: the row's, or one of the table that the row names. Throws when it is none of it. */
export function titleOf(row: CoveredRow, { title = row.test }: Mutation): string {
  const pattern = row.test.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/).map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  if (!new RegExp(`^${pattern.join('.*')}$`).test(title) || title.includes('${'))
    throw new Error(`"${title}" is no title of ${row.file}: ${row.test}`);
  return title;
}

interface Run {
  readonly passed: boolean;
  readonly failed: boolean;
  readonly finding: string;
}

const root = path.dirname(import.meta.dirname);
/** Twice what one test may take: some start a cluster, and the machine may be busy. */
const mostMs = 60_000;

/** Runs one test, of the sources as they are or of changed ones. */
function runTest(sources: string, row: CoveredRow, title: string, mutation?: Mutation): Run {
  const hook =
    mutation === undefined
      ? ''
      : `import { registerHooks } from 'node:module';
        const url = ${JSON.stringify(pathToFileURL(path.join(sources, mutation.file)).href)};
        registerHooks({ load: (at, context, next) => {
          const loaded = next(at, context);
          return at === url ? { ...loaded, source: ${JSON.stringify(mutated(sources, mutation))} } : loaded;
        } });`;
  const { stdout, error } = spawnSync(
    process.execPath,
    [
      '--conditions=coracle-source',
      `--import=data:text/javascript,${encodeURIComponent(hook)}`,
      '--test-reporter=tap',
      `--test-timeout=${mostMs / 2}`,
      `--test-name-pattern=${title.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)}$`,
      path.join(sources, row.file),
    ],
    { encoding: 'utf8', timeout: mostMs, cwd: root },
  );
  // TAP escapes what it could take for its own.
  const lines = stdout.split('\n').map((line) => line.trim().replaceAll(String.raw`\#`, '#'));
  const ended = (state: string): boolean =>
    lines.some((line) => new RegExp(`^${state} \\d+ - `).test(line) && line.endsWith(` - ${title}`));
  const finding = error === undefined ? (/error: (?:\|-\n\s*)?(.+)/.exec(stdout)?.[1] ?? '') : 'it does not end';
  return { passed: ended('ok'), failed: ended('not ok') || error !== undefined, finding };
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { package: { ...text, default: 'client' }, seed: text, count: text, only: { ...text, default: '' } },
  });
  const folder = path.join(root, 'packages', values.package);
  const { listFile, recordedDraw, mutations }: Mutations = await import(pathToFileURL(path.join(folder, 'tools/mutations.ts')).href);
  const list = readUpstreamList(path.join(folder, 'src'), listFile);
  const { seed = String(recordedDraw.seed), count = String(recordedDraw.count) } = values;
  const rows = coveredRows(list);
  const drawn = draw(values.seed === undefined ? rowsOfRecordedDraw(rows, recordedDraw) : rows, Number(seed), Number(count));
  const beside =
    values.seed === undefined ? rows.filter((row) => !drawn.includes(row) && mutations.some((each) => each.row === row.id)) : [];
  const chosen = [...drawn, ...beside].filter(({ id }) => id.includes(values.only));
  let caught = 0;
  for (const row of chosen) {
    const mutation = mutations.find((each) => each.row === row.id);
    if (mutation === undefined) {
      console.log(`NONE   ${row.id}: no mutation was written for it`);
      continue;
    }
    const title = titleOf(row, mutation);
    const before = runTest(list.sources, row, title);
    const after = before.passed && !before.failed ? runTest(list.sources, row, title, mutation) : undefined;
    const isCaught = after?.failed === true;
    if (isCaught) caught += 1;
    const state = after === undefined ? 'BROKEN' : isCaught ? 'caught' : 'MISSED';
    console.log(`${state} ${row.id}: ${mutation.what}\n       ${row.file}: ${title}\n       ${(after ?? before).finding.slice(0, 140)}`);
  }
  console.log(`seed ${seed}: ${caught} of ${chosen.length} caught (${drawn.length} drawn of ${rows.length}, ${beside.length} beside)`);
  process.exitCode = caught === chosen.length && caught > 0 ? 0 : 1;
}

if (import.meta.main) await main();
