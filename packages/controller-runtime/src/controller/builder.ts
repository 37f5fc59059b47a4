import type { KubeObject } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Manager } from '../manager/manager.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import {
  enqueueRequestForObject,
  enqueueRequestForOwner,
  enqueueRequestsFromMapFunc,
  type EventHandler,
  type MapFunc,
  type OwnerOptions,
} from './event-handler.ts';
import type { Predicate } from './predicate.ts';
import type { Reconciler } from './reconcile.ts';
import { kindSource, type Source } from './source.ts';

/** Which events of a kind count (builder.ForOption, OwnsOption, WatchesOption). */
export interface WatchOf<T> {
  /** An event counts when all of them let it through. */
  readonly predicates?: readonly Predicate<T>[];
}

/**
 * Describes a controller and adds it to a manager (pkg/builder):
 * `new ControllerBuilder(manager, foos).owns(resources.apps.v1.deployments).complete({ reconcile })`.
 */
export class ControllerBuilder<T extends KubeObject> {
  readonly #manager: Manager;
  readonly #handle: ResourceHandle<T>;
  readonly #sources: (() => Source)[] = [];
  readonly #filters: Predicate<KubeObject>[] = [];
  #name: string;
  #options: ControllerOptions = {};

  /** Reconciles the objects of `handle`. */
  constructor(manager: Manager, handle: ResourceHandle<T>, options: WatchOf<T> = {}) {
    this.#manager = manager;
    this.#handle = handle;
    this.#name = handle.kind.toLowerCase();
    this.watches(handle, enqueueRequestForObject<T>(), options);
  }

  /** Reconciles the owner of each changed object whose controller is of our kind; with `matchEveryOwner`, whatever owns it. */
  owns<O extends KubeObject>(handle: ResourceHandle<O>, options: WatchOf<O> & OwnerOptions = {}): this {
    return this.watches(handle, enqueueRequestForOwner<O>(this.#handle, options), options);
  }

  /** Reconciles what a handler, or a map function, says for each changed object. */
  watches<O extends KubeObject>(handle: ResourceHandle<O>, handler: EventHandler<O> | MapFunc<O>, options: WatchOf<O> = {}): this {
    const of = typeof handler === 'function' ? enqueueRequestsFromMapFunc<O>(handler) : handler;
    // Predicates of any object are predicates of this kind of them.
    const filters = this.#filters as readonly unknown[] as readonly Predicate<O>[];
    this.#sources.push(() => kindSource(this.#manager.cache, handle, of, ...(options.predicates ?? []), ...filters));
    return this;
  }

  /** Reconciles what another source says. */
  watchesSource(source: Source): this {
    this.#sources.push(() => source);
    return this;
  }

  /** Of all kinds that are watched, only events that it lets through count. */
  withEventFilter(predicate: Predicate<KubeObject>): this {
    this.#filters.push(predicate);
    return this;
  }

  /** Default: the kind in lower case. Names queue, logs and metrics; no two controllers of a manager have the same. */
  named(name: string): this {
    this.#name = name;
    return this;
  }

  /** Adds to the options that were given before. */
  withOptions(options: ControllerOptions): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }

  /** Registers the handlers and adds the controller to the manager. Throws Error for a name that is taken. */
  complete(reconciler: Reconciler): Controller {
    this.#manager.claimControllerName(this.#name);
    const controller = new Controller({
      ...this.#options,
      process: this.#manager.process,
      name: this.#name,
      sources: this.#sources.map((source) => source()),
      reconciler,
    });
    this.#manager.add(controller);
    return controller;
  }
}
