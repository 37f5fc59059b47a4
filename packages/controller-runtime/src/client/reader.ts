import { type Frozen, isNotFound, type KubeObject, type LabelMatcher } from '@coracle/apimachinery';
import type { Clientset, ResourceHandle } from '@coracle/client';

/** Names one object; `namespace` is '' in the cluster scope. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Text of a key as queues hold it: `namespace/name` or `name`. */
export function keyText({ namespace, name }: ObjectKey): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** Which objects to list. Each part that is given narrows the list. */
export interface ReadOptions {
  /** Default: all that the reader sees. */
  readonly namespace?: string;
  readonly selector?: LabelMatcher;
  /** Exact values of fields, by path: `{ 'spec.nodeName': 'a' }`. A cache has to have an index of each. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** Reads objects (pkg/client Reader). Throws StatusError for a refusal by the server and TransportError when no answer came. */
export interface Reader {
  /** Undefined when it is not there. */
  get<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T> | undefined>;
  /** As `get`; throws the server's NotFound (`isNotFound`) for what is not there. */
  require<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T>>;
  /** In no particular order. */
  list<T extends KubeObject>(handle: ResourceHandle<T>, options?: ReadOptions): Promise<readonly Frozen<T>[]>;
}

/** Reads from the server each time (pkg/manager GetAPIReader): of what is not worth a cache, and what has to be up to date. */
export class DirectReader implements Reader {
  readonly #clientset: Clientset;

  constructor(clientset: Clientset) {
    this.#clientset = clientset;
  }

  async get<T extends KubeObject>(handle: ResourceHandle<T>, key: ObjectKey): Promise<Frozen<T> | undefined> {
    try {
      return await this.require(handle, key);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  require<T extends KubeObject>(handle: ResourceHandle<T>, { namespace, name }: ObjectKey): Promise<Frozen<T>> {
    return this.#clientset.resource(handle, namespace).get(name);
  }

  /** Fields are those that the server can select by. */
  async list<T extends KubeObject>(handle: ResourceHandle<T>, options: ReadOptions = {}): Promise<readonly Frozen<T>[]> {
    const { namespace = '', selector, fields = {} } = options;
    const fieldSelector = Object.entries(fields).map(([path, value]) => `${path}=${value.replace(/[\\,=]/g, '\\$&')}`);
    const { items } = await this.#clientset.resource(handle, namespace).list({
      ...(selector?.everything === false && { labelSelector: selector.toString() }),
      ...(fieldSelector.length > 0 && { fieldSelector: fieldSelector.join(',') }),
    });
    return items;
  }
}
