import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type KubectlVersion, kubectl } from './kubectl.ts';

const root = path.dirname(import.meta.dirname);
const versions: readonly KubectlVersion[] = ['1.30', '1.35'];
const run = promisify(execFile);

/** Lines until one matches; the rest is read and dropped, so that the child never waits for us. */
async function linesUntil(child: ChildProcess, pattern: RegExp): Promise<readonly string[]> {
  assert.ok(child.stdout !== null, 'its output is a pipe');
  const reader = createInterface(child.stdout);
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    reader.on('line', (line) => {
      lines.push(line);
      if (pattern.test(line)) resolve(lines);
    });
    child.once('exit', () => reject(new Error(`It ended before ${pattern}:\n${lines.join('\n')}`)));
  });
}

describe('the first voyage', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'coracle-voyage-'));
  const directory = path.join(folder, 'cluster');
  const args = [
    path.join(import.meta.dirname, 'start.mjs'),
    'start',
    '--port',
    '0',
    '--directory',
    directory,
    '--file',
    path.join(root, 'examples/tidb-cluster/basic.yaml'),
  ];
  const env = { HOME: folder, KUBECONFIG: path.join(directory, 'kubeconfig') };
  let child: ChildProcess | undefined;
  let shown: readonly string[] = [];

  before(async () => {
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    shown = await linesUntil(child, /Ctrl-C stops it/);
  });
  after(async () => {
    const exited = once(child as ChildProcess, 'exit'); // `before` has set it
    child?.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true });
  });

  test('shows each component with what it waits for, and a tick when it is ready', () => {
    const text = shown.join('\n');
    assert.match(text, /PD +0\/1 +waits for (operator|statefulset-controller|scheduler|kubelet|pd)/);
    for (const line of [
      /PD +1\/1 +✓ ready/,
      /TiKV +3\/3 +✓ ready/,
      /TiDB +2\/2 +✓ ready/,
      /TidbCluster tidb\/basic is ready, [\d.]+ s after the start/,
    ])
      assert.match(text, line);
  });

  for (const version of versions) {
    const kubectlSays = async (...words: readonly string[]): Promise<string> => (await run(kubectl(version), words, { env })).stdout;

    test(`kubectl ${version} gets, describes, explains, logs, scales, waits and deletes`, async () => {
      assert.match(await kubectlSays('get', 'nodes'), /node-3 +Ready/);
      assert.match(await kubectlSays('get', 'all', '-A'), /pod\/basic-tikv-2 +1\/1 +Running/);
      assert.match(await kubectlSays('get', 'tc', '-n', 'tidb'), /basic +True +/);
      assert.match(await kubectlSays('describe', 'tc', 'basic', '-n', 'tidb'), /TiDB cluster is fully up and running/);
      assert.match(await kubectlSays('describe', 'pod', 'basic-pd-0', '-n', 'tidb'), /Successfully assigned tidb\/basic-pd-0/);
      assert.ok((await kubectlSays('logs', 'basic-pd-0', '-n', 'tidb')).length > 0);
      assert.match(await kubectlSays('api-resources'), /tidbclusters +tc +pingcap.com\/v1alpha1 +true +TidbCluster/);
      assert.match(await kubectlSays('explain', 'deployment.spec.replicas'), /FIELD: replicas <integer>/);
      assert.match(await kubectlSays('explain', 'tc.spec.tikv.replicas'), /FIELD: replicas <integer>/);
      assert.match(await kubectlSays('events', '-n', 'tidb'), /Successfully assigned/);
      const name = `web-${version.replace('.', '-')}`;
      await kubectlSays('create', 'deployment', name, '--image=nginx');
      await kubectlSays('scale', `deployment/${name}`, '--replicas=3');
      await kubectlSays('rollout', 'status', `deployment/${name}`, '--timeout=30s');
      await kubectlSays('wait', `deployment/${name}`, '--for=condition=Available', '--timeout=30s');
      await kubectlSays('delete', `deployment/${name}`, '--timeout=30s');
    });
  }

  test('started again it finds its data and goes on', async () => {
    const clusterId = async (): Promise<string> =>
      (await run(kubectl('1.35'), ['get', 'tc', 'basic', '--namespace=tidb', '--output=jsonpath={.status.clusterID}'], { env })).stdout;
    const before = await clusterId();
    const exited = once(child as ChildProcess, 'exit'); // `before` has set it
    child?.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    shown = await linesUntil(child, /Ctrl-C stops it/);
    assert.match(shown.join('\n'), /TidbCluster basic unchanged/);
    assert.match(before, /^\d+$/);
    assert.equal(await clusterId(), before, 'PD has kept what it wrote to its volume');
    assert.ok(!existsSync(path.join(folder, '.kube/config')));
  });
});
