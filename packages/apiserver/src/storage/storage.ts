import type { Frozen, Unstructured } from '@coracle/apimachinery';
import type { Revision } from '@coracle/etcd';

/** The revision asked for is below what is served. */
export class CompactedRevisionError extends Error {
  override readonly name = 'CompactedRevisionError';
  readonly compactRevision: Revision;
  constructor(compactRevision: Revision, options?: ErrorOptions) {
    super(`the revision is below ${compactRevision}, the oldest that is served`, options);
    this.compactRevision = compactRevision;
  }
}

/** The revision asked for has not happened yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly current: Revision;
  constructor(current: Revision, options?: ErrorOptions) {
    super(`the revision is beyond ${current}, the newest`, options);
    this.current = current;
  }
}

/** A revision from outside. Throws RangeError unless it is a positive safe integer. */
export function revisionOf(n: number): Revision {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${n} is no revision`);
  return n as Revision; // checked
}

/** Keys are upstream's: `/registry/pods/NAMESPACE/NAME`. A prefix ends in `/`. */
export type Key = string;

/**
 * One stored version of an object, in its wire form. Both forms are made at most once: `bytes` by splicing the
 * resourceVersion into the stored JSON, `object` by parsing it (the writer's own object is kept instead).
 */
export interface Stored {
  readonly key: Key;
  readonly revision: Revision;
  readonly object: Frozen<Unstructured>;
  /** JSON in the storage version, with `metadata.resourceVersion`. */
  readonly bytes: Uint8Array;
  /** `object` without `kind` and `apiVersion`: an item in a list of a built-in kind. */
  readonly item: Frozen<Unstructured>;
  /**
   * What `encode` makes of the object in another wire form: made at most once for one encoder, and kept for as long as the other
   * forms are.
   */
  encoded<T>(encode: (object: Frozen<Unstructured>) => T): T;
  /** The same state as of another revision: what a DELETED event shows. */
  at(revision: Revision): Stored;
}

export interface GetOptions {
  /** Read this exact revision. Throws CompactedError below the served horizon. */
  readonly at?: Revision;
}

export interface ListOptions extends GetOptions {
  /** Continue after this key. */
  readonly after?: Key;
  readonly limit?: number;
}

export interface ListResult {
  readonly items: readonly Stored[];
  /** Revision that the list shows. */
  readonly revision: Revision;
  /** Matches beyond the last item; 0 when the list is complete. */
  readonly remaining: number;
}

/** What is written: the object without resourceVersion, and its JSON with the offset at which to splice it in. */
export interface NewValue {
  readonly bytes: Uint8Array;
  readonly rvOffset: number;
  readonly object: Frozen<Unstructured>;
}

export interface CommitRequest {
  readonly key: Key;
  /** Compare-and-swap: the revision that the writer has seen. */
  readonly expect: Revision | 'absent';
  readonly value: NewValue | 'deleted';
}

/** A failed compare is a result, with what is there instead. For a delete, `stored` is the last state, `revision` the deletion's. */
export type CommitResult =
  | { readonly succeeded: true; readonly stored: Stored; readonly revision: Revision }
  | { readonly succeeded: false; readonly current: Stored | undefined };

/** One change of one object. `current` is absent when it was deleted, `previous` when it was created. */
export interface StorageChange {
  readonly revision: Revision;
  readonly key: Key;
  readonly current: Stored | undefined;
  readonly previous: Stored | undefined;
  /** `previous` as of `revision`: what the end of an object, or its leaving of a selection, shows. Made once for all watchers. */
  readonly last: Stored | undefined;
}

/** Receives changes in order of revision. Called from inside the store's commit: must not throw, must not call back. */
export interface WatchSink {
  changes(batch: readonly StorageChange[]): void;
  ended(why: 'compacted' | 'lost'): void;
}

/**
 * What the API server needs of a store (k8s.io/apiserver pkg/storage). The store knows bytes; objects appear here for the
 * first time. One contract suite runs over every implementation.
 */
export interface Storage {
  get(key: Key, options?: GetOptions): Promise<{ readonly revision: Revision; readonly stored: Stored | undefined }>;
  list(prefix: Key, options?: ListOptions): Promise<ListResult>;
  commit(request: CommitRequest): Promise<CommitResult>;
  /** Every change of the prefix with revision > `after`. Throws CompactedError when some are no longer served. */
  watch(prefix: Key, after: Revision, sink: WatchSink): Disposable;
  /** The newest revision: what a watcher that has got everything has seen. */
  currentRevision(): Promise<Revision>;
  /** The newest revision of which every watcher of this storage has been told; for bookmarks. */
  progress(): Revision;
  compact(revision: Revision): Promise<void>;
}
