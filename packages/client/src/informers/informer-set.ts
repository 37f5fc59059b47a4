import { firstAborted, type Process, type Task } from '@coracle/kernel';

/** What a factory knows of an informer, whatever its type. */
export interface AnyInformer {
  readonly name: string;
  hasSynced(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** What came of waiting for caches (tools/cache SyncResult). */
export interface SyncResult {
  /** Of each informer that was started: its first list is there. */
  readonly synced: ReadonlyMap<string, boolean>;
  /** Why the wait ended, when not all are there; names those that are not. */
  readonly error: Error | undefined;
}

/** The informers of a factory by key, and which of them run: what every factory shares. */
export class InformerSet {
  readonly informers: Map<string, AnyInformer> = new Map();
  /** By the same key: true for those that were started. */
  readonly startedInformers: Map<string, boolean> = new Map();
  readonly #process: Process;
  readonly #tasks: Task[] = [];
  readonly #shutdown = new AbortController();

  constructor(process: Process) {
    this.#process = process;
  }

  /** Starts what was asked for and does not run yet; may be called again. They end with `signal`, `shutdown` or the process. */
  start(signal?: AbortSignal): void {
    if (this.#shutdown.signal.aborted) return;
    for (const [key, informer] of this.informers) {
      if (this.startedInformers.get(key) === true) continue;
      this.startedInformers.set(key, true);
      const task = this.#process.spawn(`informer ${informer.name}`, async (ofProcess) => {
        using first = firstAborted(ofProcess, this.#shutdown.signal, signal);
        await informer.run(first.signal);
      });
      this.#tasks.push(task);
    }
  }

  /**
   * Resolves when every started informer has its first list. Rejects with the signal's reason when it aborts before, and when an
   * informer ends before. An informer that was asked for and not started is only warned of, as upstream ignores it.
   */
  async waitForCacheSync(signal: AbortSignal = this.#process.signal): Promise<void> {
    for (const [key, informer] of this.informers) {
      if (this.startedInformers.get(key) === true) await informer.whenSynced(signal);
      else this.#process.log.warn('Informer was asked for but not started, not waiting for it', { informer: informer.name });
    }
  }

  /** As `waitForCacheSync`, and says of each informer what became of it; never rejects. */
  async cacheSyncResult(signal: AbortSignal = this.#process.signal): Promise<SyncResult> {
    let cause: unknown;
    try {
      await this.waitForCacheSync(signal);
    } catch (error) {
      cause = error;
    }
    const started = [...this.informers].filter(([key]) => this.startedInformers.get(key) === true);
    const synced = new Map(started.map(([key, informer]) => [key, informer.hasSynced()]));
    const missing = [...synced].filter(([, hasSynced]) => !hasSynced).map(([key]) => key);
    if (cause === undefined) return { synced, error: undefined };
    return { synced, error: new Error(`Failed to sync all caches: ${missing.sort().join(', ')}`, { cause }) };
  }

  /** Ends all informers and waits for them. Nothing starts after this. */
  async shutdown(): Promise<void> {
    this.#shutdown.abort(new Error('The informers were shut down'));
    await Promise.all(this.#tasks.map((task) => task.done));
  }
}
