import type { Frozen, KubeObject } from '@coracle/apimachinery';
import {
  type HandlerRegistration,
  lowPriority,
  metaOf,
  objectFromDeletion,
  type ResourceEventHandler,
  type ResourceHandle,
} from '@coracle/client';
import type { InformerCache } from '../client/informer-cache.ts';
import type { EventHandler, RequestQueue } from './event-handler.ts';
import { and, type Predicate } from './predicate.ts';
import type { Request } from './reconcile.ts';

/** Where the requests of a controller come from (pkg/source). */
export interface Source<R = Request> {
  /** Ties it to the queue of the controller; called once, before anything runs. */
  start(queue: RequestQueue<R>): void;
  /**
   * Resolves when all that there is at the start is in the queue. Throws when that takes longer than `timeoutMs`, or with the signal's
   * reason.
   */
  synced(limits: { readonly signal: AbortSignal; readonly timeoutMs?: number }): Promise<void>;
}

/** Events of a kind of objects (source.Kind). Those of the first list and of resyncs have a low priority. */
export function kindSource<T extends KubeObject, R = Request>(
  cache: InformerCache,
  handle: ResourceHandle<T>,
  handler: EventHandler<T, R>,
  ...predicates: readonly Predicate<T>[]
): Source<R> {
  const predicate = and(...predicates);
  const registrations: HandlerRegistration[] = [];
  return {
    start(queue) {
      const low: RequestQueue<R> = { add: (request, options) => queue.add(request, { priority: lowPriority, ...options }) };
      const events: ResourceEventHandler<T> = {
        onAdd(object, isInInitialList) {
          return predicate.create?.(object) === false ? undefined : handler.create?.(object, isInInitialList ? low : queue);
        },
        onUpdate(old, object) {
          if (predicate.update?.(old, object) === false) return undefined;
          const isUnchanged = metaOf(old).resourceVersion === metaOf(object).resourceVersion;
          return handler.update?.(old, object, isUnchanged ? low : queue);
        },
        onDelete(deleted) {
          const object = objectFromDeletion<T>(deleted);
          return object === undefined || predicate.delete?.(object) === false ? undefined : handler.delete?.(object, queue);
        },
      };
      for (const part of cache.parts(handle)) registrations.push(part.informer().addEventHandler(events));
    },
    async synced({ signal, timeoutMs }) {
      await cache.synced(cache.parts(handle), { signal, ...(timeoutMs !== undefined && { timeoutMs }) });
      for (const registration of registrations) await registration.whenSynced(signal);
    },
  };
}

/**
 * Events that a program makes itself: of a timer, of a system outside the cluster (source.Channel). There is no buffer to fill, as the
 * queue holds each request once.
 */
export class ChannelSource<T, R = Request> implements Source<R> {
  readonly #handler: EventHandler<T, R>;
  readonly #predicate: Predicate<T>;
  #queue: RequestQueue<R> | undefined;

  constructor(handler: EventHandler<T, R>, ...predicates: readonly Predicate<T>[]) {
    this.#handler = handler;
    this.#predicate = and(...predicates);
  }

  /** Resolves when the handler has put its requests into the queue. Throws before a controller has this source. */
  async send(object: Frozen<T>): Promise<void> {
    if (this.#queue === undefined) throw new Error('Cannot send to a channel that no controller reads');
    if (this.#predicate.generic?.(object) !== false) await this.#handler.generic?.(object, this.#queue);
  }

  start(queue: RequestQueue<R>): void {
    if (this.#queue !== undefined) throw new Error('Cannot read a channel from two controllers');
    this.#queue = queue;
  }

  /** Nothing is there at the start. */
  async synced(): Promise<void> {}
}
