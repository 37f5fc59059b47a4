import { isBuiltin } from 'node:module';
import path from 'node:path';
import { narrowed, packageTable } from './package-table.ts';
import { type Import, importsOf, lineAt, type Repository, type SourceFile, type Workspace } from './repository.ts';

/** A place that breaks a rule of docs/STYLE.md or docs/ARCHITECTURE.md which no linter can check. */
export interface Finding {
  readonly rule: string;
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

export interface TidyReport {
  readonly findings: readonly Finding[];
  readonly files: number;
  /** Imports seen, and how many of them go from one workspace to another. */
  readonly edges: number;
  readonly crossings: number;
}

/** Applies every rule to `repository`. */
export function tidy(repository: Repository): TidyReport {
  const sources = repository.files.filter((file) => isSource(file.path));
  const importers = sources.flatMap((file) => importerOf(repository, file));
  const imports = importers.flatMap((importer) => importer.imports);
  return {
    findings: [
      ...repository.workspaces.flatMap((workspace) => manifestFindings(repository, workspace)),
      ...missingPackages(repository),
      ...cycleFindings(repository.workspaces),
      ...importers.flatMap((importer) => importFindings(repository, importer)),
      ...repository.workspaces.flatMap((workspace) => layoutFindings(repository, workspace)),
      ...sources.flatMap(sourceFindings),
      ...secondDefinitions(sources),
      ...repository.files.flatMap(textFindings),
    ],
    files: sources.length,
    edges: imports.length,
    crossings: imports.filter((each) => packageOf(each.specifier) !== undefined).length,
  };
}

/** One source with what it imports. */
interface Importer {
  readonly workspace: Workspace;
  readonly file: SourceFile;
  readonly imports: readonly Import[];
}

function isSource(file: string): boolean {
  return /\.(ts|mjs)$/.test(file) && !file.includes('/fixtures/known-bad/');
}

function isGenerated(file: string): boolean {
  return /\/(generated|testdata)\/|\.generated\.ts$/.test(file);
}

/** Tests, and what only tests use. */
function isForTests(file: string): boolean {
  return /\.(test|fixture|bench)\.ts$|\/(fixtures|contract)\/|^packages\/[^/]+\/(tools\/|bench\.ts$)/.test(file);
}

function importerOf(repository: Repository, file: SourceFile): Importer[] {
  const workspace = repository.workspaces.find((each) => file.path.startsWith(`${each.folder}/`));
  return workspace === undefined ? [] : [{ workspace, file, imports: importsOf(file.text) }];
}

/** The folder name of our package that a specifier names: `client` for `@coracle/client/contract`. */
function packageOf(specifier: string): string | undefined {
  if (specifier === 'coracle' || specifier.startsWith('coracle/')) return 'coracle';
  return /^@coracle\/([^/]+)/.exec(specifier)?.[1];
}

function packageFolder(workspace: Workspace): string | undefined {
  return /^packages\/(.+)$/.exec(workspace.folder)?.[1];
}

function manifestFindings(repository: Repository, workspace: Workspace): Finding[] {
  const name = packageFolder(workspace);
  if (name === undefined) return [];
  const file = `${workspace.folder}/package.json`;
  const row = Object.hasOwn(packageTable, name) ? packageTable[name] : undefined;
  if (row === undefined) return [{ rule: 'package-table', path: file, message: `tools/package-table.ts has no package "${name}"` }];
  const findings: Finding[] = [];
  const expected = name === 'coracle' ? name : `@coracle/${name}`;
  if (workspace.manifest.name !== expected) {
    findings.push({ rule: 'package-table', path: file, message: `its name is "${workspace.manifest.name}", not "${expected}"` });
  }
  for (const dependency of Object.keys(workspace.manifest.dependencies ?? {})) {
    const ours = packageOf(dependency);
    if (ours === undefined) {
      if (!hasDesign(repository, dependency)) {
        const message = `"${dependency}" has no note in docs/designs: what it does, why not us, its size, who keeps it`;
        findings.push({ rule: 'dependency-note', path: file, message });
      }
    } else if (!row.mayImport.includes(ours)) {
      findings.push({ rule: 'package-table', path: file, message: `"${name}" may not depend on "${ours}"` });
    }
  }
  return findings;
}

function hasDesign(repository: Repository, dependency: string): boolean {
  const ending = `-${dependency.replace('@', '').replace('/', '-')}.md`;
  return repository.files.some((file) => file.path.startsWith('docs/designs/') && file.path.endsWith(ending));
}

function missingPackages(repository: Repository): Finding[] {
  const folders = new Set(repository.workspaces.map((workspace) => workspace.folder));
  return Object.keys(packageTable)
    .filter((name) => !folders.has(`packages/${name}`))
    .map((name) => ({ rule: 'package-table', path: 'tools/package-table.ts', message: `there is no packages/${name}` }));
}

/** Lint sees no cycles between workspaces, because they import each other by name. */
function cycleFindings(workspaces: readonly Workspace[]): Finding[] {
  const graph = new Map<string, readonly string[]>();
  for (const workspace of workspaces) {
    const ours = Object.keys(workspace.manifest.dependencies ?? {}).flatMap((dependency) => packageOf(dependency) ?? []);
    graph.set(packageOf(workspace.manifest.name) ?? workspace.manifest.name, ours);
  }
  const done = new Set<string>();
  const findings: Finding[] = [];
  const visit = (name: string, trail: readonly string[]): void => {
    if (trail.includes(name)) {
      const cycle = [...trail.slice(trail.indexOf(name)), name].join(' → ');
      findings.push({ rule: 'acyclic', path: `packages/${name}/package.json`, message: `packages depend on each other: ${cycle}` });
    } else if (!done.has(name)) {
      for (const next of graph.get(name) ?? []) visit(next, [...trail, name]);
      done.add(name);
    }
  };
  for (const name of graph.keys()) visit(name, []);
  return findings;
}

/** What tests of every workspace may use beside its dependencies. */
const toolsOfTests: ReadonlySet<string> = new Set(['fast-check', '@coracle/simulator', '@coracle/testing']);

function importFindings(repository: Repository, { workspace, file, imports }: Importer): Finding[] {
  return imports.flatMap((each): Finding[] => {
    const problem = importProblem(repository, workspace, file, each);
    return problem === undefined ? [] : [{ ...problem, path: file.path, line: each.line }];
  });
}

type Problem = Pick<Finding, 'rule' | 'message'>;

function importProblem(repository: Repository, workspace: Workspace, file: SourceFile, imported: Import): Problem | undefined {
  const { specifier } = imported;
  const name = packageFolder(workspace);
  const forTests = isForTests(file.path);
  if (specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(file.path), specifier);
    if (!target.startsWith(`${workspace.folder}/`) && !target.startsWith('tools/')) {
      return { rule: 'deep-import', message: `"${specifier}" reaches into another workspace` };
    }
    if (!forTests && name !== undefined && isForTests(target)) return { rule: 'test-import', message: `"${specifier}" is there for tests` };
    return undefined;
  }
  if (isBuiltin(specifier)) {
    if (name === undefined) return undefined;
    if (!forTests && packageTable[name]?.node === 'none') {
      return { rule: 'package-table', message: `"${name}" may not import "${specifier}"` };
    }
    if (/^node:timers/.test(specifier) && file.path.endsWith('.test.ts') && !file.path.endsWith('.live.test.ts')) {
      return { rule: 'real-time', message: 'a test that waits in real time is named *.live.test.ts' };
    }
    return undefined;
  }
  const { dependencies = {}, devDependencies = {} } = workspace.manifest;
  const target = packageOf(specifier);
  const dependency = target === undefined ? externalName(specifier) : target === 'coracle' ? target : `@coracle/${target}`;
  const declared = Object.hasOwn(dependencies, dependency) || (forTests && Object.hasOwn(devDependencies, dependency));
  const isTooling = workspace.folder === 'tools' || workspace.folder === 'test';
  if (!declared && !isTooling && dependency !== workspace.manifest.name && !(forTests && toolsOfTests.has(dependency))) {
    return { rule: 'undeclared', message: `"${dependency}" is not in ${workspace.folder}/package.json` };
  }
  if (target === undefined) return undefined;
  if (target === 'coracle' && name !== undefined && name !== 'coracle') {
    return { rule: 'package-table', message: 'only examples and tests import the facade' };
  }
  return exportProblem(repository, dependency, specifier) ?? (imported.typeOnly ? undefined : narrowedProblem(workspace, file, target));
}

function externalName(specifier: string): string {
  return /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[0] ?? specifier;
}

function exportProblem(repository: Repository, dependency: string, specifier: string): Problem | undefined {
  const exports = repository.workspaces.find((workspace) => workspace.manifest.name === dependency)?.manifest.exports ?? {};
  return Object.hasOwn(exports, `.${specifier.slice(dependency.length)}`)
    ? undefined
    : { rule: 'deep-import', message: `"${specifier}" is not in the exports of "${dependency}"` };
}

function narrowedProblem(workspace: Workspace, file: SourceFile, target: string): Problem | undefined {
  for (const { package: name, of, from } of narrowed) {
    if (name !== packageFolder(workspace) || of !== target || isForTests(file.path)) continue;
    if (!from.some((place) => file.path.startsWith(`${workspace.folder}/${place}`))) {
      return { rule: 'package-table', message: `in "${name}" only ${from.join(', ')} may import "${of}"` };
    }
  }
  return undefined;
}

const mostReadmeLines = 80;

/** One index, and a README that teaches: its first line names the package and its upstream counterpart. */
function layoutFindings(repository: Repository, workspace: Workspace): Finding[] {
  const name = packageFolder(workspace);
  if (name === undefined) return [];
  const findings: Finding[] = [];
  const paths = repository.files.map((file) => file.path).filter((file) => file.startsWith(`${workspace.folder}/`));
  const indexes = paths.filter((file) => path.posix.basename(file) === 'index.ts');
  if (!indexes.includes(`${workspace.folder}/src/index.ts`)) {
    findings.push({ rule: 'one-index', path: workspace.folder, message: 'src/index.ts lists what the package exports' });
  }
  for (const index of indexes) {
    if (index !== `${workspace.folder}/src/index.ts`)
      findings.push({ rule: 'one-index', path: index, message: 'barrels inside a package' });
  }
  const readme = repository.files.find((file) => file.path === `${workspace.folder}/README.md`);
  const title = new RegExp(`^# (@coracle/)?${name}\\b\\s*[^\\s\\w]?\\s*\\S{3,}`);
  if (readme === undefined || !title.test(readme.text)) {
    const message = `the first line is "# ${name} (…)" with its upstream counterpart`;
    findings.push({ rule: 'readme', path: `${workspace.folder}/README.md`, message });
  } else if (readme.text.trimEnd().split('\n').length > mostReadmeLines) {
    findings.push({ rule: 'readme', path: readme.path, message: `longer than ${mostReadmeLines} lines` });
  }
  return findings;
}

const drawerNames: ReadonlySet<string> = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared', 'types-util']);
const mostLines = 900;

function sourceFindings(file: SourceFile): Finding[] {
  if (isGenerated(file.path)) return [];
  const findings: Finding[] = [];
  const stem = path.posix.basename(file.path).split('.', 1)[0] ?? '';
  if (drawerNames.has(stem)) findings.push({ rule: 'drawer', path: file.path, message: 'name the file by what it holds' });
  const lines = file.text.split('\n');
  if (lines.length > mostLines) findings.push({ rule: 'file-size', path: file.path, message: `${lines.length} lines: is it one idea?` });
  lines.forEach((text, index) => {
    const at = { path: file.path, line: index + 1 };
    if (/\/\/ ?(TODO|FIXME|XXX)\b/.test(text)) {
      findings.push({ rule: 'leftover', ...at, message: 'what is not built is absent, and stands in docs/status.md' });
    }
    if (/\bas unknown as\b/.test(text) && !/\/\/|\*\//.test(`${lines[index - 1] ?? ''}\n${text}`)) {
      findings.push({ rule: 'double-assertion', ...at, message: 'say in a comment why the types cannot know' });
    }
  });
  return findings;
}

/** Leaves that exist once. `raft` imports nothing, so it has its own `assert`. */
const shared: readonly { readonly name: string; readonly homes: readonly string[] }[] = [
  { name: 'assert', homes: ['packages/kernel/', 'packages/raft/'] },
  { name: 'unreachable', homes: ['packages/kernel/', 'packages/raft/'] },
  { name: 'sleep', homes: ['packages/kernel/'] },
  { name: 'Heap', homes: ['packages/kernel/'] },
  { name: 'deepEqual', homes: ['packages/apimachinery/'] },
  { name: 'deepFreeze', homes: ['packages/apimachinery/'] },
  { name: 'compareBytes', homes: ['packages/apimachinery/'] },
];

function secondDefinitions(sources: readonly SourceFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const { name, homes } of shared) {
    const definition = new RegExp(`^\\s*(?:export )?(?:async )?(?:function\\*?|class|const) ${name}\\b`, 'gm');
    const seen = new Set<string>();
    for (const file of sources) {
      for (const match of file.text.matchAll(definition)) {
        const home = homes.find((each) => file.path.startsWith(each));
        if (home !== undefined && !seen.has(home)) seen.add(home);
        else {
          const message = `"${name}" is defined in ${homes.join(' and ')}; import it`;
          findings.push({ rule: 'second-definition', path: file.path, line: lineAt(file.text, match.index), message });
        }
      }
    }
  }
  return findings;
}

/** Written so that this file does not match itself. */
const foreign: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  { pattern: /(?<![\w.~$}\])/-])\/(?:work|root|home|Users)\/[\w.-]+\//, message: 'a path of one machine' },
  { pattern: /"resolved": "https?:/, message: 'the lockfile names no registry (omit-lockfile-registry-resolved)' },
  { pattern: /^(?:@[\w-]+:)?registry\s*=\s*https?:/m, message: 'which registry is used is the business of the machine' },
];

function textFindings(file: SourceFile): Finding[] {
  return foreign.flatMap(({ pattern, message }) => {
    const match = pattern.exec(file.text);
    return match === null ? [] : [{ rule: 'machine', path: file.path, line: lineAt(file.text, match.index), message }];
  });
}
