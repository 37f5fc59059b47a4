import type { KubeObject } from '@coracle/apimachinery';
import { informerKey, type ResourceHandle, type SharedIndexInformer, type SharedInformerFactory } from '@coracle/client';
import type { Process } from '@coracle/kernel';

/** Whose informers they are, and how long anybody waits for them (pkg/cache Options). */
export interface InformerCacheOptions {
  readonly process: Process;
  readonly informers: SharedInformerFactory;
  /** Of whoever runs the informers; asked at each wait, as it may not run yet. */
  readonly signal: () => AbortSignal;
  /** How long the first list of a kind may take. */
  readonly syncTimeoutMs: number;
}

/** Of one wait, instead of those of the cache. */
export interface SyncLimits {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A kind whose first list did not come in time. `cause` is why the last try failed, where one did. */
export class CacheSyncError extends Error {
  override readonly name = 'CacheSyncError';
  readonly kind: string;

  constructor(kind: string, resource: string, afterMs: number, cause: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    super(`Timed out after ${afterMs / 1000} s waiting for the cache of ${kind} ("${resource}") to sync${why}`, { cause });
    this.kind = kind;
  }
}

/** The informers of a manager, with a limit for how long anybody waits for a first list (pkg/cache). */
export class InformerCache {
  readonly #options: InformerCacheOptions;
  readonly #kinds = new Map<string, string>();
  readonly #failures = new Map<string, Error>();

  constructor(options: InformerCacheOptions) {
    this.#options = options;
  }

  /** The informer of a kind, which runs once `synced` or the manager starts it. */
  informer<T extends KubeObject>(handle: ResourceHandle<T>): SharedIndexInformer<T> {
    const { informers } = this.#options;
    const key = informerKey(handle);
    const isNew = !informers.informers.has(key);
    const informer = informers.forResource(handle);
    this.#kinds.set(key, handle.kind);
    // What somebody else made may have a handler of errors already.
    if (isNew) informer.setWatchErrorHandler((error) => this.#failures.set(key, error));
    return informer;
  }

  has(handle: Pick<ResourceHandle, 'group' | 'version' | 'resource'>): boolean {
    return this.#options.informers.informers.has(informerKey(handle));
  }

  /** The informer of a kind with its first list, started where nobody has. Throws CacheSyncError, or the reason of a signal that aborts. */
  async synced<T extends KubeObject>(handle: ResourceHandle<T>, limits: SyncLimits = {}): Promise<SharedIndexInformer<T>> {
    const informer = this.informer(handle);
    if (!informer.hasSynced()) {
      this.#options.informers.start(); // of this kind only one waits: another that cannot be listed holds nobody up
      await this.#wait(informerKey(handle), limits, (signal) => informer.whenSynced(signal));
    }
    return informer;
  }

  /** Waits for the first list of every kind that was asked for. Throws as `synced`. */
  async allSynced(limits: SyncLimits = {}): Promise<void> {
    for (const [key, informer] of this.#options.informers.informers) {
      await this.#wait(key, limits, (signal) => informer.whenSynced(signal));
    }
  }

  async #wait(key: string, limits: SyncLimits, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal = this.#options.signal(), timeoutMs = this.#options.syncTimeoutMs } = limits;
    using deadline = this.#options.process.clock.deadline(timeoutMs, { signal });
    try {
      await work(deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted || signal.aborted) throw error;
      throw new CacheSyncError(this.#kinds.get(key) ?? key, key, timeoutMs, this.#failures.get(key));
    }
    this.#failures.delete(key);
  }
}
