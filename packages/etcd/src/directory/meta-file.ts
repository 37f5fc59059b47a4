import type { Disk } from '../disk/disk.ts';
import { type Meta, updateMeta } from './meta.ts';

/** META of an open directory: what it says now, and its changes one after the other. */
export class MetaFile {
  readonly #disk: Disk;
  #meta: Meta;
  #last: Promise<void> = Promise.resolve();

  constructor(disk: Disk, meta: Meta) {
    this.#disk = disk;
    this.#meta = meta;
  }

  get current(): Meta {
    return this.#meta;
  }

  /** Resolves once the change is durable. Rejects with the disk's error, or when what was written does not read back. */
  update(change: (meta: Meta) => Meta): Promise<void> {
    const done = this.#last.then(async () => {
      const next = change(this.#meta);
      await updateMeta(this.#disk, next);
      this.#meta = next;
    });
    // The next change does not depend on this one, whose own caller is told of the error.
    this.#last = done.catch(() => undefined);
    return done;
  }
}
