import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { readRepository } from './repository.ts';
import { type Finding, tidy } from './tidy.ts';

export interface GateReport {
  readonly files: number;
  /** What else the gate counts, in words. */
  readonly counted?: string;
  readonly findings: readonly Finding[];
}

/** One check over a whole repository. It throws when it could not do its work: that is not a pass. */
export interface Gate {
  readonly name: string;
  run(root: string): GateReport;
}

export const gates: readonly Gate[] = [
  { name: 'tsc', run: runTsc },
  { name: 'biome', run: runBiome },
  { name: 'oxlint', run: runOxlint },
  { name: 'tidy', run: runTidy },
  { name: 'knip', run: runKnip },
];

/** Runs a program of node_modules/.bin in `root`; these exit with 1 when they find something. */
function output(root: string, program: string, args: readonly string[]): string {
  const file = path.join(root, 'node_modules', '.bin', program);
  const { error, signal, status, stdout, stderr } = spawnSync(file, args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (error !== undefined) throw new Error(`Cannot run ${program}`, { cause: error });
  if (signal !== null || status === null || status > 2 || stdout === '') {
    throw new Error(`${program} failed (${signal ?? status}): ${stderr.trim()}`);
  }
  return stdout;
}

function runTsc(root: string): GateReport {
  const findings: Finding[] = [];
  let files = 0;
  for (const line of output(root, 'tsc', ['-p', '.', '--pretty', 'false', '--listFiles']).split('\n')) {
    const error = /^(.+)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(line);
    const [, file = '', at, rule = '', message = ''] = error ?? [];
    if (error !== null) findings.push({ rule, path: file, line: Number(at), message });
    else if (line.startsWith('error ')) findings.push({ rule: 'tsc', path: 'tsconfig.json', message: line });
    else if (path.isAbsolute(line) && !line.includes('/node_modules/')) files += 1;
  }
  return { files, findings };
}

interface BiomeOutput {
  readonly summary: { readonly changed: number; readonly unchanged: number };
  readonly diagnostics: readonly {
    readonly category: string;
    readonly severity: string;
    readonly message: string;
    readonly location: { readonly path: string; readonly start?: { readonly line: number } };
  }[];
}

function runBiome(root: string): GateReport {
  const args = ['lint', '--reporter=json', '--max-diagnostics=5000', '--diagnostic-level=warn'];
  const { summary, diagnostics } = JSON.parse(output(root, 'biome', args)) as BiomeOutput;
  return {
    files: summary.changed + summary.unchanged,
    findings: diagnostics.map(({ category, message, location }) => ({
      rule: lastPart(category),
      path: location.path,
      ...(location.start?.line ? { line: location.start.line } : {}), // line 0: the file as a whole
      message,
    })),
  };
}

interface OxlintOutput {
  readonly number_of_files: number;
  readonly diagnostics: readonly {
    readonly code: string;
    readonly message: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

function runOxlint(root: string): GateReport {
  const report = JSON.parse(output(root, 'oxlint', ['--format=json'])) as OxlintOutput;
  return {
    files: report.number_of_files,
    findings: report.diagnostics.map(({ code, message, filename, labels }) => ({
      rule: /\((.+)\)$/.exec(code)?.[1] ?? code,
      path: filename,
      ...(labels[0] === undefined ? {} : { line: labels[0].span.line }),
      message,
    })),
  };
}

function runTidy(root: string): GateReport {
  const { files, edges, crossings, findings } = tidy(readRepository(root));
  return { files, counted: `${edges} imports, ${crossings} between packages`, findings };
}

interface KnipOutput {
  readonly files: number;
  readonly found: readonly { readonly rule: string; readonly path: string; readonly line?: number; readonly message: string }[];
}

function runKnip(root: string): GateReport {
  const reporter = path.join(root, 'tools/lint/knip-reporter.mjs');
  const { files, found } = JSON.parse(output(root, 'knip', ['--no-progress', '--no-config-hints', '--reporter', reporter])) as KnipOutput;
  return { files, findings: found.map((each) => ({ ...each, path: path.relative(root, path.resolve(root, each.path)) })) };
}

function lastPart(category: string): string {
  return category.slice(category.lastIndexOf('/') + 1);
}
