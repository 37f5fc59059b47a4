/** Size of the pieces in which what is long is written. */
export const pieceBytes: number = 64 * 1024;
/** As many as a few clients are sent at once. */
const mostKept = 64;

/**
 * Memory for the pieces of long answers, used again and again. Made anew for each piece, it counts as memory outside of the heap,
 * which only full collections give back: a list of 10 MB would cost a third of one. What waits for a slow client is not in the pool.
 */
export class PiecePool {
  readonly #free: Buffer[] = [];

  /** Of `pieceBytes`; its content is of no use. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
  }

  /** Nobody will look at `memory`, which was taken from here, any more. */
  giveBack(memory: Buffer): void {
    if (this.#free.length < mostKept) this.#free.push(memory);
  }
}
