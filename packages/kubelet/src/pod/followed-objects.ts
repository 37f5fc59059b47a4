import type { ConfigMap, Secret } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { type Clientset, type ResourceHandle, SharedIndexInformer } from '@coracle/client';
import { firstAborted, type Process, type Task, untilAborted } from '@coracle/kernel';

export interface FollowedObjectsOptions {
  readonly process: Process;
  readonly clientset: Clientset;
  /** An object that these pods (uids) refer to has come, changed or gone. Must be quick. */
  readonly onChange: (pods: readonly string[]) => void;
}

/** What a pod refers to; both kinds may be immutable. */
type Referred = ConfigMap | Secret;

interface Followed {
  readonly informer: SharedIndexInformer<Referred>;
  readonly pods: Set<string>;
  readonly stop: AbortController;
}

/**
 * The ConfigMaps and Secrets that the pods of a node refer to (pkg/kubelet/util/manager/watch_based_manager.go). A node may list
 * and watch them by name only, so each has an informer of its own: from the first pod that refers to it to the last, or until it
 * says that it will never change.
 */
export class FollowedObjects {
  readonly #process: Process;
  readonly #clientset: Clientset;
  readonly #onChange: FollowedObjectsOptions['onChange'];
  readonly #followed = new Map<string, Followed>();
  readonly #tasks = new Set<Task>();

  constructor({ process, clientset, onChange }: FollowedObjectsOptions) {
    this.#process = process;
    this.#clientset = clientset;
    this.#onChange = onChange;
  }

  /** The object as it is known, for the pod `uid`, and whether it is known yet; asking begins to follow it. */
  get<T extends Referred>(
    handle: ResourceHandle<T>,
    { namespace, name, uid }: { readonly namespace: string; readonly name: string; readonly uid: string },
  ): { readonly object: Frozen<T> | undefined; readonly isKnown: boolean } {
    const key = `${handle.resource}/${namespace}/${name}`;
    const followed = this.#followed.get(key) ?? this.#follow(key, handle, { namespace, name });
    followed.pods.add(uid);
    const { informer } = followed;
    const object = informer.indexer.list()[0] as Frozen<T> | undefined; // the key names the resource
    return { object, isKnown: object !== undefined || informer.hasSynced() };
  }

  /** The pod refers to nothing any more. */
  forget(uid: string): void {
    for (const [key, { pods, stop }] of this.#followed) {
      if (!pods.delete(uid) || pods.size > 0) continue;
      this.#followed.delete(key);
      stop.abort(new Error('Nobody refers to the object any more'));
    }
  }

  /** Ends all watches. */
  async shutdown(): Promise<void> {
    for (const { stop } of this.#followed.values()) stop.abort(new Error('The kubelet ends'));
    this.#followed.clear();
    await Promise.all([...this.#tasks].map((task) => task.done));
  }

  #follow<T extends Referred>(
    key: string,
    handle: ResourceHandle<T>,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ): Followed {
    const client = this.#clientset.resource<Referred>(handle, namespace);
    const fieldSelector = `metadata.name=${name}`;
    const informer = new SharedIndexInformer<Referred>({
      process: this.#process,
      name: key,
      listWatch: {
        list: (options) => client.list({ ...options, fieldSelector }),
        watch: (options, io) => client.watch({ ...options, fieldSelector }, io),
      },
    });
    const followed: Followed = { informer, pods: new Set(), stop: new AbortController() };
    this.#followed.set(key, followed);
    const changed = (): void => {
      if (informer.indexer.list()[0]?.immutable === true) followed.stop.abort(new Error('The object is immutable'));
      this.#onChange([...followed.pods]);
    };
    informer.addEventHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    this.#spawn(`follow ${key}`, async (signal) => {
      using either = firstAborted(signal, followed.stop.signal);
      this.#spawn(`first list of ${key}`, async () => {
        await Promise.race([informer.whenSynced(), untilAborted(either.signal)]);
        changed(); // also when there is no such object
      });
      await informer.run(either.signal);
    });
    return followed;
  }

  #spawn(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    const task = this.#process.spawn(name, async (signal) => {
      try {
        await run(signal);
      } finally {
        this.#tasks.delete(task);
      }
    });
    this.#tasks.add(task);
  }
}
