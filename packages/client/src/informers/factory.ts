import { groupVersion, type KubeObject } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { Clientset } from '../kubernetes/clientset.ts';
import type { ResourceHandle } from '../kubernetes/resource-handle.ts';
import type { WatchOptions } from '../rest/options.ts';
import type { Transform } from '../tools/cache/deltas.ts';
import { indexByNamespace, namespaceIndex } from '../tools/cache/indexer.ts';
import type { InformerName } from '../tools/cache/informer-metrics.ts';
import { type ListWatch, tweakedListWatch } from '../tools/cache/list-watch.ts';
import { SharedIndexInformer } from '../tools/cache/shared-informer.ts';
import { type AnyInformer, InformerSet, type SyncResult } from './informer-set.ts';

/** What all informers of a factory have in common (client-go informers.SharedInformerOption). */
export interface InformerFactoryOptions {
  /** Of informers that `resyncPeriodsMs` does not name. 0: never, the default. */
  readonly resyncPeriodMs?: number;
  /** By key of the factory's informers. */
  readonly resyncPeriodsMs?: ReadonlyMap<string, number>;
  /** Limits every informer to one namespace. */
  readonly namespace?: string;
  /** Changes the options of every list and watch: a selector, for example. */
  readonly tweakListOptions?: (options: WatchOptions) => WatchOptions;
  /** See `SharedIndexInformer.setTransform`. It has to keep the type. */
  readonly transform?: Transform<unknown>;
  /** Under which name each informer tells of its load; of several parts of a resource the first one does. Default: none does. */
  readonly informerName?: InformerName | undefined;
}

/** Identifies an informer of a factory: `pods.v1.`, `deployments.v1.apps`; of metadata only, `pods.v1./metadata`. */
export function informerKey({
  resource,
  version,
  group,
  onlyMetadata,
}: Pick<ResourceHandle, 'resource' | 'version' | 'group' | 'onlyMetadata'>): string {
  return `${resource}.${version}.${group}${onlyMetadata === true ? '/metadata' : ''}`;
}

/** What one informer holds of a resource, where a factory has several of it. */
export interface InformerPart<T> {
  /** Distinguishes it from the others: the end of its key. */
  readonly name: string;
  /** '' is all. */
  readonly namespace: string;
  /** As of the factory's options, after those. */
  readonly tweakListOptions?: (options: WatchOptions) => WatchOptions;
  /** Instead of the factory's. */
  readonly transform?: Transform<T> | undefined;
}

/** The informer that a factory makes: what its kinds have in common. */
export function factoryInformer<T extends KubeObject>(
  process: Process,
  handle: Pick<ResourceHandle, 'group' | 'version' | 'resource' | 'kind'>,
  listWatch: ListWatch<T>,
  options: InformerFactoryOptions,
): SharedIndexInformer<T> {
  const { group, resource, kind } = handle;
  return new SharedIndexInformer<T>({
    process,
    name: group === '' ? resource : `${resource}.${group}`,
    listWatch: options.tweakListOptions === undefined ? listWatch : tweakedListWatch(listWatch, options.tweakListOptions),
    indexers: { [namespaceIndex]: indexByNamespace },
    resyncPeriodMs: options.resyncPeriodsMs?.get(informerKey(handle)) ?? options.resyncPeriodMs ?? 0,
    resource: { group, resource },
    transform: options.transform as Transform<T> | undefined, // it keeps the type
    expected: kind === '' ? undefined : { apiVersion: groupVersion(handle), kind },
    metrics: options.informerName?.metricsOf(handle),
  });
}

/** One informer for each resource, shared by all who ask (client-go informers.SharedInformerFactory). */
export class SharedInformerFactory implements AsyncDisposable {
  readonly #clientset: Clientset;
  readonly #options: InformerFactoryOptions;
  readonly #set: InformerSet;

  constructor(clientset: Clientset, options: InformerFactoryOptions = {}) {
    this.#clientset = clientset;
    this.#options = options;
    this.#set = new InformerSet(clientset.process);
  }

  /** To which its informers are limited; '' is all. */
  get namespace(): string {
    return this.#options.namespace ?? '';
  }

  /** By resource: `pods.v1.`, `deployments.v1.apps`. */
  get informers(): ReadonlyMap<string, AnyInformer> {
    return this.#set.informers;
  }

  /** By the same key: true for those that were started. */
  get startedInformers(): ReadonlyMap<string, boolean> {
    return this.#set.startedInformers;
  }

  /** The informer of a resource; it works once `start` is called after this. */
  forResource<T extends KubeObject>(handle: ResourceHandle<T>): SharedIndexInformer<T> {
    const namespace = handle.namespaced ? this.namespace : '';
    return this.informerFor(informerKey(handle), () =>
      factoryInformer<T>(this.#clientset.process, handle, this.#clientset.resource(handle, namespace), this.#options),
    );
  }

  /** The informer of a part of a resource, beside that of `forResource`. Throws RangeError for a part without a name. */
  forPart<T extends KubeObject>(handle: ResourceHandle<T>, part: InformerPart<T>): SharedIndexInformer<T> {
    const { name, namespace, tweakListOptions: tweak, transform } = part;
    if (name === '') throw new RangeError(`Cannot make an informer of a part of ${handle.resource}: it has no name`);
    return this.informerFor(`${informerKey(handle)} ${name}`, () => {
      const whole = this.#clientset.resource(handle, namespace);
      const listWatch = tweak === undefined ? whole : tweakedListWatch<T>(whole, tweak);
      const options = transform === undefined ? this.#options : { ...this.#options, transform: transform as Transform<unknown> }; // it keeps the type
      return factoryInformer<T>(this.#clientset.process, handle, listWatch, options);
    });
  }

  /** The informer that is kept under `key`; makes it when there is none (client-go InternalInterface InformerFor). */
  informerFor<T extends KubeObject>(key: string, make: () => SharedIndexInformer<T>): SharedIndexInformer<T> {
    const known = this.#set.informers.get(key);
    if (known !== undefined) return known as SharedIndexInformer<T>; // the key says which T
    const informer = make();
    this.#set.informers.set(key, informer);
    return informer;
  }

  /** See `InformerSet.start`. */
  start(signal?: AbortSignal): void {
    this.#set.start(signal);
  }

  /** See `InformerSet.waitForCacheSync`. */
  waitForCacheSync(signal?: AbortSignal): Promise<void> {
    return this.#set.waitForCacheSync(signal);
  }

  /** See `InformerSet.cacheSyncResult`. */
  cacheSyncResult(signal?: AbortSignal): Promise<SyncResult> {
    return this.#set.cacheSyncResult(signal);
  }

  /** Ends all informers and waits for them. Nothing starts after this. */
  shutdown(): Promise<void> {
    return this.#set.shutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
