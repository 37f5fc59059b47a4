import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const tools = import.meta.dirname;

function runFixture(env: Readonly<Record<string, string>>): { readonly status: number | null; readonly output: string } {
  const { NODE_TEST_CONTEXT: _, ...own } = process.env;
  const preload = `--import=${path.join(tools, 'untracked-promises.mjs')}`;
  const args = ['--test', '--test-reporter=tap', preload, path.join(tools, 'fixtures/untracked.ts')];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...own, ...env } });
  return { status, output: stdout };
}

test('no promise is followed, and tests belong to their suites as ever', () => {
  const { status, output } = runFixture({});
  assert.equal(status, 0, output);
  assert.match(output, /^ {4}ok 1 - has a test of its own$/m);
  assert.match(output, /^# suites 1$/m);
  assert.match(output, /^# pass 2$/m);
});

for (const [abandoned, what] of [
  ['promise', 'a rejection that nobody takes'],
  ['callback', 'an error in a callback'],
] as const) {
  test(`${what} fails the run and is told`, () => {
    const { status, output } = runFixture({ ABANDON: abandoned });
    assert.equal(status, 1, output);
    assert.match(output, /nobody waits for this/);
    assert.match(output, /^# fail [12]$/m);
  });
}
