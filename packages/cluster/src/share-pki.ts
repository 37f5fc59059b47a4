import { liveKeySource } from '@coracle/apiserver';
import type { Process } from '@coracle/kernel';
import { ClusterDirectory } from './cluster-directory.ts';

/** Gives the directories of control planes of one cluster the same keys: those of the first, made if need be. Throws ClusterDirectoryError. */
export async function sharePki(process: Process, directories: readonly string[]): Promise<void> {
  const [first, ...others] = directories.map((directory) => new ClusterDirectory(directory));
  if (first === undefined) return;
  first.open();
  await first.pki(process, liveKeySource).kept;
  for (const other of others) {
    other.open();
    other.adoptPki(first);
  }
}
