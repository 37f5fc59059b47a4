const smallestCapacity = 16;
/** Up to here a ring is kept although little of it is used: queues that are filled and emptied in batches would grow it again and again. */
const keptCapacity = 1024;

/**
 * First in, first out, in constant time: a ring that doubles when it is full and, once it is large, halves when a quarter of it is used. `Array.shift` moves
 * all that is left, and a Map or Set that is emptied from its front walks over the holes.
 */
export class Fifo<T> {
  #ring: (T | undefined)[] = new Array<T | undefined>(smallestCapacity).fill(undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#ring.length * 2);
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = value;
    this.#length++;
  }

  /** The oldest value, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#ring[this.#head];
  }

  /** The oldest value; undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    if (this.#length * 4 < this.#ring.length && this.#ring.length > keptCapacity) this.#resize(this.#ring.length / 2);
    return value;
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T; // i < length
  }

  /** Invariant: the capacity is a power of two. */
  #resize(capacity: number): void {
    const ring = new Array<T | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
