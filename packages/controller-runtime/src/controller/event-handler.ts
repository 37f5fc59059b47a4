import { controllerOf, type Frozen, type KubeObject } from '@coracle/apimachinery';
import { metaOf, type ResourceHandle } from '@coracle/client';
import { isOfKind } from '../client/ownership.ts';
import type { Request } from './reconcile.ts';
import { objectRequests, type RequestType } from './request-type.ts';

/** Where handlers put their requests. A request that waits already is there once. */
export interface RequestQueue<R = Request> {
  /** `priority`: higher goes first, default 0, or -100 for what was there at the start. `afterMs`: the soonest it is handed out. */
  add(request: R, options?: { readonly priority?: number; readonly afterMs?: number }): void;
}

/**
 * What to reconcile because of an event (pkg/handler EventHandler). A handler that returns a promise is given the next event when that
 * is settled. A throw stops the process: there is nobody to try again.
 */
export interface EventHandler<T, R = Request> {
  create?(object: Frozen<T>, queue: RequestQueue<R>): void | Promise<void>;
  update?(old: Frozen<T>, object: Frozen<T>, queue: RequestQueue<R>): void | Promise<void>;
  /** `object` is the last state that was seen, which may be old. */
  delete?(object: Frozen<T>, queue: RequestQueue<R>): void | Promise<void>;
  /** Something that is no event of the API: see `ChannelSource`. */
  generic?(object: Frozen<T>, queue: RequestQueue<R>): void | Promise<void>;
}

/** Reconciles the object itself (handler.EnqueueRequestForObject). */
export function enqueueRequestForObject<T extends KubeObject>(): EventHandler<T> {
  const enqueue = (object: Frozen<T>, queue: RequestQueue): void => {
    const { namespace = '', name = '' } = metaOf(object);
    queue.add({ namespace, name });
  };
  return { create: enqueue, update: (_old, object, queue) => enqueue(object, queue), delete: enqueue, generic: enqueue };
}

/** Which of the owners of an object are meant (handler.OwnerOption). */
export interface OwnerOptions {
  /** Reconcile every owner of the kind, not only the one that manages the object. Default false. */
  readonly matchEveryOwner?: boolean;
}

/**
 * Reconciles the owner of the object, of any version of `owner`'s kind (handler.EnqueueRequestForOwner); after a change of hands, the old
 * one too.
 */
export function enqueueRequestForOwner<T extends KubeObject>(
  owner: ResourceHandle<KubeObject>,
  options: OwnerOptions = {},
): EventHandler<T> {
  return enqueueRequestsFromMapFunc<T>((object) => {
    const metadata = metaOf(object);
    const managing = controllerOf({ metadata });
    const owners = options.matchEveryOwner === true ? (metadata.ownerReferences ?? []) : managing === undefined ? [] : [managing];
    return owners
      .filter((each) => isOfKind(each, owner))
      .map(({ name }) => ({ namespace: owner.namespaced ? (metadata.namespace ?? '') : '', name }));
  });
}

/** Says which requests an object's event brings; may ask a cache, hence the promise. */
export type MapFunc<T, R = Request> = (object: Frozen<T>) => readonly R[] | Promise<readonly R[]>;

/** Reconciles what `map` says, each request once for an event; of an update, for the old and the new state (handler.EnqueueRequestsFromMapFunc). */
export function enqueueRequestsFromMapFunc<T>(map: MapFunc<T>): EventHandler<T>;
/** As above, of requests that are not names of objects. */
export function enqueueRequestsFromMapFunc<T, R>(map: MapFunc<T, R>, requests: RequestType<R>): EventHandler<T, R>;
export function enqueueRequestsFromMapFunc<T>(map: MapFunc<T>, type: RequestType<Request> = objectRequests): EventHandler<T> {
  // A worker that waits would take the first of two equal requests at once, and the second would come after it.
  const enqueueAll = (queue: RequestQueue, lists: readonly (readonly Request[])[]): void => {
    const requests = new Map(lists.flat().map((request) => [type.format(request), request]));
    for (const request of requests.values()) queue.add(request);
  };
  const enqueue = (queue: RequestQueue, ...states: readonly Frozen<T>[]): void | Promise<void> => {
    const mapped = states.map((state) => map(state));
    if (mapped.every((requests) => !(requests instanceof Promise))) return enqueueAll(queue, mapped as readonly (readonly Request[])[]); // none is
    return Promise.all(mapped.map(async (requests) => requests)).then((lists) => enqueueAll(queue, lists));
  };
  return {
    create: (object, queue) => enqueue(queue, object),
    update: (old, object, queue) => enqueue(queue, old, object),
    delete: (object, queue) => enqueue(queue, object),
    generic: (object, queue) => enqueue(queue, object),
  };
}
