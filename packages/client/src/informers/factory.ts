import type { KubeObject } from '@coracle/apimachinery';
import type { Process, Task } from '@coracle/kernel';
import type { Clientset } from '../kubernetes/clientset.ts';
import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import { indexByNamespace, namespaceIndex } from '../tools/cache/indexer.ts';
import { SharedIndexInformer } from '../tools/cache/shared-informer.ts';

/** What the factory knows of an informer, whatever its type. */
export interface AnyInformer {
  readonly name: string;
  hasSynced(): boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** One informer for each resource, shared by all who ask (client-go informers.SharedInformerFactory). */
export class SharedInformerFactory {
  /** By resource: `pods.v1.`, `deployments.v1.apps`. */
  readonly informers: Map<string, AnyInformer> = new Map();
  /** By the same key: true for those that were started. */
  readonly startedInformers: Map<string, boolean> = new Map();
  readonly #clientset: Clientset;
  readonly #process: Process;
  readonly #resyncPeriodMs: number;
  readonly #namespace: string;
  readonly #tasks: Task[] = [];
  readonly #shutdown = new AbortController();

  /** `namespace` limits every informer to one namespace. */
  constructor(clientset: Clientset, options: { readonly resyncPeriodMs?: number; readonly namespace?: string } = {}) {
    this.#clientset = clientset;
    this.#process = clientset.process;
    this.#resyncPeriodMs = options.resyncPeriodMs ?? 0;
    this.#namespace = options.namespace ?? '';
  }

  /** The informer of a resource; it works once `start` is called after this. */
  forResource<T extends KubeObject>(handle: ResourceHandle<T>): SharedIndexInformer<T> {
    const key = `${handle.resource}.${handle.version}.${handle.group}`;
    const known = this.informers.get(key);
    if (known !== undefined) return known as SharedIndexInformer<T>; // the key says which T
    const informer = new SharedIndexInformer<T>({
      process: this.#process,
      name: handle.group === '' ? handle.resource : `${handle.resource}.${handle.group}`,
      listWatch: this.#clientset.resource(handle, handle.namespaced ? this.#namespace : ''),
      indexers: { [namespaceIndex]: indexByNamespace },
      resyncPeriodMs: this.#resyncPeriodMs,
    });
    this.informers.set(key, informer);
    return informer;
  }

  /** Starts what was asked for and does not run yet; may be called again. They end with `signal`, `shutdown` or the process. */
  start(signal?: AbortSignal): void {
    if (this.#shutdown.signal.aborted) return;
    for (const [key, informer] of this.informers) {
      if (this.startedInformers.get(key) === true) continue;
      this.startedInformers.set(key, true);
      const task = this.#process.spawn(`informer ${informer.name}`, (ofProcess) => {
        const signals = [ofProcess, this.#shutdown.signal, ...(signal === undefined ? [] : [signal])];
        return informer.run(AbortSignal.any(signals));
      });
      this.#tasks.push(task);
    }
  }

  /**
   * Resolves when every started informer has its first list. Rejects with the signal's reason when it aborts before, and when an
   * informer ends before.
   */
  async waitForCacheSync(signal: AbortSignal = this.#process.signal): Promise<void> {
    for (const [key, informer] of this.informers) {
      if (this.startedInformers.get(key) === true) await informer.whenSynced(signal);
      else this.#process.log.warn('Informer was asked for but not started, not waiting for it', { informer: informer.name });
    }
  }

  /** Ends all informers and waits for them. */
  async shutdown(): Promise<void> {
    this.#shutdown.abort(new Error('The informers were shut down'));
    await Promise.all(this.#tasks.map((task) => task.done));
  }
}
