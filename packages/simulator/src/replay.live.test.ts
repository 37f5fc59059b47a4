import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const digest: string = readFileSync(new URL('../testdata/digest-1000.txt', import.meta.url), 'utf8').trim();

test('a thousand seeds run in a worker as in the main thread', async () => {
  const worker = new Worker(new URL('./fixtures/digest-worker.ts', import.meta.url), { workerData: 1_000 });
  const found = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await worker.terminate();
  assert.equal(found, digest);
});

for (const version of [22, 24, 26]) {
  const node = nodeOf(version);
  const skip = node === undefined && `no Node ${version} on PATH that runs TypeScript`;
  test(`a thousand seeds run on Node ${version} as they always did`, { skip }, () => {
    const script = fileURLToPath(new URL('./fixtures/digest-program.ts', import.meta.url));
    const { stdout, stderr, status } = spawnSync(node ?? '', ['--conditions=coracle-source', '--no-warnings', script, '1000'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), digest);
  });
}

/** The first executable of that major version which strips types: this one, or `node`, `node22`, … on PATH. */
function nodeOf(version: number): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [
    process.execPath,
    ...directories.flatMap((directory) => [join(directory, `node${version}`), join(directory, 'node')]),
  ];
  return candidates.find((candidate) => {
    const { stdout } = spawnSync(candidate, ['-p', 'process.versions.node + " " + process.features.typescript'], { encoding: 'utf8' });
    return stdout?.trim().startsWith(`${version}.`) === true && stdout.includes(' strip');
  });
}
