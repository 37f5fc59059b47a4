import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Random } from '@coracle/kernel';
import { DirectoryNotOwned } from '../directory/errors.ts';
import { lockDirectory } from './directory-lock.ts';
import { type Disk, type DiskFile, type DiskLock, errorCode } from './disk.ts';

const privateDirectory = 0o700;
const privateFile = 0o600;

/** A directory of the machine's file system: 0700, its files 0600, for the store holds the cluster's Secrets. */
export function nodeDisk(options: { readonly directory: string; readonly random: Random }): Disk {
  const root = resolve(options.directory);
  return {
    name: root,
    prepare: () => prepare(root),
    lock: (): Promise<DiskLock> => lockDirectory(root, options.random),
    async makeDirectory(path) {
      await mkdir(join(root, path), { recursive: true, mode: privateDirectory });
    },
    async list(path) {
      try {
        return (await readdir(join(root, path))).sort();
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    },
    async open(path, mode) {
      const full = join(root, path);
      if (mode === 'read') return new NodeFile(full, await open(full, 'r'));
      return new NodeFile(full, await open(full, mode === 'create' ? 'w+' : 'r+', privateFile));
    },
    rename: (from, to) => rename(join(root, from), join(root, to)),
    remove: (path) => unlink(join(root, path)),
    syncDirectory: (path) => syncDirectory(join(root, path)),
  };
}

async function prepare(root: string): Promise<void> {
  try {
    const first = await mkdir(root, { recursive: true, mode: privateDirectory });
    const { uid } = await stat(root);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) throw new DirectoryNotOwned(root, `it belongs to user ${uid}, not to ${own}`);
    await chmod(root, privateDirectory);
    if (first !== undefined) await syncDirectory(join(first, '..'));
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM') throw new DirectoryNotOwned(root, 'access is denied', { cause: error });
    if (code === 'EEXIST' || code === 'ENOTDIR') throw new DirectoryNotOwned(root, 'it is not a directory', { cause: error });
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Up to here one write through O_DSYNC beats a write followed by fdatasync: one trip to the thread pool and one flush. */
const smallWrite = 64 * 1024;

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #durable: FileHandle | undefined; // the same file, opened with O_DSYNC

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  write(position: number, bytes: Uint8Array): Promise<void> {
    return writeAll(this.#handle, position, bytes);
  }

  async writeDurably(position: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length <= smallWrite) {
      this.#durable ??= await open(this.#path, constants.O_WRONLY | constants.O_DSYNC);
      await writeAll(this.#durable, position, bytes);
      return;
    }
    await writeAll(this.#handle, position, bytes);
    await this.#handle.datasync();
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  async close(): Promise<void> {
    try {
      await this.#durable?.close();
    } finally {
      await this.#handle.close();
    }
  }
}

async function writeAll(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
