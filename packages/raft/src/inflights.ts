import { invariant } from './invariant.ts';
import type { LogIndex } from './messages.ts';

/** Appends on their way to one follower: how many, and how many bytes. A full window pauses the flow. Upstream: tracker/inflights.go. */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  // A queue: the live part of both arrays starts at #head. Last indexes ascend.
  #lastIndexes: LogIndex[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#lastIndexes.length - this.#head;
  }

  /** The byte limit may be passed by one append: a large entry must not block the log. */
  isFull(): boolean {
    return this.count >= this.#maxCount || this.#bytes >= this.#maxBytes;
  }

  /** An append whose last entry has `lastIndex` was sent. */
  add(lastIndex: LogIndex, bytes: number): void {
    invariant(!this.isFull(), 'cannot add into a Full inflights');
    this.#lastIndexes.push(lastIndex);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Appends up to `index` have arrived. */
  freeUpTo(index: LogIndex): void {
    let head = this.#head;
    for (; head < this.#lastIndexes.length && (this.#lastIndexes[head] ?? 0) <= index; head += 1) this.#bytes -= this.#sizes[head] ?? 0;
    this.#head = head;
    if (head === this.#lastIndexes.length) {
      this.#lastIndexes = [];
      this.#sizes = [];
      this.#head = 0;
    } else if (head > 64 && head * 2 > this.#lastIndexes.length) {
      this.#lastIndexes = this.#lastIndexes.slice(head);
      this.#sizes = this.#sizes.slice(head);
      this.#head = 0;
    }
  }
}
