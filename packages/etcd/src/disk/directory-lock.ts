import { link, open, readFile, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '@coracle/kernel';
import { DirectoryInUse } from '../directory/errors.ts';
import { type DiskLock, errorCode } from './disk.ts';

/** Who holds a directory. `started` tells processes apart that had one pid, one after the other. */
interface LockOwner {
  readonly pid: number;
  /** Boot and start of the process in ticks since; empty where the system does not tell. */
  readonly started: string;
}

const fileName = 'LOCK';

/**
 * Takes the lock of a directory: a file that names its owner. That of a dead process is taken over. Node has no flock,
 * so liveness is judged by pid and start time; processes in different pid namespaces cannot see each other.
 */
export async function lockDirectory(directory: string, random: Random): Promise<DiskLock> {
  const path = join(directory, fileName);
  const token = random.suffix(10);
  const text = `${JSON.stringify({ ...(await ownerOf(process.pid)), token })}\n`;
  const own = `${path}.${token}`;
  await writeNew(own, text);
  try {
    // Linking is the atomic step: the lock never exists without its content.
    while (!(await linked(own, path))) await evictDead(directory, path, own);
  } finally {
    await unlink(own);
  }
  return {
    async release() {
      if ((await readText(path)) === text) await unlink(path);
    },
  };
}

/**
 * Removes the lock of a dead owner. Throws DirectoryInUse when the owner lives. A second lock makes sure that what is
 * removed is what was judged: else a slow judge could remove the lock of the process that was faster.
 */
async function evictDead(directory: string, path: string, own: string): Promise<void> {
  await assertDead(directory, path);
  const eviction = `${path}.eviction`;
  if (!(await linked(own, eviction))) {
    await assertDead(directory, eviction);
    await rm(eviction, { force: true }); // the evictor died; another may have seen so too
    return;
  }
  try {
    if (await assertDead(directory, path)) await unlink(path);
  } finally {
    await unlink(eviction);
  }
}

/** Throws DirectoryInUse unless the owner of the lock at `path` is dead; false when there is no lock any more. */
async function assertDead(directory: string, path: string): Promise<boolean> {
  const text = await readText(path);
  if (text === undefined) return false;
  const owner = parseOwner(text);
  if (owner === undefined) throw new DirectoryInUse(directory, `an unknown owner (remove "${path}" if there is none)`);
  if (await isAlive(owner)) throw new DirectoryInUse(directory, `process ${owner.pid}`);
  return true;
}

async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function ownerOf(pid: number): Promise<LockOwner> {
  const boot = await readText('/proc/sys/kernel/random/boot_id');
  const stat = await readText(`/proc/${pid}/stat`);
  if (boot === undefined || stat === undefined) return { pid, started: '' };
  // The command in parentheses may hold anything; after it come fields 3, 4, …, and 22 is the start time.
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return { pid, started: `${boot.trim()}/${start ?? ''}` };
}

async function isAlive(owner: LockOwner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false; // EPERM: alive, of another user
  }
  const now = await ownerOf(owner.pid);
  return owner.started === '' || now.started === '' || now.started === owner.started;
}

function parseOwner(text: string): LockOwner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // not written by us
  }
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return undefined;
  const { pid, started } = value;
  const valid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof started === 'string';
  return valid ? { pid, started } : undefined;
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
