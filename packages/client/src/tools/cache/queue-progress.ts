/**
 * What every queue between reflector and store keeps: whether the first list was popped, and who waits for an item. The first of `add`,
 * `update`, `delete` and `replace` populates; with a list, the queue has synced once as many items as that left were popped.
 */
export class QueueProgress {
  readonly #synced: PromiseWithResolvers<void> = Promise.withResolvers();
  #waiters: ((isOpen: boolean) => void)[] = [];
  #isPopulated = false;
  #initialPopulationCount = 0;
  #isClosed = false;
  #hasSynced = false;

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get isPopulated(): boolean {
    return this.#isPopulated;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Items of the first list that were not popped yet. */
  get initialPopulationCount(): number {
    return this.#initialPopulationCount;
  }

  /** Resolves when `hasSynced` becomes true. */
  get whenSynced(): Promise<void> {
    return this.#synced.promise;
  }

  /** A change came, or the first list, of `count` items; later lists change nothing. */
  populate(count = 0): void {
    if (this.#isPopulated) return;
    this.#isPopulated = true;
    this.#initialPopulationCount = count;
    this.#check();
  }

  popped(count: number): void {
    if (this.#initialPopulationCount === 0) return;
    this.#initialPopulationCount = Math.max(0, this.#initialPopulationCount - count);
    this.#check();
  }

  /** Wakes who waits for an item. */
  wake(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(!this.#isClosed);
  }

  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  /** True once there is an item to pop; false when the queue is closed and empty. */
  async waitForItem(hasItem: () => boolean): Promise<boolean> {
    while (!hasItem()) {
      if (this.#isClosed) return false;
      await new Promise<boolean>((resolve) => this.#waiters.push(resolve));
    }
    return true;
  }

  #check(): void {
    if (this.#initialPopulationCount > 0 || this.#hasSynced) return;
    this.#hasSynced = true;
    this.#synced.resolve();
  }
}
