import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type KubectlVersion, kubectl } from './kubectl.ts';

const versions: readonly KubectlVersion[] = ['1.30', '1.35'];

test('npm start brings up what kubectl talks to, and SIGTERM, even twice, ends it with 0', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'coracle-start-'));
  const args = [path.join(import.meta.dirname, 'start.mjs'), 'up', '--port', '0', '--directory', path.join(folder, 'cluster')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    let kubeconfig: string | undefined;
    for await (const line of createInterface(child.stdout)) {
      kubeconfig = /export KUBECONFIG=(.+)/.exec(line)?.[1];
      if (kubeconfig !== undefined) break;
    }
    assert.ok(kubeconfig !== undefined, 'it ended before it was ready');
    for (const version of versions) {
      const env = { HOME: folder, KUBECONFIG: kubeconfig };
      const { stdout } = await promisify(execFile)(kubectl(version), ['get', 'namespaces', '--output=name'], { env });
      assert.match(stdout, /^namespace\/kube-system$/m, `kubectl ${version}`);
    }
  } finally {
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    const exit = await exited;
    rmSync(folder, { recursive: true });
    assert.deepEqual(exit, [0, null]);
  }
});
