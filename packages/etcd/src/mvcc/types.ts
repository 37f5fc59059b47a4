import type { Revision } from './revision.ts';

/** 0 means none. */
export type LeaseId = number;

/** One version of a key. Frozen; shared by every reader, snapshot and fork. */
export interface KeyValue {
  /** Binary string: one char per byte. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 when created, +1 per put. */
  readonly version: number;
  readonly lease: LeaseId;
}

/** What one transaction did to one key. `current` is absent when it was deleted, `previous` when it was created. */
export interface Change {
  readonly revision: Revision;
  readonly key: string;
  readonly current: KeyValue | undefined;
  readonly previous: KeyValue | undefined;
}

/** Keys in [`key`, `end`); without `end` the one key; `end` = '\0' means every key from `key` on. */
export interface KeyRange {
  readonly key: string;
  readonly end?: string | undefined;
}

export type CompareTarget = 'version' | 'create' | 'mod' | 'lease';
export type CompareResult = 'equal' | 'notEqual' | 'greater' | 'less';

/** Holds when every key of the range satisfies it. An absent key compares as 0; for `value` it never holds. */
export type Compare = KeyRange & { readonly result: CompareResult } & (
    | { readonly target: CompareTarget; readonly operand: number }
    | { readonly target: 'value'; readonly operand: Uint8Array }
  );

export interface RangeRequest extends KeyRange {
  /** 0 or absent: the current one. */
  readonly revision?: number;
  /** 0 or absent: no limit. */
  readonly limit?: number;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly kvs: readonly KeyValue[];
  /** Whether `limit` cut the answer. */
  readonly more: boolean;
  /** All matches at the revision, not only those returned. */
  readonly count: number;
}

export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: LeaseId }
  | ({ readonly op: 'delete' } & KeyRange)
  | ({ readonly op: 'range' } & RangeRequest);

export type OperationResult =
  | { readonly op: 'put'; readonly current: KeyValue; readonly previous: KeyValue | undefined }
  | { readonly op: 'delete'; readonly deleted: readonly KeyValue[] }
  | ({ readonly op: 'range' } & RangeResponse);

export interface Txn {
  readonly compares: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure: readonly Operation[];
}

export interface TxnResult {
  readonly succeeded: boolean;
  /** The store's revision after the transaction. */
  readonly revision: Revision;
  readonly results: readonly OperationResult[];
  /** What it changed, in the order of its operations; all at one revision. */
  readonly changes: readonly Change[];
}

/** The revision asked for has been compacted. etcd's text: "mvcc: required revision has been compacted". */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactRevision: Revision;
  constructor(compactRevision: Revision) {
    super('etcdserver: mvcc: required revision has been compacted');
    this.compactRevision = compactRevision;
  }
}

/** The revision asked for has not happened yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly current: Revision;
  constructor(current: Revision) {
    super('etcdserver: mvcc: required revision is a future revision');
    this.current = current;
  }
}

export class LeaseNotFoundError extends Error {
  override readonly name = 'LeaseNotFoundError';
  constructor() {
    super('etcdserver: requested lease not found');
  }
}

export class LeaseExistsError extends Error {
  override readonly name = 'LeaseExistsError';
  constructor() {
    super('etcdserver: lease already exists');
  }
}
