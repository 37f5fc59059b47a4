import type { KubeObject } from '@coracle/apimachinery';
import { informerKey, type ResourceHandle, type SharedIndexInformer, type SharedInformerFactory } from '@coracle/client';
import type { Process } from '@coracle/kernel';
import { type CacheLimits, checkLimits, isWhole, narrowed, type PartLimits, partsOf } from './cache-limits.ts';

/** Whose informers they are, and how long anybody waits for them (pkg/cache Options). */
export interface InformerCacheOptions {
  readonly process: Process;
  readonly informers: SharedInformerFactory;
  /** What it holds. Default: everything that the informers do. */
  readonly limits?: CacheLimits;
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

/** What one informer holds of a kind: all of it, unless the cache is limited. */
export interface CachePart<T extends KubeObject> {
  /** Names it among all parts of all kinds. */
  readonly key: string;
  readonly limits: PartLimits<T>;
  /** It was made; somebody wants it. */
  hasInformer(): boolean;
  /** Made when it is asked for first; it runs once `synced` or the manager starts it. */
  informer(): SharedIndexInformer<T>;
}

/** The informers of a manager, with a limit for how long anybody waits for a first list (pkg/cache). */
export class InformerCache {
  readonly #options: InformerCacheOptions;
  readonly #kinds = new Map<string, string>();
  readonly #failures = new Map<string, Error>();
  readonly #parts = new Map<string, readonly CachePart<KubeObject>[]>();

  /** Throws TypeError for limits that cannot be. */
  constructor(options: InformerCacheOptions) {
    checkLimits(options.limits ?? {});
    this.#options = options;
  }

  /** The parts of a kind: one, unless the cache is limited to several namespaces. */
  parts<T extends KubeObject>(handle: ResourceHandle<T>): readonly CachePart<T>[] {
    const key = informerKey(handle);
    let parts = this.#parts.get(key) as readonly CachePart<T>[] | undefined; // the key says which T
    if (parts === undefined) {
      parts = partsOf(handle, this.#options.limits ?? {}).map((limits, _, { length }) => this.#part(handle, limits, length === 1));
      this.#parts.set(key, parts as readonly unknown[] as readonly CachePart<KubeObject>[]); // whatever their T: asked for with a handle only
    }
    return parts;
  }

  /** The part that holds a namespace; undefined: none does. Of a kind without namespaces, '' is its only one. */
  part<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string): CachePart<T> | undefined {
    const parts = this.parts(handle);
    return parts.find((part) => part.limits.namespace === namespace) ?? parts.find((part) => part.limits.namespace === '');
  }

  /** The parts with their first lists, started where nobody has. Throws CacheSyncError, or the reason of a signal that aborts. */
  async synced<T extends KubeObject>(parts: readonly CachePart<T>[], limits: SyncLimits = {}): Promise<void> {
    const waiting = parts.filter((part) => !part.informer().hasSynced());
    if (waiting.length === 0) return;
    this.#options.informers.start(); // only of these one waits: another kind that cannot be listed holds nobody up
    for (const part of waiting) await this.#wait(part.key, limits, (signal) => part.informer().whenSynced(signal));
  }

  /** Waits for the first list of everything that was asked for. Throws as `synced`. */
  async allSynced(limits: SyncLimits = {}): Promise<void> {
    for (const [key, informer] of this.#options.informers.informers) {
      await this.#wait(key, limits, (signal) => informer.whenSynced(signal));
    }
  }

  #part<T extends KubeObject>(handle: ResourceHandle<T>, limits: PartLimits<T>, isOnly: boolean): CachePart<T> {
    const { informers } = this.#options;
    // What is not limited is the informer that the factory gives to everybody.
    const isShared = isOnly && limits.namespace === (handle.namespaced ? informers.namespace : '') && isWhole(limits);
    const name = limits.namespace === '' ? 'in all' : `in ${limits.namespace}`;
    const key = isShared ? informerKey(handle) : `${informerKey(handle)} ${name}`;
    return {
      key,
      limits,
      hasInformer: () => informers.informers.has(key),
      informer: () => {
        const isNew = !informers.informers.has(key);
        const informer = isShared
          ? informers.forResource(handle)
          : informers.forPart<T>(handle, {
              name,
              namespace: limits.namespace,
              transform: limits.transform,
              tweakListOptions: (options) => narrowed(limits, options),
            });
        this.#kinds.set(key, handle.kind);
        // What somebody else made may have a handler of errors already.
        if (isNew) informer.setWatchErrorHandler((error) => this.#failures.set(key, error));
        return informer;
      },
    };
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
