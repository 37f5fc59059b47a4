import { link, open, readFile, rename, unlink } from 'node:fs/promises';
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
  const text = `${JSON.stringify(await ownerOf(process.pid))}\n`;
  const own = join(directory, `${fileName}.${random.suffix(10)}`);
  await writeNew(own, text);
  try {
    // Linking is the atomic step: the lock never exists without its content.
    while (!(await linked(own, path))) await evictDead(directory, path, random);
    if ((await readText(path)) !== text) throw new DirectoryInUse(directory, 'a process that started at the same moment');
  } finally {
    await unlink(own);
  }
  return {
    async release() {
      if ((await readText(path)) === text) await unlink(path);
    },
  };
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

/** Moves the lock of a dead owner away. Throws DirectoryInUse when the owner lives. */
async function evictDead(directory: string, path: string, random: Random): Promise<void> {
  const seen = await readText(path);
  if (seen === undefined) return;
  const owner = parseOwner(seen);
  if (owner === undefined) throw new DirectoryInUse(directory, `an unknown owner (remove "${path}" if there is none)`);
  if (await isAlive(owner)) throw new DirectoryInUse(directory, `process ${owner.pid}`);
  const aside = `${path}.${random.suffix(10)}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return; // another process was faster
    throw error;
  }
  // Another process may have evicted the dead owner and locked in between: then its lock goes back.
  if ((await readText(aside)) !== seen) await linked(aside, path);
  await unlink(aside);
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
