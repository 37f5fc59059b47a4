export { DynamicClient, type DynamicResourceClient } from './dynamic/dynamic-client.ts';
export { Clientset, type GroupClient } from './kubernetes/clientset.ts';
export { collectionPath, type ObjectOf, type ResourceHandle, resourceHandle } from './kubernetes/resource-handle.ts';
export { resources } from './kubernetes/resources.ts';
export type { CallOptions, GetOptions, ListOptions, PatchOptions, PatchType, WatchOptions, WriteOptions } from './rest/options.ts';
export { Request, type RequestSender } from './rest/request.ts';
export { type ObjectInput, type ObjectList, type ResourceClient, resourceClient, type SubresourceClient } from './rest/resource-client.ts';
export { type ClientOptions, RestClient } from './rest/rest-client.ts';
export { type Got, Queue, type WorkQueue } from './util/workqueue/queue.ts';
export {
  BucketRateLimiter,
  defaultControllerRateLimiter,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
  type RateLimiter,
} from './util/workqueue/rate-limiter.ts';
export { RateLimitingQueue } from './util/workqueue/rate-limiting-queue.ts';
export { type Delta, DeltaFifo, type Deltas } from './tools/cache/delta-fifo.ts';
export { type AnyInformer, SharedInformerFactory } from './informers/factory.ts';
export { type Indexer, type Indexers, type IndexFunction, indexByNamespace, namespaceIndex, Store } from './tools/cache/indexer.ts';
export {
  DeletedFinalStateUnknown,
  deletionKey,
  metaNamespaceKey,
  metaOf,
  objectFromDeletion,
  splitMetaNamespaceKey,
} from './tools/cache/keys.ts';
export { type Lister, listerOf, type NamespaceLister } from './tools/cache/lister.ts';
export { type ListWatch, Reflector, type ReflectorOptions, type ReflectorStore } from './tools/cache/reflector.ts';
export {
  type HandlerRegistration,
  type InformerOptions,
  type ResourceEventHandler,
  SharedIndexInformer,
} from './tools/cache/shared-informer.ts';
export { Backoff, type BackoffOptions } from './util/backoff.ts';
export { type ControllerOptions, KeyedController } from './tools/keyed-controller.ts';
export { EventRecorder, type EventRecorderOptions, type EventType } from './tools/record/event-recorder.ts';
export { defaultBackoff, defaultRetry, retryOnConflict, type RetryOptions } from './util/retry.ts';
export { type ClientConfig, type ClosableTransport, httpTransport, type HttpTransportOptions } from './transport/http.ts';
export { type ApiGroup, type ApiResource, type Discovery, DiscoveryClient } from './discovery/discovery-client.ts';
export { NoMatchError, RestMapper } from './discovery/rest-mapper.ts';
export { clientConfigFromKubeconfig, KubeconfigError, type KubeconfigOptions } from './tools/clientcmd/kubeconfig.ts';
