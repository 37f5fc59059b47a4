import type { Identity } from '../directory/identity.ts';
import type { Disk } from '../disk/disk.ts';
import { Malformed } from '../wal/binary.ts';
import { parseSnapshotName, readSnapshot, type FoundSnapshot, snapshotDirectory } from './snapshot-file.ts';

/** The newest serves; should it not read back, the one before and a longer log give the same state. */
const kept = 2;

export interface UnreadableSnapshot {
  readonly name: string;
  readonly reason: string;
}

/** Reads the newest snapshot that is whole, and says which newer ones are not. */
export async function newestSnapshot(
  disk: Disk,
  identity: Identity,
): Promise<{ readonly snapshot: FoundSnapshot | undefined; readonly unreadable: readonly UnreadableSnapshot[] }> {
  const unreadable: UnreadableSnapshot[] = [];
  for (const name of (await snapshotNames(disk)).reverse()) {
    try {
      return { snapshot: await readSnapshot(disk, name, identity), unreadable };
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      unreadable.push({ name, reason: error.message });
    }
  }
  return { snapshot: undefined, unreadable };
}

/** Moves snapshots that do not read back out of the way, so that they do not count among those that are kept. */
export async function quarantineSnapshots(disk: Disk, unreadable: readonly UnreadableSnapshot[]): Promise<void> {
  if (unreadable.length === 0) return;
  await disk.makeDirectory('quarantine');
  for (const { name } of unreadable) await disk.rename(`${snapshotDirectory}/${name}`, `quarantine/${name}`);
  await disk.syncDirectory('quarantine');
  await disk.syncDirectory(snapshotDirectory);
}

/**
 * Removes snapshots beyond those that are kept. Returns the log index
 * up to which nothing is needed any more; undefined while there are too few snapshots to do without the log.
 */
export async function retireSnapshots(disk: Disk): Promise<number | undefined> {
  const names = await snapshotNames(disk);
  const retired = names.slice(0, -kept);
  for (const name of retired) await disk.remove(`${snapshotDirectory}/${name}`);
  if (retired.length > 0) await disk.syncDirectory(snapshotDirectory);
  const oldest = names.length < kept ? undefined : names.at(-kept);
  return oldest === undefined ? undefined : parseSnapshotName(oldest);
}

/** Removes what a crash left of a snapshot that was being written. */
export async function removeUnfinished(disk: Disk): Promise<void> {
  for (const name of await disk.list(snapshotDirectory)) {
    if (name.endsWith('.tmp')) await disk.remove(`${snapshotDirectory}/${name}`);
  }
}

async function snapshotNames(disk: Disk): Promise<string[]> {
  return (await disk.list(snapshotDirectory)).filter((name) => parseSnapshotName(name) !== undefined);
}
