import type { KubeObject } from '@coracle/apimachinery';
import type { ResourceHandle } from '@coracle/client';
import type { Manager } from '../manager/manager.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { enqueueRequestsFromMapFunc, type EventHandler, type MapFunc } from './event-handler.ts';
import type { Predicate } from './predicate.ts';
import type { Reconciler } from './reconcile.ts';
import type { RequestType } from './request-type.ts';
import { kindSource, type Source } from './source.ts';

/** Which events of a kind count (builder.ForOption, OwnsOption, WatchesOption). */
export interface WatchOf<T> {
  /** An event counts when all of them let it through. */
  readonly predicates?: readonly Predicate<T>[];
}

/**
 * Describes a controller that has no kind of its own, or whose requests are no names of objects, and adds it to a manager
 * (builder.TypedControllerManagedBy, or a builder without For): `new RequestControllerBuilder(manager, 'zones', zones).watches(nodes,
 * zonesOf).complete({ reconcile })`. For names of objects, `requests` is `objectRequests`.
 */
export class RequestControllerBuilder<R> {
  readonly #manager: Manager;
  readonly #requests: RequestType<R>;
  readonly #sources: (() => Source<R>)[] = [];
  readonly #filters: Predicate<KubeObject>[] = [];
  #name: string;
  #options: ControllerOptions<R> = {};

  /** `name` is that of queue, logs and metrics. */
  constructor(manager: Manager, name: string, requests: RequestType<R>) {
    this.#manager = manager;
    this.#name = name;
    this.#requests = requests;
  }

  /** Reconciles what a handler, or a map function, says for each changed object. */
  watches<O extends KubeObject>(handle: ResourceHandle<O>, handler: EventHandler<O, R> | MapFunc<O, R>, options: WatchOf<O> = {}): this {
    const of = typeof handler === 'function' ? enqueueRequestsFromMapFunc<O, R>(handler, this.#requests) : handler;
    // Predicates of any object are predicates of this kind of them.
    const filters = this.#filters as readonly unknown[] as readonly Predicate<O>[];
    this.#sources.push(() => kindSource<O, R>(this.#manager.cache, handle, of, ...(options.predicates ?? []), ...filters));
    return this;
  }

  /** Reconciles what another source says. */
  watchesSource(source: Source<R>): this {
    this.#sources.push(() => source);
    return this;
  }

  /** Of all kinds that are watched, only events that it lets through count. */
  withEventFilter(predicate: Predicate<KubeObject>): this {
    this.#filters.push(predicate);
    return this;
  }

  /** Instead of the name that it has. No two controllers of a manager have the same. */
  named(name: string): this {
    this.#name = name;
    return this;
  }

  /** Adds to the options that were given before. */
  withOptions(options: ControllerOptions<R>): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }

  /**
   * Registers the handlers and adds the controller to the manager. Throws Error for a name that is taken, and where nothing is watched:
   * nothing would ever be reconciled.
   */
  complete(reconciler: Reconciler<R>): Controller<R> {
    if (this.#sources.length === 0) throw new Error(`Cannot add controller "${this.#name}": it watches nothing`);
    this.#manager.claimControllerName(this.#name);
    const controller = new Controller<R>({
      ...this.#options,
      process: this.#manager.process,
      name: this.#name,
      requests: this.#requests,
      sources: this.#sources.map((source) => source()),
      reconciler,
    });
    this.#manager.add(controller);
    return controller;
  }
}
