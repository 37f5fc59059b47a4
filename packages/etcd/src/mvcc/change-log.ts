import type { Revision } from './revision.ts';
import type { StoredKeyValue } from './stored-key-value.ts';

/** What one transaction did to one key, as the store keeps it. */
export interface StoredChange {
  readonly revision: Revision;
  readonly key: string;
  readonly current: StoredKeyValue | undefined;
  readonly previous: StoredKeyValue | undefined;
}

/** Stands for the current version of a key that was deleted. */
interface Tombstone {
  readonly key: string;
  readonly modRevision: Revision;
  readonly isTombstone: true;
}

const chunkLength = 128;
/** Elements of a chunk: of each change the current version, or that it was deleted, and the previous one. */
type Chunk = (StoredKeyValue | Tombstone | undefined)[];

/**
 * Changes in order, appended at one end and forgotten at the other. A copy shares all full chunks; as many as one chunk
 * holds may outlive their being forgotten.
 */
export class ChangeLog {
  #full: (readonly (StoredKeyValue | Tombstone | undefined)[])[] = [];
  #tail: Chunk = [];
  #isTailShared = false;
  #forgotten = 0; // of the first chunk

  get length(): number {
    return this.#full.length * chunkLength + this.#tail.length / 2 - this.#forgotten;
  }

  at(index: number): StoredChange | undefined {
    const place = index + this.#forgotten;
    const chunk = this.#full[Math.floor(place / chunkLength)] ?? this.#tail;
    const first = 2 * (place % chunkLength);
    const now = chunk[first];
    if (now === undefined) return undefined;
    const previous = chunk[first + 1];
    const before = previous !== undefined && 'isTombstone' in previous ? undefined : previous; // it never is
    return 'isTombstone' in now
      ? { revision: now.modRevision, key: now.key, current: undefined, previous: before }
      : { revision: now.modRevision, key: now.key, current: now, previous: before };
  }

  push({ revision, key, current, previous }: StoredChange): void {
    if (this.#isTailShared) {
      this.#tail = [...this.#tail];
      this.#isTailShared = false;
    }
    this.#tail.push(current ?? { key, modRevision: revision, isTombstone: true }, previous);
    if (this.#tail.length < 2 * chunkLength) return;
    this.#full.push(this.#tail.slice());
    this.#tail = [];
  }

  /** Forgets the oldest. */
  shift(): void {
    this.#forgotten++;
    if (this.#forgotten < chunkLength) return;
    this.#full.shift();
    this.#forgotten = 0;
  }

  /** Index of the first whose revision is > `after`. */
  indexAfter(after: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.at(middle)?.revision ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Those of revisions > `after`. */
  since(after: number): readonly StoredChange[] {
    const found: StoredChange[] = [];
    let place = this.indexAfter(after);
    for (let change = this.at(place); change !== undefined; change = this.at(++place)) found.push(change);
    return found;
  }

  copy(): ChangeLog {
    const copy = new ChangeLog();
    copy.#full = [...this.#full];
    copy.#tail = this.#tail;
    copy.#forgotten = this.#forgotten;
    this.#isTailShared = true;
    copy.#isTailShared = true;
    return copy;
  }
}
