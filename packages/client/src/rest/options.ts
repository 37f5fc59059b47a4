import type { ExchangeOptions } from '@coracle/apimachinery';

/**
 * How a call is made, whatever it asks for. When `signal` aborts, the call rejects with its reason, and a watch ends; the server may have
 * carried it out.
 */
export type CallOptions = Pick<ExchangeOptions, 'signal' | 'withoutManagedFields' | 'previous'>;

/** Which state of an object to read (meta/v1 GetOptions). */
export interface GetOptions {
  readonly resourceVersion?: string;
}

/** Which objects to list (meta/v1 ListOptions). */
export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Objects of one page; more are fetched with `continue`. */
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  readonly timeoutSeconds?: number;
}

/** What to watch, and from which version (meta/v1 ListOptions). */
export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  /** The present objects first, then a bookmark that ends them (WatchList). */
  readonly sendInitialEvents?: boolean;
}

/** How an object is created or updated (meta/v1 CreateOptions, UpdateOptions). */
export interface WriteOptions {
  /** `All` or absent. */
  readonly dryRun?: string;
  readonly fieldManager?: string;
  /** What becomes of unknown and repeated fields: dropped, dropped and told as a warning (the server's default), refused. */
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
}

/** Server-side apply needs to know who applies. */
export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes over fields that others manage. Default false: they are a conflict. */
  readonly force?: boolean;
}

/** How an object is patched (meta/v1 PatchOptions). */
export interface PatchOptions extends WriteOptions {
  readonly subresource?: string;
  /** Apply only: take over fields that others manage. */
  readonly force?: boolean;
}

/** JSON Patch, JSON Merge Patch, strategic merge patch, server-side apply (apimachinery types.PatchType). */
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** Media types of patches, as the server knows them. */
export const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
