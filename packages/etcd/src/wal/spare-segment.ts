import type { Disk, DiskFile } from '../disk/disk.ts';

export const spareName = 'spare';
const sparePath: string = `wal/${spareName}`;

/** A file to become the next segment. */
export interface TakenSpare {
  readonly path: string;
  readonly bytes: number;
  /** It holds the records of an earlier segment, not zeros. */
  readonly isRecycled: boolean;
}

/**
 * The file that will be the next segment of the log, made before it is needed: every byte of it was written once, so that
 * writing it again changes nothing but data. A segment that is needed no more becomes the next spare as it is, since what it
 * holds is valid in no other segment.
 */
export class SpareSegment {
  readonly #disk: Disk;
  readonly bytes: number;
  #ready: Omit<TakenSpare, 'path'> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: { readonly disk: Disk; readonly bytes: number }) {
    this.#disk = options.disk;
    this.bytes = options.bytes;
  }

  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** Makes the file unless it is there. Throws the disk's error, and leaves nothing behind. */
  make(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ready === undefined) await this.#make(this.bytes);
    });
  }

  /**
   * Gives the file away as `path`, made now if it must be, with at least `bytes`. Throws the disk's error, and leaves nothing
   * behind.
   */
  take(path: string, bytes: number): Promise<TakenSpare> {
    return this.#inTurn(async () => {
      if (this.#ready === undefined || this.#ready.bytes < bytes) await this.#make(Math.max(bytes, this.bytes));
      const { bytes: size, isRecycled } = this.#ready ?? { bytes, isRecycled: false };
      this.#ready = undefined;
      await this.#disk.rename(sparePath, path);
      return { path, bytes: size, isRecycled };
    });
  }

  /** The file of a segment that is needed no more is the spare from now on, or is removed if there is one. */
  recycleOrRemove(path: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ready === undefined && (await sizeOf(this.#disk, path)) === this.bytes) {
        await this.#disk.rename(path, sparePath);
        this.#ready = { bytes: this.bytes, isRecycled: true };
      } else await this.#disk.remove(path);
    });
  }

  /** One at a time has to do with the name of the spare. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    // Whoever comes next does not depend on this one, whose own caller is told of the error.
    this.#last = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  async #make(bytes: number): Promise<void> {
    const file = await this.#disk.open(sparePath, 'create');
    try {
      await writeZeros(file, 0, bytes);
      await file.sync(); // a disk that allocates late tells only now that it is full
    } catch (error) {
      await file.close();
      await this.#disk.remove(sparePath);
      throw error;
    }
    await file.close();
    this.#ready = { bytes, isRecycled: false };
  }
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read');
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

const zeros: Uint8Array = new Uint8Array(1024 * 1024);

/** `to` is exclusive. */
async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += zeros.length) await file.write(at, zeros.subarray(0, Math.min(zeros.length, to - at)));
}
