import { readAll, type Disk } from '../disk/disk.ts';
import { snapshotDirectory } from '../snapshot/snapshot-file.ts';
import { logDirectory } from '../wal/log.ts';
import { spareName } from '../wal/spare-segment.ts';

/**
 * A member whose log is damaged no longer knows what it promised to the others, so it must not go on under its name: it is removed from the
 * cluster, added again under a new id, and starts with an empty directory. The file MENDING names the member whose content is set aside,
 * from before the first of it moves until the new one votes.
 */
const markPath = 'MENDING';

/** The id, sixteen hex digits, of the member that was here before; undefined when nothing is being mended. */
export async function readMark(disk: Disk): Promise<string | undefined> {
  if (!(await disk.list('')).includes(markPath)) return undefined;
  const text = Buffer.from(await readAll(disk, markPath, 64)).toString('latin1');
  return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
}

/** Moves all of a damaged directory into quarantine, where nothing of it is read again. A crash in between leaves the mark, and this is done again. */
export async function setAside(disk: Disk, memberId: string): Promise<void> {
  const lock = await disk.lock();
  try {
    await moveAll(disk, memberId);
  } finally {
    await lock.release();
  }
}

async function moveAll(disk: Disk, memberId: string): Promise<void> {
  const unfinished = `${markPath}.tmp`;
  const file = await disk.open(unfinished, 'create');
  try {
    await file.writeDurably(0, Buffer.from(memberId, 'latin1'));
  } finally {
    await file.close();
  }
  await disk.rename(unfinished, markPath);
  await disk.makeDirectory('quarantine');
  await disk.syncDirectory('');
  for (const directory of [logDirectory, snapshotDirectory]) {
    for (const name of await disk.list(directory)) {
      const isOfNoUse = name === spareName || name.endsWith('.tmp');
      if (isOfNoUse) await disk.remove(`${directory}/${name}`);
      else await disk.rename(`${directory}/${name}`, `quarantine/${memberId}-${name}`);
    }
  }
  if ((await disk.list('')).includes('META')) await disk.rename('META', `quarantine/${memberId}-META`);
  for (const directory of ['quarantine', logDirectory, snapshotDirectory, '']) await disk.syncDirectory(directory);
}

/** The new member votes: nothing is left to do. */
export async function removeMark(disk: Disk): Promise<void> {
  await disk.remove(markPath);
  await disk.syncDirectory('');
}
