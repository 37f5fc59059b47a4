import { crc32 } from 'node:zlib';
import type { LogIndex } from '@coracle/raft';
import type { Change } from '../mvcc/types.ts';

/** Members compare what they made of as many entries. */
export const hashInterval = 1000;

export interface HashOfInterval {
  /** The last entry of the interval: a multiple of `hashInterval`. */
  readonly index: LogIndex;
  readonly hash: number;
}

/**
 * A hash over all that the entries of an interval changed, as it was applied: members with the same log must have the same
 * one. Each interval begins anew, so that a member which came in by a snapshot can compare the next whole one.
 */
export class StateHash {
  #hash = 0;
  /** The interval is hashed from its first entry on. */
  #isWhole = false;
  /** The newest whole intervals, oldest first. */
  #known: readonly HashOfInterval[] = [];

  /** The newest whole interval. */
  get last(): HashOfInterval | undefined {
    return this.#known.at(-1);
  }

  /** Whether another member made something else of the interval; undefined when it is not known here, or not any more. */
  differs({ index, hash }: HashOfInterval): boolean | undefined {
    const own = this.#known.find((interval) => interval.index === index);
    return own === undefined ? undefined : own.hash !== hash;
  }

  changed(changes: readonly Change[]): void {
    if (!this.#isWhole) return;
    for (const { revision, key, current } of changes) {
      this.#hash = crc32(key, (this.#hash + revision) >>> 0);
      if (current !== undefined) this.#hash = crc32(current.value, this.#hash);
    }
  }

  /** Whether there is anybody to compare with decides whether the next interval is hashed at all. */
  applied(index: LogIndex, hasPeers: boolean): void {
    if (index % hashInterval !== 0) return;
    if (this.#isWhole) this.#known = [...this.#known.slice(-7), { index, hash: this.#hash }];
    this.#isWhole = hasPeers;
    this.#hash = 0;
  }

  /** A snapshot was installed: what was hashed so far is of no use. */
  restart(): void {
    this.#isWhole = false;
  }
}
