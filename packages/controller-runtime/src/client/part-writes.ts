import type { Frozen, KubeObject } from '@coracle/apimachinery';
import { deletionKey, type Deletion, metaOf, objectFromDeletion, metadataProjection, type ResourceHandle } from '@coracle/client';
import { holderOf } from './cache-limits.ts';
import type { CachePart } from './informer-cache.ts';
import { isGone, OwnWrites } from './own-writes.ts';

/** Told of what a client writes. `T` is what the server answers with. */
export interface WriteObserver<T extends KubeObject> {
  /** The server's answer to a write. */
  wrote(answer: Frozen<T>): void;
  /** Call before a delete is sent, and what it gives with the answer; not for one that failed. */
  deleting(key: string): (deletion: Deletion<T>) => void;
  /** As `OwnWrites.wroteAt`. */
  wroteAt(version: string): void;
  /** As `OwnWrites.wroteUnknown`. */
  wroteUnknown(): void;
}

/**
 * The own writes of one part of a cache, in the form in which the part would hold them: what its selectors leave out is not in it, and
 * what it holds is transformed.
 */
export class PartWrites<T extends KubeObject> implements WriteObserver<KubeObject> {
  readonly part: CachePart<T>;
  readonly own: OwnWrites<T>;
  readonly holds: (object: Frozen<KubeObject>) => boolean | undefined;
  readonly #handle: ResourceHandle<T>;

  constructor(handle: ResourceHandle<T>, part: CachePart<T>, options: { readonly limit?: number }) {
    this.part = part;
    this.own = new OwnWrites<T>(options);
    this.holds = holderOf(part.limits);
    this.#handle = handle;
  }

  /** Lays the writes over the cache once somebody has made that. */
  attach(): void {
    if (this.own.isAttached || !this.part.hasInformer()) return;
    const informer = this.part.informer();
    if (informer.isStopped) return; // nothing will come up to anything
    this.own.attach(informer.indexer);
    informer.addEventHandler({
      onAdd: (object) => this.own.seen(object),
      onUpdate: (_old, object) => this.own.seen(object),
      onDelete: (deleted) => this.own.seenGone(deletionKey<T>(deleted), objectFromDeletion<T>(deleted)),
    });
  }

  /** `object`, which the server sent, as the part holds it. */
  shown(object: Frozen<KubeObject>): Frozen<T> {
    const form = (this.#handle.onlyMetadata === true ? metadataProjection(this.#handle, object) : object) as Frozen<T>; // that is what it holds
    const { transform } = this.part.limits;
    return transform === undefined ? form : transform(form);
  }

  wrote(answer: Frozen<KubeObject>): void {
    const holds = this.holds(answer);
    if (holds === undefined) this.own.wroteAt(metaOf(answer).resourceVersion ?? '');
    else this.own.wrote(this.shown(answer), isGone(answer) ? 'gone' : holds ? 'there' : 'outside');
  }

  deleting(key: string): (deletion: Deletion<KubeObject>) => void {
    const deleted = this.own.deleting(key);
    return ({ status, object }) => {
      const metadata = object === undefined ? undefined : metaOf(object);
      const uid = object === undefined ? status.details?.uid : metadata?.uid;
      const version = metadata?.resourceVersion;
      if (object !== undefined && metadata?.deletionTimestamp !== undefined && !isGone(object)) this.wrote(object);
      else if (uid === undefined) this.own.wroteUnknown();
      else deleted({ uid, ...(version !== undefined && { version }) });
    };
  }

  wroteAt(version: string): void {
    this.own.wroteAt(version);
  }

  wroteUnknown(): void {
    this.own.wroteUnknown();
  }
}

/** Tells several parts. */
export function allOf(observers: readonly WriteObserver<KubeObject>[]): WriteObserver<KubeObject> {
  return {
    wrote(answer) {
      for (const observer of observers) observer.wrote(answer);
    },
    deleting(key) {
      const all = observers.map((observer) => observer.deleting(key));
      return (deletion) => {
        for (const deleted of all) deleted(deletion);
      };
    },
    wroteAt(version) {
      for (const observer of observers) observer.wroteAt(version);
    },
    wroteUnknown() {
      for (const observer of observers) observer.wroteUnknown();
    },
  };
}

/** For a cache of whole objects, of writes that are answered with metadata only: what they hold now is not known. */
export function ofMetadata(observer: WriteObserver<KubeObject>): WriteObserver<KubeObject> {
  const at = (object: Frozen<KubeObject>): void => observer.wroteAt(metaOf(object).resourceVersion ?? '');
  return {
    wrote: at,
    deleting(key) {
      const deleted = observer.deleting(key);
      return (deletion) => (deletion.object === undefined ? deleted(deletion) : observer.wroteUnknown());
    },
    wroteAt: (version) => observer.wroteAt(version),
    wroteUnknown: () => observer.wroteUnknown(),
  };
}
