import type { KubeObject } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Manager } from '../manager/manager.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { enqueueRequestForObject, enqueueRequestForOwner, type EventHandler, type MapFunc, type OwnerOptions } from './event-handler.ts';
import type { Predicate } from './predicate.ts';
import type { Reconciler, Request } from './reconcile.ts';
import { RequestControllerBuilder, type WatchOf } from './request-controller-builder.ts';
import { objectRequests } from './request-type.ts';
import type { Source } from './source.ts';

/**
 * Describes the controller of a kind and adds it to a manager (pkg/builder):
 * `new ControllerBuilder(manager, foos).owns(resources.apps.v1.deployments).complete({ reconcile })`. Of a controller without a kind of
 * its own, see `RequestControllerBuilder`.
 */
export class ControllerBuilder<T extends KubeObject> {
  readonly #handle: ResourceHandle<T>;
  readonly #builder: RequestControllerBuilder<Request>;

  /** Reconciles the objects of `handle`. */
  constructor(manager: Manager, handle: ResourceHandle<T>, options: WatchOf<T> = {}) {
    this.#handle = handle;
    this.#builder = new RequestControllerBuilder(manager, handle.kind.toLowerCase(), objectRequests);
    this.watches(handle, enqueueRequestForObject<T>(), options);
  }

  /** Reconciles the owner of each changed object whose controller is of our kind; with `matchEveryOwner`, whatever owns it. */
  owns<O extends KubeObject>(handle: ResourceHandle<O>, options: WatchOf<O> & OwnerOptions = {}): this {
    return this.watches(handle, enqueueRequestForOwner<O>(this.#handle, options), options);
  }

  /** Reconciles what a handler, or a map function, says for each changed object. */
  watches<O extends KubeObject>(handle: ResourceHandle<O>, handler: EventHandler<O> | MapFunc<O>, options: WatchOf<O> = {}): this {
    this.#builder.watches(handle, handler, options);
    return this;
  }

  /** Reconciles what another source says. */
  watchesSource(source: Source): this {
    this.#builder.watchesSource(source);
    return this;
  }

  /** Of all kinds that are watched, only events that it lets through count. */
  withEventFilter(predicate: Predicate<KubeObject>): this {
    this.#builder.withEventFilter(predicate);
    return this;
  }

  /** Default: the kind in lower case. Names queue, logs and metrics; no two controllers of a manager have the same. */
  named(name: string): this {
    this.#builder.named(name);
    return this;
  }

  /** Adds to the options that were given before. */
  withOptions(options: ControllerOptions): this {
    this.#builder.withOptions(options);
    return this;
  }

  /** Registers the handlers and adds the controller to the manager. Throws Error for a name that is taken. */
  complete(reconciler: Reconciler): Controller {
    return this.#builder.complete(reconciler);
  }
}
