import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What tidy reads: the workspaces and every text file. Plain data, so that tests of the rules write it down. */
export interface Repository {
  readonly workspaces: readonly Workspace[];
  readonly files: readonly SourceFile[];
}

export interface Workspace {
  /** Path from the root, with slashes: `packages/client`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly name: string;
  readonly version?: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface SourceFile {
  /** Path from the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Gone when the code runs. */
  readonly typeOnly: boolean;
}

const skipped: ReadonlySet<string> = new Set(['node_modules', 'dist', '.git', '.cache', '.coracle']);

/** Reads every text file below `root` except what is installed, built or made by running. */
export function readRepository(root: string): Repository {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      const file = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) visit(file);
      else if (entry.isFile()) {
        const bytes = readFileSync(path.join(root, file));
        if (!bytes.subarray(0, 8192).includes(0)) files.push({ path: file, text: bytes.toString('utf8') });
      }
    }
  };
  visit('');
  return repositoryOf(files.sort((a, b) => (a.path < b.path ? -1 : 1)));
}

/** The repository that consists of `files`; a workspace is a folder with a package.json two levels down, or `tools` and `test`. */
export function repositoryOf(files: readonly SourceFile[]): Repository {
  const workspaces: Workspace[] = [];
  for (const file of files) {
    const folder = /^((?:packages|examples)\/[^/]+|tools|test)\/package\.json$/.exec(file.path)?.[1];
    if (folder !== undefined) workspaces.push({ folder, manifest: JSON.parse(file.text) as Manifest });
  }
  return { workspaces, files };
}

// A statement stands at the start of a line, so that code inside template literals and comments does not count.
const staticImport = /^(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;
const dynamicImport = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** What a TypeScript or JavaScript source imports or re-exports, types too. */
export function importsOf(text: string): readonly Import[] {
  const imports: Import[] = [];
  for (const pattern of [staticImport, dynamicImport]) {
    for (const match of text.matchAll(pattern)) {
      const specifier = match[1];
      if (specifier === undefined) continue;
      imports.push({ specifier, line: lineAt(text, match.index), typeOnly: isTypeOnly(match[0]) });
    }
  }
  return imports;
}

function isTypeOnly(statement: string): boolean {
  return /^(?:import|export)\s+type\s/.test(statement);
}

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}
