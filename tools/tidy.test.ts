import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { packageTable } from './package-table.ts';
import { importsOf, readRepository, repositoryOf, type SourceFile } from './repository.ts';
import { type Finding, tidy } from './tidy.ts';

test('the repository is tidy', () => {
  const { findings, files, edges } = tidy(readRepository(path.dirname(import.meta.dirname)));
  assert.ok(files > 100 && edges > 300, `a gate that sees ${files} files and ${edges} imports sees nothing`);
  assert.deepEqual(
    findings.map(({ rule, path: file, line, message }) => `${file}:${line ?? 1} ${rule}: ${message}`),
    [],
  );
});

function manifest(name: string, extra: object = {}): string {
  return JSON.stringify({ name: name === 'coracle' ? name : `@coracle/${name}`, exports: { '.': './src/index.ts' }, ...extra });
}

/** Every package of the table, empty and in order: rules are shown to fail by adding to it. */
const tidyFiles: ReadonlyMap<string, string> = new Map(
  Object.keys(packageTable).flatMap((name) => [
    [`packages/${name}/package.json`, manifest(name, { dependencies: dependenciesOf(name) })],
    [`packages/${name}/src/index.ts`, ''],
    [`packages/${name}/README.md`, `# ${name} (k8s.io/${name})\n`],
  ]),
);

function dependenciesOf(name: string): Record<string, string> {
  const allowed = packageTable[name]?.mayImport ?? [];
  return Object.fromEntries(allowed.map((each) => [each === 'coracle' ? each : `@coracle/${each}`, '0.1.0']));
}

function findingsWith(changes: Readonly<Record<string, string | undefined>>): readonly Finding[] {
  const files = new Map<string, string | undefined>([...tidyFiles, ...Object.entries(changes)]);
  const present = [...files].flatMap(([file, text]): SourceFile[] => (text === undefined ? [] : [{ path: file, text }]));
  return tidy(repositoryOf(present)).findings;
}

test('tidy() finds nothing in the empty packages of the table', () => {
  assert.deepEqual(findingsWith({}), []);
});

const long = 'export {};\n'.repeat(901);
const lockfile = ['{ "', 'resolved": "https://example.test/a.tgz" }'].join('');

const knownBad: readonly { readonly rule: string; readonly why: string; readonly files: Readonly<Record<string, string | undefined>> }[] = [
  { rule: 'package-table', why: 'an unknown package', files: { 'packages/lab/package.json': manifest('lab') } },
  { rule: 'package-table', why: 'a missing package', files: { 'packages/raft/package.json': undefined } },
  { rule: 'package-table', why: 'a package of another name', files: { 'packages/raft/package.json': manifest('craft') } },
  {
    rule: 'package-table',
    why: 'a dependency that the table forbids',
    files: { 'packages/kernel/package.json': manifest('kernel', { dependencies: { '@coracle/client': '0.1.0' } }) },
  },
  {
    rule: 'package-table',
    why: 'raft with a module of Node',
    files: { 'packages/raft/src/raft.ts': "import { isIP } from 'node:net';\n" },
  },
  {
    rule: 'package-table',
    why: 'etcd from above the storage of the API server',
    files: { 'packages/apiserver/src/server/watch.ts': "import { MemoryStore } from '@coracle/etcd';\n" },
  },
  {
    rule: 'package-table',
    why: 'the facade used inside',
    files: {
      'packages/cli/src/up.ts': "import { startCluster } from 'coracle';\n",
      'packages/cli/package.json': manifest('cli', { dependencies: { coracle: '0.1.0' } }),
    },
  },
  {
    rule: 'acyclic',
    why: 'two packages that need each other',
    files: {
      'packages/kernel/package.json': manifest('kernel', { dependencies: { '@coracle/simulator': '0.1.0' } }),
    },
  },
  {
    rule: 'dependency-note',
    why: 'a dependency without a note',
    files: { 'packages/client/package.json': manifest('client', { dependencies: { ...dependenciesOf('client'), ws: '8.0.0' } }) },
  },
  {
    rule: 'undeclared',
    why: 'an import that is not declared',
    files: { 'packages/kernel/src/a.ts': "import { client } from '@coracle/client';\n" },
  },
  { rule: 'undeclared', why: 'fast-check outside tests', files: { 'packages/kernel/src/a.ts': "import fc from 'fast-check';\n" } },
  {
    rule: 'deep-import',
    why: 'a file inside a package',
    files: { 'packages/etcd/src/a.ts': "import { a } from '@coracle/kernel/src/a.ts';\n" },
  },
  {
    rule: 'deep-import',
    why: 'a path into another package',
    files: { 'packages/etcd/src/a.ts': "import { a } from '../../kernel/src/a.ts';\n" },
  },
  { rule: 'test-import', why: 'a fixture in production', files: { 'packages/etcd/src/a.ts': "import { a } from './fixtures/a.ts';\n" } },
  {
    rule: 'real-time',
    why: 'a real timer in a test',
    files: { 'packages/etcd/src/a.test.ts': "import { setTimeout } from 'node:timers/promises';\n" },
  },
  { rule: 'one-index', why: 'no index', files: { 'packages/etcd/src/index.ts': undefined } },
  { rule: 'one-index', why: 'a barrel', files: { 'packages/etcd/src/mvcc/index.ts': '' } },
  { rule: 'readme', why: 'no README', files: { 'packages/etcd/README.md': undefined } },
  { rule: 'readme', why: 'a README that names no counterpart', files: { 'packages/etcd/README.md': '# etcd\n' } },
  {
    rule: 'readme',
    why: 'a README that nobody reads',
    files: { 'packages/etcd/README.md': `# etcd (etcd-io/etcd)\n${'text\n'.repeat(80)}` },
  },
  { rule: 'drawer', why: 'a drawer', files: { 'packages/etcd/src/utils.ts': '' } },
  { rule: 'file-size', why: 'a file that grew', files: { 'packages/etcd/src/a.ts': long } },
  { rule: 'leftover', why: 'unfinished work', files: { 'packages/etcd/src/a.ts': ['// TO', 'DO: later\n'].join('') } },
  {
    rule: 'double-assertion',
    why: 'an escape from the types',
    files: { 'packages/etcd/src/a.ts': ['export const a = b as unk', 'nown as C;\n'].join('') },
  },
  { rule: 'second-definition', why: 'a second sleep', files: { 'packages/etcd/src/a.ts': 'export function sleep() {}\n' } },
  {
    rule: 'second-definition',
    why: 'two of one leaf at home',
    files: { 'packages/kernel/src/a.ts': 'export class Heap {}\n', 'packages/kernel/src/b.ts': 'export class Heap {}\n' },
  },
  { rule: 'machine', why: 'a path of a machine', files: { 'docs/a.md': ['see /ho', 'me/someone/notes.md\n'].join('') } },
  { rule: 'machine', why: 'a registry in the lockfile', files: { 'package-lock.json': lockfile } },
  { rule: 'machine', why: 'a registry in .npmrc', files: { '.npmrc': ['regi', 'stry=https://example.test\n'].join('') } },
];

for (const { rule, why, files } of knownBad) {
  test(`tidy() finds ${why} (${rule})`, () => {
    const rules = findingsWith(files).map((finding) => finding.rule);
    assert.ok(rules.includes(rule), `found only: ${rules.join(', ')}`);
  });
}

const allowed: readonly { readonly why: string; readonly files: Readonly<Record<string, string>> }[] = [
  { why: 'the simulator in a test', files: { 'packages/etcd/src/a.test.ts': "import { SimRuntime } from '@coracle/simulator';\n" } },
  {
    why: 'types of the store anywhere in the API server',
    files: { 'packages/apiserver/src/a.ts': "import type { Revision } from '@coracle/etcd';\n" },
  },
  {
    why: 'the store in the embedded storage',
    files: { 'packages/apiserver/src/storage/embedded.ts': "import { MemoryStore } from '@coracle/etcd';\n" },
  },
  {
    why: 'a real timer in a live test',
    files: { 'packages/etcd/src/a.live.test.ts': "import { setTimeout } from 'node:timers/promises';\n" },
  },
  { why: 'an import inside a template literal', files: { 'packages/etcd/src/a.ts': "export const a = `  import x from 'left-pad'`;\n" } },
];

for (const { why, files } of allowed) {
  test(`tidy() allows ${why}`, () => assert.deepEqual(findingsWith(files), []));
}

test('importsOf() sees imports over several lines, re-exports, side effects and dynamic imports', () => {
  const text =
    "import {\n  a,\n  b,\n} from './a.ts';\nexport type { C } from './c.ts';\nimport './d.ts';\nconst e = await import('./e.ts');\n";
  assert.deepEqual(importsOf(text), [
    { specifier: './a.ts', line: 1, typeOnly: false },
    { specifier: './c.ts', line: 5, typeOnly: true },
    { specifier: './d.ts', line: 6, typeOnly: false },
    { specifier: './e.ts', line: 7, typeOnly: false },
  ]);
});
