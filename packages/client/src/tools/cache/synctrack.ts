/**
 * Tells when a consumer has taken all of an initial list, where items are begun and finished in order (tools/cache/synctrack
 * SingleFileTracker). It has synced once its source has, and everything that was begun before is finished.
 */
export class SingleFileTracker {
  readonly #done: PromiseWithResolvers<void> = Promise.withResolvers();
  #hasUpstreamSynced = false;
  #pending = 0;
  #hasSynced = false;

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves when `hasSynced` becomes true. */
  get whenSynced(): Promise<void> {
    return this.#done.promise;
  }

  /** An item of the initial list is on its way to the consumer. */
  start(): void {
    this.#pending++;
  }

  /** The consumer has taken it. Throws RangeError when more are finished than were started: a bug of the caller. */
  finished(): void {
    if (this.#pending === 0) throw new RangeError('Cannot finish an item that was not started');
    this.#pending--;
    this.#check();
  }

  /** The source has handed over all of its list. */
  upstreamHasSynced(): void {
    this.#hasUpstreamSynced = true;
    this.#check();
  }

  #check(): void {
    if (!this.#hasUpstreamSynced || this.#pending > 0 || this.#hasSynced) return;
    this.#hasSynced = true;
    this.#done.resolve();
  }
}

/** As `SingleFileTracker`, where keys are begun and finished in any order, as workers do (tools/cache/synctrack AsyncTracker). */
export class AsyncTracker<K> {
  readonly #upstreamHasSynced: () => boolean;
  readonly #waiting = new Set<K>();

  constructor(upstreamHasSynced: () => boolean) {
    this.#upstreamHasSynced = upstreamHasSynced;
  }

  start(key: K): void {
    this.#waiting.add(key);
  }

  finished(key: K): void {
    this.#waiting.delete(key);
  }

  /** True does not turn back to false for keys that are begun once everything before is finished and the source has synced. */
  hasSynced(): boolean {
    // The source is asked first: what it handed over before it said so must be finished too.
    return this.#upstreamHasSynced() && this.#waiting.size === 0;
  }
}
