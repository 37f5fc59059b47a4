import type { GroupVersionResource, KubeObject, Unstructured } from '@coracle/apimachinery';
import type { Process } from '@coracle/kernel';
import type { DynamicClient } from '../dynamic/dynamic-client.ts';
import type { MetadataClient } from '../metadata/metadata-client.ts';
import type { PartialObjectMetadata } from '../metadata/partial-metadata.ts';
import type { ListWatch } from '../tools/cache/list-watch.ts';
import type { SharedIndexInformer } from '../tools/cache/shared-informer.ts';
import { factoryInformer, type InformerFactoryOptions, informerKey } from './factory.ts';
import { type AnyInformer, InformerSet, type SyncResult } from './informer-set.ts';

/** Reads one resource, in one namespace or, with '', in all. */
export type ListWatchOf<T> = (gvr: GroupVersionResource, namespace: string) => ListWatch<T>;

/**
 * Informers of resources that are named at run time (client-go dynamic/dynamicinformer, metadata/metadatainformer). Objects carry their
 * own kind; the lister of `forResource(gvr).lister` reads them.
 */
export class ResourceInformerFactory<T extends KubeObject> implements AsyncDisposable {
  readonly #process: Process;
  readonly #listWatchOf: ListWatchOf<T>;
  readonly #options: InformerFactoryOptions;
  readonly #set: InformerSet;

  /** `listWatchOf` decides what the objects are: whole ones, or their metadata only. */
  constructor(process: Process, listWatchOf: ListWatchOf<T>, options: InformerFactoryOptions = {}) {
    this.#process = process;
    this.#listWatchOf = listWatchOf;
    this.#options = options;
    this.#set = new InformerSet(process);
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
  forResource(gvr: GroupVersionResource): SharedIndexInformer<T> {
    const key = informerKey(gvr);
    const known = this.#set.informers.get(key);
    if (known !== undefined) return known as SharedIndexInformer<T>; // all of a factory are of one type
    const listWatch = this.#listWatchOf(gvr, this.#options.namespace ?? '');
    const informer = factoryInformer<T>(this.#process, { ...gvr, kind: '' }, listWatch, this.#options);
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

/** Informers of whole objects over a dynamic client. */
export function dynamicInformerFactory(
  process: Process,
  client: DynamicClient,
  options: InformerFactoryOptions = {},
): ResourceInformerFactory<Unstructured> {
  return new ResourceInformerFactory<Unstructured>(
    process,
    (gvr, namespace) => (namespace === '' ? client.resource(gvr) : client.resource(gvr).namespace(namespace)),
    options,
  );
}

/** Informers that hold no more than metadata, over a metadata client (client-go metadata/metadatainformer). */
export function metadataInformerFactory(
  process: Process,
  client: MetadataClient,
  options: InformerFactoryOptions = {},
): ResourceInformerFactory<PartialObjectMetadata> {
  return new ResourceInformerFactory<PartialObjectMetadata>(process, (gvr, namespace) => client.resource(gvr, namespace), options);
}
