export { DynamicClient, type DynamicResourceClient } from './dynamic/dynamic-client.ts';
export { Clientset, type GroupClient } from './kubernetes/clientset.ts';
export { collectionPath, type ObjectOf, type ResourceHandle, resourceHandle } from './kubernetes/resource-handle.ts';
export { resources } from './kubernetes/resources.ts';
export type {
  ApplyOptions,
  CallOptions,
  GetOptions,
  ListOptions,
  PatchOptions,
  PatchType,
  WatchOptions,
  WriteOptions,
} from './rest/options.ts';
export { type RequestRateLimiter, TokenBucketRateLimiter } from './rest/flow-control.ts';
export type { Deletion } from './rest/deletion.ts';
export { type Answer, type ExpectedObjects, Request, type RequestPlan, type RequestSender } from './rest/request.ts';
export { noWarnings, type Warning, type WarningHandler, warningWriter } from './rest/warnings.ts';
export { type ObjectInput, type ObjectList, type ResourceClient, resourceClient, type SubresourceClient } from './rest/resource-client.ts';
export { type ClientOptions, RestClient } from './rest/rest-client.ts';
export { type Got, Queue, type QueueOptions, type QueueOrder, type WorkQueue } from './util/workqueue/queue.ts';
export { DelayingQueue } from './util/workqueue/delaying-queue.ts';
export {
  type AddOptions,
  type GotWithPriority,
  lowPriority,
  PriorityQueue,
  type PriorityQueueOptions,
} from './util/workqueue/priority-queue.ts';
export { parallelizeUntil } from './util/workqueue/parallelize.ts';
export {
  BucketRateLimiter,
  defaultControllerRateLimiter,
  defaultItemBasedRateLimiter,
  ItemExponentialFailureRateLimiter,
  ItemFastSlowRateLimiter,
  MaxOfRateLimiter,
  type RateLimiter,
  WithMaxWaitRateLimiter,
} from './util/workqueue/rate-limiter.ts';
export { RateLimitingQueue, type RateLimitingQueueOptions } from './util/workqueue/rate-limiting-queue.ts';
export { dynamicInformerFactory, type ListWatchOf, metadataInformerFactory, ResourceInformerFactory } from './informers/dynamic-factory.ts';
export { type InformerFactoryOptions, informerKey, type InformerPart, SharedInformerFactory } from './informers/factory.ts';
export type { AnyInformer, SyncResult } from './informers/informer-set.ts';
export { CacheController, type CacheInformerOptions, type ControllerConfig, newInformer } from './tools/cache/controller.ts';
export { DeltaFifo, type DeltaFifoOptions } from './tools/cache/delta-fifo.ts';
export type { Delta, Deltas, KnownObjects, ObjectDelta, Transform } from './tools/cache/deltas.ts';
export { filteringHandler, type ResourceEventHandler } from './tools/cache/event-handlers.ts';
export { ExpirationCache, type ExpirationPolicy, ttlPolicy } from './tools/cache/expiration-cache.ts';
export { type Indexer, indexByNamespace, namespaceIndex, Store, type StoreOptions } from './tools/cache/indexer.ts';
export { InformerMetrics, InformerName } from './tools/cache/informer-metrics.ts';
export { KeyedFifo } from './tools/cache/keyed-fifo.ts';
export { KeyedHeap } from './tools/cache/keyed-heap.ts';
export {
  DeletedFinalStateUnknown,
  deletionKey,
  deletionName,
  metaNamespaceKey,
  metaOf,
  type ObjectName,
  objectFromDeletion,
  objectNameKey,
  splitMetaNamespaceKey,
} from './tools/cache/keys.ts';
export { Lazy } from './tools/cache/lazy.ts';
export { type Lister, listerOf, type NamespaceLister } from './tools/cache/lister.ts';
export {
  doesNotSupportWatchList,
  type ListResult,
  type ListWatch,
  tweakedListWatch,
  type Watcher,
  watchListOptions,
} from './tools/cache/list-watch.ts';
export { MutationCache, type MutationCacheOptions } from './tools/cache/mutation-cache.ts';
export type { HandlerRegistration } from './tools/cache/processor-listener.ts';
export { type BatchConsumer, RealFifo, type RealFifoOptions } from './tools/cache/real-fifo.ts';
export { Reflector, type ReflectorOptions } from './tools/cache/reflector.ts';
export { VeryShortWatchError } from './tools/cache/reflector-errors.ts';
export type { ReflectorStore } from './tools/cache/reflector-store.ts';
export { type InformerOptions, SharedIndexInformer } from './tools/cache/shared-informer.ts';
export { withoutManagedFields } from './tools/cache/strip.ts';
export { AsyncTracker, SingleFileTracker } from './tools/cache/synctrack.ts';
export { type IndexFunction, type Indexers, ThreadSafeStore } from './tools/cache/thread-safe-store.ts';
export { UndeltaStore } from './tools/cache/undelta-store.ts';
export { ListPager, type ListPagerOptions, type PagedList } from './tools/pager/list-pager.ts';
export { Backoff, type BackoffOptions } from './util/backoff.ts';
export { ElectionHealth } from './tools/leaderelection/election-health.ts';
export { type LeaderElectionConfig, LeaderElector } from './tools/leaderelection/leader-elector.ts';
export {
  LeaseCandidate,
  type LeaseCandidateObject,
  type LeaseCandidateOptions,
  leaseCandidates,
} from './tools/leaderelection/lease-candidate.ts';
export { LeaseLock, type LeaseLockOptions } from './tools/leaderelection/lease-lock.ts';
export {
  type LeaderElectionRecord,
  leaseSpecFromRecord,
  recordFromLeaseSpec,
  type ResourceLock,
} from './tools/leaderelection/resource-lock.ts';
export { type CoreEvent, type EventSubject, type EventType, type ObjectReference, referenceTo } from './tools/record/event.ts';
export {
  clientEventSink,
  EventBroadcaster,
  type EventBroadcasterOptions,
  type EventSink,
  type EventSource,
  type Recorder,
} from './tools/record/event-broadcaster.ts';
export { type Correlated, type CorrelatorOptions, EventCorrelator } from './tools/record/event-correlator.ts';
export {
  clientSeriesSink,
  eventFieldSelector,
  type SeriesEvent,
  type SeriesEventSink,
  SeriesRecorder,
  type SeriesRecorderOptions,
  type SeriesReport,
} from './tools/record/event-series.ts';
export { EventRecorder, type EventRecorderOptions } from './tools/record/event-recorder.ts';
export { type InformerWatcher, informerWatcher } from './tools/watch/informer-watcher.ts';
export { retryWatcher, type RetryWatcherOptions } from './tools/watch/retry-watcher.ts';
export { until, untilWithoutRetry, untilWithSync, type WatchCondition, WatchClosedError } from './tools/watch/until.ts';
export { KeyedBackoff, type KeyedBackoffOptions } from './util/keyed-backoff.ts';
export { LruCache } from './util/lru-cache.ts';
export { defaultBackoff, defaultRetry, retryOnConflict, retryOnError, type RetryOptions } from './util/retry.ts';
export {
  type CopiedEntry,
  type CopyOptions,
  copyFromPod,
  copyToPod,
  localEntries,
  localWriter,
  type SourceEntry,
} from './tools/cp/copy.ts';
export { TarError } from './tools/cp/tar.ts';
export { type ControllerOptions, KeyedController } from './tools/keyed-controller.ts';
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
export type { ClosableTransport } from './transport/http.ts';
export { debuggingRoundTripper, type RequestDetail } from './transport/debugging-round-tripper.ts';
export { httpTransport, type HttpTransportOptions } from './transport/http-transport.ts';
export type { RoundTripper, WireRequest } from './transport/wire-request.ts';
export { authProxyRoundTripper, maskedHeader, type ResettableTokenSource, tokenSourceRoundTripper } from './transport/round-trippers.ts';
export { livePluginHost, type PluginHost, type PluginPolicy, validatePluginPolicy } from './plugin/credentials/exec.ts';
export { type ExecCluster, loadExecCredential } from './plugin/credentials/exec-credential.ts';
export { DiskCachedDiscovery, type DiskCacheOptions, MemoryCachedDiscovery } from './discovery/cached-discovery.ts';
export {
  type ApiGroup,
  type ApiResource,
  type Discovery,
  DiscoveryClient,
  preferredResources,
  requireVersion,
  StaleGroupVersionError,
} from './discovery/discovery-client.ts';
export { GroupVersionNotFoundError, OpenApiClient } from './discovery/openapi-client.ts';
export { AmbiguousResourceError, type DiscoverySource, NoMatchError, RestMapper, type RestMapperOptions } from './discovery/rest-mapper.ts';
export { type ApplyConfiguration, type DeepPartial, extractApplyConfiguration } from './applyconfigurations/apply-configuration.ts';
export { MetadataClient, type MetadataResourceClient } from './metadata/metadata-client.ts';
export { metadataProjection, onlyMetadata, wholeObjects } from './metadata/only-metadata.ts';
export type { PartialObjectMetadata } from './metadata/partial-metadata.ts';
export { ScaleClient, type ScaledResource } from './scale/scale-client.ts';
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
export { ExitCodeError } from './tools/remotecommand/command-result.ts';
export { attach, exec, type RemoteCommandTarget } from './tools/remotecommand/remote-command.ts';
export type { Streams, TerminalSize } from './tools/remotecommand/streams.ts';
export { portForward, type PortForwardTarget } from './tools/portforward/port-forward.ts';
export { PortForwardError } from './tools/portforward/port-forward-error.ts';
export { WebSocketClosedError } from './transport/websocket.ts';
