import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

/** What became of one named case. */
interface Case {
  readonly id: string;
  readonly proofs: readonly { readonly mark: string; readonly what: string }[];
}

const packages = path.join(import.meta.dirname, '../..');

function readCases(): readonly Case[] {
  const cases: { id: string; proofs: { mark: string; what: string }[] }[] = [];
  for (const line of readFileSync(path.join(import.meta.dirname, 'testdata/named-cases.txt'), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, id] = /^(\d+[a-l]?) \S/.exec(line) ?? [];
    const [, mark, what] = /^ {2}([=~>-]) (.+)$/.exec(line) ?? [];
    if (id !== undefined) cases.push({ id, proofs: [] });
    else if (mark !== undefined && what !== undefined) cases.at(-1)?.proofs.push({ mark, what });
    else throw new SyntaxError(`Cannot read the line ${JSON.stringify(line)}`);
  }
  return cases;
}

/** Titles of tests as they stand in a file; a file of tests that many call is one, too. */
function titlesOf(file: string): ReadonlySet<string> {
  const text = readFileSync(path.join(packages, file), 'utf8');
  const titles = [...text.matchAll(/\btest(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gs)];
  return new Set(titles.map(([, , title = '']) => title.replace(/\\(.)/g, '$1')));
}

const cases = readCases();

test('the named cases of the store are all listed, each once and with a proof or a reason', (t) => {
  const wanted = Array.from({ length: 100 }, (_, at) => String(at + 1)).concat('abcdefghijkl'.split('').map((letter) => `34${letter}`));
  assert.deepEqual(cases.map(({ id }) => id).sort(), wanted.sort());
  for (const { id, proofs } of cases) assert.ok(proofs.length > 0, id);
  const without = cases.filter(({ proofs }) => proofs.every(({ mark }) => mark === '-'));
  t.diagnostic(`${cases.length - without.length} of ${cases.length} named cases have a test`);
  assert.deepEqual(
    without.map(({ id }) => id),
    ['34k'],
  );
});

test('the tests, scripts and commands that prove the named cases are there', () => {
  const titles = new Map<string, ReadonlySet<string>>();
  const { scripts } = JSON.parse(readFileSync(path.join(packages, '../package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  for (const { id, proofs } of cases) {
    for (const { mark, what } of proofs) {
      if (mark === '-') assert.match(what, /^[A-Z].{20,}\.$/, id);
      else if (mark === '~') assert.ok(existsSync(path.join(packages, what)), `${id}: ${what}`);
      else if (mark === '>') assert.ok(scripts[what.replace(/^npm run /, '')] !== undefined, `${id}: ${what}`);
      else {
        const at = what.indexOf(': ');
        const file = what.slice(0, at);
        const known = titles.get(file) ?? titlesOf(file);
        titles.set(file, known);
        assert.ok(known.has(what.slice(at + 2)), `${id}: ${file} has no test ${JSON.stringify(what.slice(at + 2))}`);
      }
    }
  }
});
