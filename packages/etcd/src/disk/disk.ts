/**
 * All that the store asks of a disk: the files of one directory. Paths are relative to it, with '/' between names.
 * Errors are those of the system, with its `code` (EIO, ENOSPC, …); nothing is retried below this interface.
 */
export interface Disk {
  /** The directory, for messages. */
  readonly name: string;
  /** Makes the directory itself, private to its owner. Throws DirectoryNotOwned. */
  prepare(): Promise<void>;
  /** Makes this process the directory's only user. Throws DirectoryInUse. */
  lock(): Promise<DiskLock>;
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, in order; none when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** `create` empties a file that exists; `write` needs one. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
}

export interface DiskLock {
  release(): Promise<void>;
}

export interface DiskFile {
  size(): Promise<number>;
  /** At most `length` bytes from `position`: fewer only at the end of the file. Their memory is the caller's alone. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Writes all of `bytes`, which must not change until it resolves. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** `write` and `sync` of what was written, in one. */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The whole of a file. Throws RangeError when it is longer than `limit`. */
export async function readAll(disk: Disk, path: string, limit: number): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    if (size > limit) throw new RangeError(`"${path}" has ${size} bytes, more than ${limit}`);
    return await file.read(0, size);
  } finally {
    await file.close();
  }
}

/** The code of a system error, or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the error says that there is no room: the device's (ENOSPC) or the owner's share of it (EDQUOT). */
export function isNoSpace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
