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
export {
  anonymousConfig,
  type AuthProviderConfig,
  type ClientConfig,
  describeConfig,
  type ExecConfig,
  type ImpersonationConfig,
  inClusterConfig,
  type InteractiveMode,
  kubernetesUserAgent,
  NotInClusterError,
} from './rest/config.ts';
export { type Host, liveHost } from './rest/host.ts';
export { type ClosableTransport, httpTransport, type HttpTransportOptions } from './transport/http.ts';
export { type ApiGroup, type ApiResource, type Discovery, DiscoveryClient } from './discovery/discovery-client.ts';
export { NoMatchError, RestMapper } from './discovery/rest-mapper.ts';
export { type ChosenNamespace, type ConfigOverrides, DirectClientConfig, parseTimeout } from './tools/clientcmd/client-config.ts';
export { type DeferredConfigOptions, DeferredLoadingClientConfig, InClusterClientConfig } from './tools/clientcmd/deferred-config.ts';
export { clientConfigFromKubeconfig, type KubeconfigOptions } from './tools/clientcmd/from-kubeconfig.ts';
export {
  type AuthInfo,
  type Cluster,
  type Context,
  emptyAuthInfo,
  emptyCluster,
  emptyContext,
  emptyKubeconfig,
  type Kubeconfig,
  KubeconfigError,
  parseKubeconfig,
  readKubeconfig,
  writeKubeconfig,
} from './tools/clientcmd/kubeconfig.ts';
export { LoadingRules, type LoadingRulesOptions } from './tools/clientcmd/loading-rules.ts';
export { modifyKubeconfig, writeKubeconfigFile } from './tools/clientcmd/modify.ts';
export {
  ConfigurationInvalidError,
  confirmUsable,
  ContextNotFoundError,
  EmptyConfigError,
  isConfigurationInvalid,
  isContextNotFound,
  isEmptyConfig,
  validateKubeconfig,
} from './tools/clientcmd/validation.ts';
export { flattened, minified, redacted, shortened } from './tools/clientcmd/views.ts';
