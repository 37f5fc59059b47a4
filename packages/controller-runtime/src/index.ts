export { ControllerBuilder, type WatchOf } from './builder.ts';
export { Client, keyText, type ObjectKey } from './client.ts';
export { createOrUpdate, type CreateOrUpdateResult } from './create-or-update.ts';
export { type CustomObject, defineResource, type DefinedResource, type ResourceDefinition } from './define-resource.ts';
export { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
export { Manager, type ManagerOptions, type Runnable } from './manager.ts';
export { AlreadyOwnedError, setControllerReference } from './ownership.ts';
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
} from './predicate.ts';
export { type Reconciler, type Request, type Result, TerminalError } from './reconcile.ts';
export { type Fields, type ObjectOfFields, type OptionalSchema, s, type Schema, type SchemaOptions, type TypeOf } from './schema.ts';
