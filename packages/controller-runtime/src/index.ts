export { ControllerBuilder, type WatchOf } from './builder.ts';
export { Client, keyText, type ObjectKey } from './client.ts';
export { createOrUpdate, type CreateOrUpdateResult } from './create-or-update.ts';
export { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts';
export { Manager, type ManagerOptions, type Runnable } from './manager.ts';
export { AlreadyOwnedError, setControllerReference } from './ownership.ts';
export { generationChanged, type Predicate, resourceVersionChanged } from './predicate.ts';
export { type Reconciler, type Request, type Result, TerminalError } from './reconcile.ts';
