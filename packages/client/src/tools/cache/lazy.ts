/**
 * A value that is computed when somebody asks, and again after it was notified of a change (tools/cache/synctrack Lazy). Who asks while
 * it is computed gets that result; a change that comes meanwhile makes the next one compute anew. A failure is not kept.
 */
export class Lazy<T> {
  readonly #evaluate: () => Promise<T>;
  #current: Promise<T> | undefined;

  constructor(evaluate: () => Promise<T>) {
    this.#evaluate = evaluate;
  }

  /** What was computed is out of date. */
  notify(): void {
    this.#current = undefined;
  }

  /** Rejects with what `evaluate` throws. */
  get(): Promise<T> {
    if (this.#current !== undefined) return this.#current;
    const current = this.#evaluate().catch((error: unknown) => {
      if (this.#current === current) this.#current = undefined;
      throw error;
    });
    this.#current = current;
    return current;
  }
}
