import type { DeleteOptions, Frozen, KubeObject, LabelMatcher } from '@coracle/apimachinery';
import type {
  Clientset,
  ListOptions,
  ObjectInput,
  PatchOptions,
  PatchType,
  ResourceClient,
  ResourceHandle,
  SharedIndexInformer,
  SharedInformerFactory,
  WriteOptions,
} from '@coracle/client';

/** Names one object; `namespace` is '' in the cluster scope. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Text of a key as queues hold it: `namespace/name` or `name`. */
export function keyText({ namespace, name }: ObjectKey): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/**
 * Reads from the manager's cache, writes to the server (sigs.k8s.io/controller-runtime pkg/client). A read of a kind that
 * nobody has read before starts its informer and waits for the first list.
 */
export class Client {
  readonly #clientset: Clientset;
  readonly #informers: SharedInformerFactory;
  readonly #signal: () => AbortSignal;

  constructor(options: { readonly clientset: Clientset; readonly informers: SharedInformerFactory; readonly signal: () => AbortSignal }) {
    this.#clientset = options.clientset;
    this.#informers = options.informers;
    this.#signal = options.signal;
  }

  /** From the cache, which may be behind; undefined when it is not there. */
  async get<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T> | undefined> {
    const informer = await this.#synced(handle);
    return informer.indexer.getByKey(keyText(key));
  }

  /** From the cache. */
  async list<T extends KubeObject>(
    handle: ResourceHandle<T>,
    options: { readonly namespace?: string; readonly selector?: LabelMatcher } = {},
  ): Promise<readonly Frozen<T>[]> {
    const informer = await this.#synced(handle);
    return informer.lister.namespace(options.namespace ?? '').list(options.selector);
  }

  /** Every verb, past the cache. */
  live<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string): ResourceClient<T> {
    return this.#clientset.resource(handle, namespace);
  }

  create<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).create(object, options);
  }

  update<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).update(object, options);
  }

  updateStatus<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>, options?: WriteOptions): Promise<Frozen<T>> {
    return this.#at(handle, object).updateStatus(object, options);
  }

  patch<T extends KubeObject>(
    handle: ResourceHandle<T>,
    key: ObjectKey,
    type: PatchType,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<Frozen<T>> {
    return this.live(handle, key.namespace).patch(key.name, type, patch, options);
  }

  delete<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey, options?: DeleteOptions): Promise<void> {
    return this.live(handle, key.namespace).delete(key.name, options);
  }

  deleteAllOf<T extends KubeObject>(handle: ResourceHandle<T>, namespace: string, options?: ListOptions): Promise<void> {
    return this.live(handle, namespace).deleteCollection(undefined, options);
  }

  #at<T extends KubeObject>(handle: ResourceHandle<T>, object: ObjectInput<T>): ResourceClient<T> {
    const { metadata } = object as KubeObject; // each form of it is one
    return this.#clientset.resource(handle, metadata.namespace ?? '');
  }

  async #synced<T extends KubeObject>(handle: ResourceHandle<T>): Promise<SharedIndexInformer<T>> {
    const informer = this.#informers.forResource(handle);
    if (!informer.hasSynced()) {
      this.#informers.start();
      await informer.whenSynced(this.#signal()); // of this kind only: another that cannot be listed holds nobody up
    }
    return informer;
  }
}
