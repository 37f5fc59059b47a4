import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

/*
 * etcd's own end-to-end tests (go.etcd.io/etcd/tests, package common), against `coracle etcd` and etcd's etcdctl. They are built from
 * the published module, which needs Go, once; each test runs in a process of its own, for one that hangs spoils the rest.
 * What is expected of each is in etcd-common.txt: anything else, better or worse, fails.
 *
 *   npm run exam:etcd-common [-- PATTERN]
 *   ETCD_BINARY=PATH npm run exam:etcd-common    the same of etcd itself
 */
const version = 'v3.7.3';
const modules = ['api', 'cache', 'client/pkg', 'client', 'etcdctl', 'etcdutl', 'pkg', 'server'];
const root = path.resolve(import.meta.dirname, '../..');
const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'coracle', `etcd-common-${version}`);
const tests = path.join(cache, 'common.test');
const timeoutSeconds = Number(process.env['EXAM_TIMEOUT'] ?? 300);

function go(cwd: string, ...args: readonly string[]): string {
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=mod', GOTOOLCHAIN: 'local' };
  const { status, stdout, stderr } = spawnSync('go', args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`go ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** The sources stay: the tests read certificates beside them. */
function build(): void {
  const sources = path.join(cache, 'tests');
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const { Dir: published } = JSON.parse(go(cache, 'mod', 'download', '-json', `go.etcd.io/etcd/tests/v3@${version}`)) as { Dir: string };
  cpSync(published, sources, { recursive: true });
  spawnSync('chmod', ['-R', 'u+w', sources]);
  go(sources, 'mod', 'edit', '-toolchain=none', ...modules.map((name) => `-dropreplace=go.etcd.io/etcd/${name}/v3`));
  for (const tool of ['etcdctl', 'etcdutl']) go(sources, 'build', '-o', path.join(cache, 'bin', tool), `go.etcd.io/etcd/${tool}/v3`);
  go(sources, 'test', '-vet=off', '-tags', 'e2e', '-c', '-o', tests, './common');
}

/** What the tests start as etcd. Of its flags the tests give two that this program has not, and needs not: they are left out. */
function etcdIn(directory: string): void {
  const file = path.join(directory, 'etcd');
  const theirs = process.env['ETCD_BINARY'];
  const bundle = path.join(root, 'dist/coracle.mjs');
  const built = existsSync(bundle) ? bundle : `--conditions=coracle-source ${path.join(root, 'packages/coracle/src/bin.ts')}`;
  const program = `${process.execPath} ${built} etcd`;
  const ours = `#!/bin/bash
if [ "$1" = --version ]; then echo 'etcd Version: ${version.slice(1)}'; exit; fi
args=()
for arg in "$@"; do case $arg in --snapshot-count=*) ;; *) args+=("$arg") ;; esac; done
exec ${program} "\${args[@]}"
`;
  writeFileSync(file, theirs === undefined ? ours : `#!/bin/sh\nexec ${theirs} "$@"\n`);
  chmodSync(file, 0o755);
  for (const tool of ['etcdctl', 'etcdutl']) cpSync(path.join(cache, 'bin', tool), path.join(directory, tool));
}

type State = 'passes' | 'skips itself' | 'fails';

function run(name: string, binaries: string, logs: string): State {
  const args = ['-bin-dir', binaries, '-test.v', '-test.run', `^${name}$`, `-test.timeout=${timeoutSeconds}s`];
  const env = { ...process.env, E2E_TEST_MINIMAL: 'true' };
  const { status, stdout, stderr } = spawnSync(tests, args, {
    cwd: path.join(cache, 'tests/common'),
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: (timeoutSeconds + 10) * 1000,
  });
  writeFileSync(path.join(logs, `${name}.log`), stdout + stderr);
  if (status !== 0) return 'fails';
  return stdout.includes(`--- SKIP: ${name} `) ? 'skips itself' : 'passes';
}

/** What became of each test: "NAME passes", "NAME skips itself", "NAME fails: why". */
function ledger(): ReadonlyMap<string, State> {
  const lines = readFileSync(path.join(import.meta.dirname, 'etcd-common.txt'), 'utf8').split('\n');
  const states = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): readonly [string, State] => {
      const [, name, state] = /^(Test\w+) (passes|skips itself|fails)(?:: .+)?$/.exec(line) ?? [];
      if (name === undefined) throw new SyntaxError(`Cannot read the line ${JSON.stringify(line)}`);
      return [name, state as State]; // one of the three
    });
  return new Map(states);
}

if (!existsSync(tests)) {
  console.log(`building the tests of etcd ${version} in ${cache}`);
  build();
}
const work = mkdtempSync(path.join(tmpdir(), 'etcd-common-'));
etcdIn(work);
const expected = ledger();
const names = spawnSync(tests, ['-test.list', process.argv[2] ?? '.'], { encoding: 'utf8' })
  .stdout.split('\n')
  .filter((line) => line.startsWith('Test'));
const counts = { passes: 0, 'skips itself': 0, fails: 0 };
let surprises = 0;
for (const name of names) {
  const state = run(name, work, work);
  counts[state]++;
  const wanted = expected.get(name);
  const isSurprise = process.env['ETCD_BINARY'] === undefined && state !== wanted;
  if (isSurprise) surprises++;
  console.log(
    `${state.padEnd(12)} ${name}${isSurprise ? `   expected: ${wanted ?? 'not listed'}` : ''}${state === 'fails' ? `   (${work}/${name}.log)` : ''}`,
  );
}
console.log(`${counts.passes} pass, ${counts['skips itself']} skip themselves, ${counts.fails} fail, of ${names.length}`);
process.exitCode = surprises === 0 && names.length > 0 ? 0 : 1;
