/**
 * What clients read of the machine that they run on: environment, files, folders. A port, so that tests give their own and a
 * simulation is not bound to one machine. Failures are Node's errors, with their `code`.
 */
export interface Host {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly currentDirectory: string;
  /** The file as UTF-8. */
  readFile(path: string): string;
  /** Undefined when nothing is there. */
  stat(path: string): { readonly isDirectory: boolean; readonly mode: number } | undefined;
  /** Replaces the file; a new one gets `mode`. With `exclusive` a present one is refused with EEXIST. */
  writeFile(path: string, text: string, options: { readonly mode: number; readonly exclusive?: boolean }): void;
  makeDirectory(path: string): void;
  removeFile(path: string): void;
}

/** Node's own. */
export function liveHost(): Host {
  // Modules are looked up when they are used: a client without files does not load them.
  const { process } = globalThis;
  const fs = process.getBuiltinModule('node:fs');
  const os = process.getBuiltinModule('node:os');
  return {
    environment: process.env,
    homeDirectory: process.env['HOME'] ?? os.homedir(),
    currentDirectory: process.cwd(),
    readFile: (path) => fs.readFileSync(path, 'utf8'),
    stat(path) {
      const stats = fs.statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? undefined : { isDirectory: stats.isDirectory(), mode: stats.mode };
    },
    writeFile: (path, text, { mode, exclusive = false }) => fs.writeFileSync(path, text, { mode, flag: exclusive ? 'wx' : 'w' }),
    makeDirectory: (path) => {
      fs.mkdirSync(path, { recursive: true, mode: 0o755 });
    },
    removeFile: (path) => fs.unlinkSync(path),
  };
}

const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'file exists',
};

/** The failure of a file in the words that users of kubectl know: `open /x: no such file or directory`. */
export function fileFault(action: 'open' | 'read' | 'stat', path: string, error: unknown): string {
  const code = codeOf(error);
  const meaning = (code === undefined ? undefined : meanings[code]) ?? (error instanceof Error ? error.message : String(error));
  return `${code === 'EISDIR' && action === 'open' ? 'read' : action} ${path}: ${meaning}`;
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
