import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';

const tools = import.meta.dirname;

function run(...args: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  return spawn(process.execPath, [path.join(tools, 'run.mjs'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

test('run.mjs becomes Node 24, hands signals on and keeps the exit code', async () => {
  const child = run('tools/fixtures/until-told.ts', '--flag', 'word');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'up 24 --flag word');
  child.kill('SIGINT');
  assert.equal((await lines.next()).value, 'SIGINT');
  child.kill('SIGTERM');
  assert.equal((await lines.next()).value, 'SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});

test('run.mjs ends by the signal that ended the program', async () => {
  const child = run('tools/fixtures/ends-by-signal.ts');
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM']);
});

test('run.mjs without a file is wrong usage', async () => {
  const child = spawn(process.execPath, [path.join(tools, 'run.mjs')], { stdio: 'ignore' });
  assert.deepEqual(await once(child, 'exit'), [2, null]);
});
