import type { Revision } from './revision.ts';

/** int64, as on the wire: never a number, for clients choose ids of 63 bits. 0n means none. */
export type LeaseId = bigint;

export const noLease: LeaseId = 0n;

/** One version of a key. Immutable; shared by every reader, snapshot and fork. */
export interface KeyValue {
  /** Binary string: one char per byte. */
  readonly key: string;
  /**
   * Of a store in this process: a new view of memory that it shares with up to 1 MiB of other values, never changed. To be read
   * and let go: whoever keeps it keeps all of that memory, and copies it instead.
   */
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

export type CompareTarget = 'version' | 'create' | 'mod';
export type CompareResult = 'equal' | 'notEqual' | 'greater' | 'less';

/**
 * Holds when every key of the range satisfies it. A range without keys is compared as one absent key: 0 in all numbers,
 * while a compare of `value` does not hold. A negative `operand` is less than everything.
 */
export type Compare = KeyRange & { readonly result: CompareResult } & (
    | { readonly target: CompareTarget; readonly operand: number }
    | { readonly target: 'lease'; readonly operand: LeaseId }
    | { readonly target: 'value'; readonly operand: Uint8Array }
  );

export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

/** Among equal values any order is right. */
export interface Sort {
  readonly target: SortTarget;
  readonly descending: boolean;
  /** Sorts what the limit has left, by key: etcd does so when it is given a target and no order. */
  readonly limitFirst?: boolean;
  /** A client asked for a target or an order that there is not: `checkRange` refuses it, in its turn. */
  readonly isInvalid?: boolean;
}

export interface RangeRequest extends KeyRange {
  /** 0, negative or absent: the current one. */
  readonly revision?: number;
  /** 0, negative or absent: no limit. Applied after filters and sorting. */
  readonly limit?: number;
  readonly countOnly?: boolean;
  /** Answers without values and, unless they are sorted by value, without leases, which etcd's index does not know. */
  readonly keysOnly?: boolean;
  /** Absent: by key, ascending. */
  readonly sort?: Sort | undefined;
  /** Inclusive bounds; 0 or absent: none. They shrink what is returned, not `count`. */
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  readonly minCreateRevision?: number;
  readonly maxCreateRevision?: number;
}

export interface RangeResponse {
  readonly kvs: readonly KeyValue[];
  /** Whether `limit` cut the answer. */
  readonly more: boolean;
  /** All matches at the revision, not only those returned. */
  readonly count: number;
}

export interface Put {
  readonly op: 'put';
  readonly key: string;
  readonly value: Uint8Array;
  readonly lease?: LeaseId;
  /** Keeps the value that the key has, which must exist; `value` is empty then. */
  readonly ignoreValue?: boolean;
  /** Keeps the lease that the key, which must exist, has; `lease` is 0n then. */
  readonly ignoreLease?: boolean;
  /** Whether an answer on the wire tells what was there before; a result always does. */
  readonly prevKv?: boolean;
}

export type Operation =
  | Put
  | ({ readonly op: 'delete'; readonly prevKv?: boolean } & KeyRange)
  | ({ readonly op: 'range' } & RangeRequest)
  | { readonly op: 'txn'; readonly txn: Txn };

/** `revision` is the store's as that operation sees it: its own transaction's once something has been written before. */
export type OperationResult =
  | { readonly op: 'put'; readonly revision: Revision; readonly current: KeyValue; readonly previous: KeyValue | undefined }
  | { readonly op: 'delete'; readonly revision: Revision; readonly deleted: readonly KeyValue[] }
  | ({ readonly op: 'range'; readonly revision: Revision } & RangeResponse)
  | { readonly op: 'txn'; readonly succeeded: boolean; readonly results: readonly OperationResult[] };

/** Compares, also those of nested transactions, see the state before the outermost one. */
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

/** NOSPACE refuses what needs room until it is disarmed; CORRUPT refuses every change. */
export type AlarmType = 'nospace' | 'corrupt';

export interface Alarm {
  /** uint64 of the member that raised it. */
  readonly memberId: bigint;
  readonly type: AlarmType;
}
