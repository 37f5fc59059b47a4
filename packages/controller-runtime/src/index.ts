export { awaitCondition } from './client/await-condition.ts';
export { type CachedClientOptions, Client } from './client/client.ts';
export {
  type Condition,
  isCrdEstablished,
  isCreated,
  isDeleted,
  isDeploymentCompleted,
  isIngressProvisioned,
  isJobCompleted,
  isPodRunning,
  isServiceLoadBalancerProvisioned,
} from './client/conditions.ts';
export {
  createOrPatch,
  type CreateOrPatchResult,
  createOrUpdate,
  type CreateOrUpdateResult,
  type Mutate,
} from './client/create-or-update.ts';
export { type FinalizerActions, hasFinalizer, reconcileFinalizer, withFinalizer, withoutFinalizer } from './client/finalizers.ts';
export { type CleanedUp, type CleanUp, type Finalized, Finalizers } from './client/finalizer-registry.ts';
export {
  cacheOf,
  type CacheConfig,
  type CachedNamespaces,
  type CacheLimits,
  type KindConfig,
  type KindLimits,
} from './client/cache-limits.ts';
export { type CachePart, CacheSyncError, InformerCache, type InformerCacheOptions, type SyncLimits } from './client/informer-cache.ts';
export {
  AlreadyOwnedError,
  hasControllerReference,
  hasOwnerReference,
  type Owner,
  type OwnershipOptions,
  setControllerReference,
  setOwnerReference,
  withoutControllerReference,
  withoutOwnerReference,
} from './client/ownership.ts';
export { DirectReader, keyText, type ObjectKey, type Reader, type ReadOptions } from './client/reader.ts';
export { ControllerBuilder } from './controller/builder.ts';
export { RequestControllerBuilder, type WatchOf } from './controller/request-controller-builder.ts';
export { objectRequests, type RequestType } from './controller/request-type.ts';
export { Controller, type ControllerConfig, type ControllerOptions } from './controller/controller.ts';
export {
  enqueueRequestForObject,
  enqueueRequestForOwner,
  enqueueRequestsFromMapFunc,
  type EventHandler,
  type MapFunc,
  type OwnerOptions,
  type RequestQueue,
} from './controller/event-handler.ts';
export {
  and,
  annotationsChanged,
  generationChanged,
  labelsChanged,
  labelsMatch,
  not,
  or,
  type Predicate,
  resourceVersionChanged,
  where,
} from './controller/predicate.ts';
export {
  defaultErrorPolicy,
  type ErrorDecision,
  type ErrorPolicy,
  isPanic,
  type ReconcileContext,
  type Reconciler,
  type Request,
  type Result,
  type Retry,
  TerminalError,
} from './controller/reconcile.ts';
export { ChannelSource, kindSource, type Source } from './controller/source.ts';
export { type HealthCheck, HealthEndpoint } from './manager/health.ts';
export { withAuthenticationAndAuthorization } from './metrics/authentication-filter.ts';
export type { MetricsFilter, MetricsOptions } from './metrics/metrics-endpoint.ts';
export {
  type BoundAddress,
  type CertificateSource,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
  HttpServer,
  type HttpServerOptions,
  type ListenAddress,
} from './transport/http-server.ts';
export { ServingCertificate, type ServingCertificateOptions } from './transport/serving-certificate.ts';
export type { TlsSettings } from './transport/tls-listener.ts';
export { type LeaderElectionOptions, Manager, type ManagerOptions } from './manager/manager.ts';
export type { Phase, Runnable } from './manager/runnables.ts';
export { type CustomObject, defineResource, type DefinedResource, type ResourceDefinition } from './resource/define-resource.ts';
export {
  type Fields,
  type ObjectOfFields,
  type OptionalSchema,
  s,
  type Schema,
  type SchemaOptions,
  type TypeOf,
} from './resource/schema.ts';
export type { CertificateFiles } from './disk/certificate-files.ts';
export {
  type AdmissionAnswer,
  type AdmissionContext,
  type AdmissionHandler,
  type AdmissionRequest,
  allowed,
  denied,
  errored,
  mutating,
  patched,
  validating,
  type Validator,
} from './webhook/admission.ts';
export { AdmissionWebhook } from './webhook/admission-webhook.ts';
export { type CertificatePair, CertificateWatcher, type CertificateWatcherOptions } from './webhook/certificate-watcher.ts';
export { ConversionWebhook, type KindConversion, type Spoke } from './webhook/conversion-webhook.ts';
export { jsonPatchBetween, type JsonPatchOperation } from './webhook/json-patch-between.ts';
export type { Webhook, WebhookRequest } from './webhook/review.ts';
export { WebhookServer, type WebhookServerOptions } from './webhook/webhook-server.ts';
