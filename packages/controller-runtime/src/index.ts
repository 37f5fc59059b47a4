export { ControllerBuilder, type WatchOf } from './controller/builder.ts';
export { type CachedClientOptions, Client } from './client/client.ts';
export { CacheSyncError, InformerCache, type InformerCacheOptions } from './client/informer-cache.ts';
export { DirectReader, keyText, type ObjectKey, type Reader, type ReadOptions } from './client/reader.ts';
export { createOrUpdate, type CreateOrUpdateResult } from './client/create-or-update.ts';
export { type CustomObject, defineResource, type DefinedResource, type ResourceDefinition } from './resource/define-resource.ts';
export { hasFinalizer, withFinalizer, withoutFinalizer } from './client/finalizers.ts';
export { Manager, type ManagerOptions, type Runnable } from './manager/manager.ts';
export { AlreadyOwnedError, setControllerReference } from './client/ownership.ts';
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
export { type Reconciler, type Request, type Result, TerminalError } from './controller/reconcile.ts';
export {
  type Fields,
  type ObjectOfFields,
  type OptionalSchema,
  s,
  type Schema,
  type SchemaOptions,
  type TypeOf,
} from './resource/schema.ts';
