import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

/*
 * Tests of others for a server of etcd's v3 API, against `coracle etcd`: Kubernetes' own of its storage layer (70), and a real
 * kube-apiserver on our store. They need Go or binaries that are not part of the project, and take minutes: not part of `npm test`.
 *
 *   npm run exam:etcd3 [-- PATTERN]
 */
const root = path.resolve(import.meta.dirname, '../..');
const oracle = process.env['STORAGE_EXAM'] ?? path.join(root, '../shared/oracle/storage-exam/run.sh');
const bundle = path.join(root, 'dist/coracle.mjs');
const program = existsSync(bundle)
  ? `${process.execPath} ${bundle}`
  : `${process.execPath} --conditions=coracle-source ${path.join(root, 'packages/coracle/src/bin.ts')}`;
const command = `${program} etcd --data-dir "$DIR" --listen-client-urls "http://127.0.0.1:$PORT" --watch-progress-notify-interval 1s`;

function examine(name: string, file: string, args: readonly string[]): boolean {
  console.log(`\n${name}`);
  const { status } = spawnSync('bash', [file, command, ...args], { stdio: 'inherit', cwd: root });
  return status === 0;
}

const results: boolean[] = [];
if (existsSync(oracle)) {
  const pattern = process.argv[2];
  results.push(examine('k8s.io/apiserver pkg/storage/etcd3', oracle, pattern === undefined ? [] : ['-test.run', pattern]));
} else console.log(`"${oracle}" is not there: STORAGE_EXAM names the script that runs the tests of pkg/storage/etcd3`);
if (process.env['KUBE_APISERVER'] === undefined) console.log('KUBE_APISERVER names no kube-apiserver: it is not started on our store');
else results.push(examine('kube-apiserver', path.join(root, 'test/exam/kube-apiserver.sh'), []));
process.exitCode = results.length > 0 && results.every(Boolean) ? 0 : 1;
