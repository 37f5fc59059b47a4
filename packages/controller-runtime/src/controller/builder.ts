import { controllerOf, type Frozen, type KubeObject, parseGroupVersion } from '@coracle/apimachinery';
import {
  type DeletedFinalStateUnknown,
  KeyedController,
  metaOf,
  objectFromDeletion,
  RateLimitingQueue,
  type RateLimiter,
  type ResourceHandle,
  splitMetaNamespaceKey,
} from '@coracle/client';
import { keyText } from '../client/reader.ts';
import type { Manager } from '../manager/manager.ts';
import type { Predicate } from './predicate.ts';
import { type Reconciler, type Request, TerminalError } from './reconcile.ts';

export interface WatchOf<T> {
  readonly predicates?: readonly Predicate<T>[];
}

/** One source of events, tied to the queue when the controller is complete. */
type Source = (enqueue: (request: Request) => void) => void;

/**
 * Describes a controller and adds it to a manager (pkg/builder):
 * `new ControllerBuilder(manager, foos).owns(resources.apps.v1.deployments).complete({ reconcile })`.
 */
export class ControllerBuilder<T extends KubeObject> {
  readonly #manager: Manager;
  readonly #handle: ResourceHandle<T>;
  readonly #sources: Source[] = [];
  #name: string;
  #workers = 1;
  #rateLimiter: RateLimiter<string> | undefined;

  constructor(manager: Manager, handle: ResourceHandle<T>, options: WatchOf<T> = {}) {
    this.#manager = manager;
    this.#handle = handle;
    this.#name = handle.kind.toLowerCase();
    this.watches(handle, (object) => [keyOf(object)], options);
  }

  /** Reconciles the owner of each changed object whose controller is of our kind. */
  owns<O extends KubeObject>(handle: ResourceHandle<O>, options: WatchOf<O> = {}): this {
    const { group, kind, namespaced } = this.#handle;
    return this.watches(
      handle,
      (object) => {
        const metadata = metaOf(object);
        const owner = controllerOf({ metadata });
        if (owner === undefined || owner.kind !== kind || parseGroupVersion(owner.apiVersion).group !== group) return [];
        return [{ namespace: namespaced ? (metadata.namespace ?? '') : '', name: owner.name }];
      },
      options,
    );
  }

  /** Reconciles what `map` says for each changed object; of an update, for the old and the new state. */
  watches<O extends KubeObject>(handle: ResourceHandle<O>, map: (object: Frozen<O>) => readonly Request[], options: WatchOf<O> = {}): this {
    const predicates = options.predicates ?? [];
    this.#sources.push((enqueue) => {
      // Each request once for an event: a worker that waits would take the first at once, and the second would come after it.
      const enqueueAll = (...states: readonly Frozen<O>[]): void => {
        const requests = new Map(states.flatMap((state) => map(state).map((request) => [keyText(request), request])));
        for (const request of requests.values()) enqueue(request);
      };
      this.#manager.informers.forResource(handle).addEventHandler({
        onAdd(object) {
          if (predicates.every((predicate) => predicate.create?.(object) ?? true)) enqueueAll(object);
        },
        onUpdate(old, object) {
          if (!predicates.every((predicate) => predicate.update?.(old, object) ?? true)) return;
          enqueueAll(old, object); // who lost the object has to know too
        },
        onDelete(deleted: Frozen<O> | DeletedFinalStateUnknown<O>) {
          const object = objectFromDeletion(deleted);
          if (object !== undefined && predicates.every((predicate) => predicate.delete?.(object) ?? true)) enqueueAll(object);
        },
      });
    });
    return this;
  }

  /** Default: the kind in lower case. Names queue, logs and metrics. */
  named(name: string): this {
    this.#name = name;
    return this;
  }

  /** Objects reconciled at a time. Default 1. */
  withWorkers(workers: number): this {
    this.#workers = workers;
    return this;
  }

  withRateLimiter(rateLimiter: RateLimiter<string>): this {
    this.#rateLimiter = rateLimiter;
    return this;
  }

  /** Registers the handlers and adds the controller to the manager. */
  complete(reconciler: Reconciler): KeyedController {
    const { process } = this.#manager;
    const name = this.#name;
    const controller = new KeyedController({
      process,
      name,
      workers: this.#workers,
      queue: new RateLimitingQueue<string>({
        process,
        name,
        ...(this.#rateLimiter === undefined ? {} : { rateLimiter: this.#rateLimiter }),
      }),
      async sync(key) {
        try {
          const { requeueAfterMs } = (await reconciler.reconcile(splitMetaNamespaceKey(key))) ?? {};
          return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
        } catch (error) {
          if (!(error instanceof TerminalError)) throw error;
          process.log.error('Reconcile failed for good', { controller: name, key, error: error.message });
          return undefined;
        }
      },
    });
    for (const source of this.#sources) source((request) => controller.queue.add(keyText(request)));
    this.#manager.add({ name: `controller ${name}`, run: (signal) => controller.run(signal) });
    return controller;
  }
}

function keyOf(object: unknown): Request {
  const { namespace = '', name = '' } = metaOf(object);
  return { namespace, name };
}
