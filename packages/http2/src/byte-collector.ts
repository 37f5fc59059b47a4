const nothing: Buffer = Buffer.alloc(0);

/**
 * Bytes that come in pieces, as one. The only piece is kept as it is; several are copied together, so that a peer which sends
 * single bytes makes us keep no object for each of them, nor what else came with them.
 */
export class ByteCollector {
  #bytes: Buffer = nothing;
  #length = 0;
  #isOurs = false;

  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    if (this.#length === 0 && !this.#isOurs) this.#bytes = piece;
    else {
      const needed = this.#length + piece.length;
      if (!this.#isOurs || needed > this.#bytes.length) this.#grow(needed);
      piece.copy(this.#bytes, this.#length);
    }
    this.#length += piece.length;
  }

  /** All of them; none are left. */
  take(): Buffer {
    const bytes = this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
    this.#bytes = nothing;
    this.#length = 0;
    this.#isOurs = false;
    return bytes;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * this.#bytes.length, this.#bytes.length + (1 << 20)), 1_024));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#isOurs = true;
  }
}
