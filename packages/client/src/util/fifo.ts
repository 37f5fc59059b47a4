/**
 * First in, first out, in constant time on average: `Array.shift` moves all that is left, and a Map or Set that is emptied from its
 * front walks over the holes.
 */
export class Fifo<T> {
  #values: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#values.length - this.#head;
  }

  push(value: T): void {
    this.#values.push(value);
  }

  /** The oldest value; undefined when there is none. */
  shift(): T | undefined {
    const value = this.#values[this.#head];
    if (this.#head === this.#values.length) return undefined;
    this.#values[this.#head++] = undefined;
    if (this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }
}
