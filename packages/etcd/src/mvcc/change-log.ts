import type { Change } from './types.ts';

const chunkLength = 128;

/**
 * Changes in order, appended at one end and forgotten at the other. A copy shares all full chunks; as many as one chunk
 * holds may outlive their being forgotten.
 */
export class ChangeLog {
  #full: (readonly Change[])[] = [];
  #tail: Change[] = [];
  #isTailShared = false;
  #forgotten = 0; // of the first chunk

  get length(): number {
    return this.#full.length * chunkLength + this.#tail.length - this.#forgotten;
  }

  at(index: number): Change | undefined {
    const place = index + this.#forgotten;
    const chunk = this.#full[Math.floor(place / chunkLength)] ?? this.#tail;
    return chunk[place % chunkLength];
  }

  push(change: Change): void {
    if (this.#isTailShared) {
      this.#tail = [...this.#tail];
      this.#isTailShared = false;
    }
    this.#tail.push(change);
    if (this.#tail.length < chunkLength) return;
    this.#full.push(this.#tail);
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
  since(after: number): readonly Change[] {
    const found: Change[] = [];
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
