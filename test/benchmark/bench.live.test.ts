import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { benchmarks } from './benchmarks.ts';

function bench(...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, ['--conditions=coracle-source', path.join(import.meta.dirname, 'bench.ts'), ...args], {
    encoding: 'utf8',
  });
}

test('bench --list names each case once, with what it measures', () => {
  const { status, stdout } = bench('--list');
  assert.equal(status, 0);
  const listed = stdout.trimEnd().split('\n');
  assert.deepEqual(
    listed.map((line) => line.split(' ', 1)[0]),
    benchmarks.map(({ name }) => name),
  );
  assert.equal(new Set(listed).size, benchmarks.length);
});

test('bench refuses a case that there is not, before it runs any', () => {
  const { status, stdout, stderr } = bench('get', 'got');
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /no case "got"/);
});
