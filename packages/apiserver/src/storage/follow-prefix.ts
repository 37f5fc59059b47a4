import type { Process } from '@coracle/kernel';
import type { Key, Storage, StorageChange, Stored } from './storage.ts';

export interface FollowOptions {
  readonly storage: Storage;
  /** Runs what has to be read again. */
  readonly process: Process;
  readonly prefix: Key;
  /**
   * Each key when it is first read, and at every change of it within the commit; without `current` it is gone. After a watch was
   * lost what happened meanwhile is told at once, without `previous`.
   */
  changed(key: Key, current: Stored | undefined, previous: Stored | undefined): void;
}

/** How long a storage that does not answer is left alone. */
const retryMs = 1_000;

/**
 * Keeps up with what is stored under a prefix until it is disposed of: a watch that ends, since the storage lost it or it fell behind
 * a compaction, is followed by another list. Resolves when all that is there has been told.
 */
export async function followPrefix(options: FollowOptions): Promise<Disposable> {
  const follower = new Follower(options);
  await follower.read();
  return follower;
}

class Follower implements Disposable {
  readonly #options: FollowOptions;
  #known = new Set<Key>();
  #watch: Disposable | undefined;
  #isDisposed = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  async read(): Promise<void> {
    const { storage, prefix, changed } = this.#options;
    const { items, revision } = await storage.list(prefix);
    if (this.#isDisposed) return;
    const gone = this.#known;
    this.#known = new Set(items.map(({ key }) => key));
    for (const key of gone) if (!this.#known.has(key)) changed(key, undefined, undefined);
    for (const item of items) changed(item.key, item, undefined);
    this.#watch = storage.watch(prefix, revision, { changes: (batch) => this.#changes(batch), ended: () => this.#readAgain() });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#watch?.[Symbol.dispose]();
  }

  #changes(batch: readonly StorageChange[]): void {
    for (const { key, current, previous } of batch) {
      if (current === undefined) this.#known.delete(key);
      else this.#known.add(key);
      this.#options.changed(key, current, previous);
    }
  }

  #readAgain(): void {
    const { process, prefix } = this.#options;
    process.spawn(`follow ${prefix}`, async (signal) => {
      while (!this.#isDisposed) {
        try {
          await this.read();
          return;
        } catch (error) {
          process.log.warn('Cannot read what is followed', { prefix, error: error instanceof Error ? error.message : String(error) });
        }
        await process.clock.sleep(retryMs, { signal });
      }
    });
  }
}
