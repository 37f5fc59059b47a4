import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Report {
  readonly all: readonly string[];
  readonly outside: readonly string[];
  readonly inside: readonly string[];
}

/** What a file of that name is refused, when the test runner preloads the guard. */
function reportOf(name: string): Report {
  const directory = mkdtempSync(join(tmpdir(), 'guard-'));
  try {
    const file = join(directory, name);
    writeFileSync(file, `await (await import(${JSON.stringify(new URL('./fixtures/known-bad/forbidden-uses.ts', import.meta.url).href)})).report();`);
    const guard = fileURLToPath(new URL('./guard-tests.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=coracle-source', `--import=${guard}`, file], {
      encoding: 'utf8',
    });
    assert.match(stdout, /^\{/, stderr);
    return JSON.parse(stdout) as Report; // as the fixture writes it
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a test that is not live is refused every forbidden use, in a process and outside of all', () => {
  const { all, outside, inside } = reportOf('some.test.mjs');
  assert.ok(all.length > 35);
  assert.deepEqual(outside, all);
  assert.deepEqual(inside, all);
});

for (const name of ['some.live.test.mjs', 'some-program.mjs']) {
  test(`${name} is refused nothing`, () => {
    const { outside, inside } = reportOf(name);
    assert.deepEqual([outside, inside], [[], []]);
  });
}
