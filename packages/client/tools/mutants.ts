// Draws rows of the list of upstream's tests, takes away what each is about, and shows that the test of ours which the row names fails:
//   node --conditions=coracle-source packages/client/tools/mutants.ts [--seed=N] [--count=N] [--only=part of a row]
// Without a seed: the recorded draw, and the rows beside it. The sources stay as they are: they are changed as they are loaded.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '@coracle/simulator';
import { type Mutation, mutations, recordedDraw } from './mutations.ts';
import { type Row, readSections, sources } from './upstream-tests.ts';

type CoveredRow = Extract<Row, { state: 'covered' }>;

export function coveredRows(): readonly CoveredRow[] {
  return readSections().flatMap(({ rows }) => rows.filter((row) => row.state === 'covered'));
}

/** The rows that were covered when the recorded draw was made. */
export function rowsOfRecordedDraw(rows: readonly CoveredRow[]): readonly CoveredRow[] {
  return rows.filter(({ id }) => !recordedDraw.coveredSince.includes(id));
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
export function mutated({ row, file, from, to }: Mutation): string {
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

const root = path.join(import.meta.dirname, '../../..');
const mostMs = 30_000;

/** Runs one test, of the sources as they are or of changed ones. */
function runTest(row: CoveredRow, title: string, mutation?: Mutation): Run {
  const hook =
    mutation === undefined
      ? ''
      : `import { registerHooks } from 'node:module';
        const url = ${JSON.stringify(pathToFileURL(path.join(sources, mutation.file)).href)};
        registerHooks({ load: (at, context, next) => {
          const loaded = next(at, context);
          return at === url ? { ...loaded, source: ${JSON.stringify(mutated(mutation))} } : loaded;
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

function main(): void {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' }, only: { type: 'string', default: '' } } });
  const { seed = String(recordedDraw.seed), count = String(recordedDraw.count) } = values;
  const rows = coveredRows();
  const drawn = draw(values.seed === undefined ? rowsOfRecordedDraw(rows) : rows, Number(seed), Number(count));
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
    const before = runTest(row, title);
    const after = before.passed && !before.failed ? runTest(row, title, mutation) : undefined;
    const isCaught = after?.failed === true;
    if (isCaught) caught += 1;
    const state = after === undefined ? 'BROKEN' : isCaught ? 'caught' : 'MISSED';
    console.log(`${state} ${row.id}: ${mutation.what}\n       ${row.file}: ${title}\n       ${(after ?? before).finding.slice(0, 140)}`);
  }
  console.log(`seed ${seed}: ${caught} of ${chosen.length} caught (${drawn.length} drawn of ${rows.length}, ${beside.length} beside)`);
  process.exitCode = caught === chosen.length && caught > 0 ? 0 : 1;
}

if (import.meta.main) main();
