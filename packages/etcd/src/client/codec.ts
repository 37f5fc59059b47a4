import { revision, type Revision } from '../mvcc/revision.ts';
import type { Change, Compare, KeyValue, Operation, RangeRequest, Txn } from '../mvcc/types.ts';
import { GrpcError, grpcCode } from '../v3/grpc/status.ts';
import {
  txnResponse,
  type WireCompare,
  type WireKeyValue,
  type WireRangeRequest,
  type WireRequestOp,
  type WireResponseOp,
  type WireTxnRequest,
} from '../v3/messages.ts';
import { ProtobufReader, wireType } from '../v3/protobuf.ts';

/** What a range found. `revision` is the store's when it was read, also of a range at an older one. */
export interface RangeAnswer {
  readonly revision: Revision;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export type OperationAnswer =
  | { readonly op: 'put'; readonly previous: KeyValue | undefined }
  | { readonly op: 'delete'; readonly deleted: number; readonly previous: readonly KeyValue[] }
  | ({ readonly op: 'range' } & Omit<RangeAnswer, 'revision'>)
  | { readonly op: 'txn'; readonly succeeded: boolean; readonly results: readonly OperationAnswer[] };

export interface TxnAnswer {
  readonly succeeded: boolean;
  /** The store's after the transaction. */
  readonly revision: Revision;
  readonly results: readonly OperationAnswer[];
}

const targets = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;
const comparisons = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
const sortTargets = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export function wireRange(request: RangeRequest): Partial<WireRangeRequest> {
  const { key, end = '', sort } = request;
  return {
    key,
    rangeEnd: end,
    limit: request.limit ?? 0,
    revision: request.revision ?? 0,
    sortOrder: sort === undefined || sort.limitFirst === true ? 0 : sort.descending ? 2 : 1,
    sortTarget: sort === undefined ? 0 : sortTargets[sort.target],
    keysOnly: request.keysOnly ?? false,
    countOnly: request.countOnly ?? false,
    minModRevision: request.minModRevision ?? 0,
    maxModRevision: request.maxModRevision ?? 0,
    minCreateRevision: request.minCreateRevision ?? 0,
    maxCreateRevision: request.maxCreateRevision ?? 0,
  };
}

export function wireTxn({ compares, success, failure }: Txn): Partial<WireTxnRequest> {
  return { compare: compares.map(wireCompare), success: success.map(wireOperation), failure: failure.map(wireOperation) };
}

function wireCompare(compare: Compare): Partial<WireCompare> {
  const { key, end = '', result, target } = compare;
  const common = { result: comparisons[result], target: targets[target], key, rangeEnd: end };
  switch (compare.target) {
    case 'version':
      return { ...common, version: compare.operand };
    case 'create':
      return { ...common, createRevision: compare.operand };
    case 'mod':
      return { ...common, modRevision: compare.operand };
    case 'value':
      return { ...common, value: compare.operand };
    case 'lease':
      return { ...common, lease: compare.operand };
  }
}

function wireOperation(operation: Operation): Partial<WireRequestOp> {
  switch (operation.op) {
    case 'range':
      return { requestRange: wireRange(operation) };
    case 'put':
      return { requestPut: operation };
    case 'delete': {
      const { key, end = '', prevKv = false } = operation;
      return { requestDeleteRange: { key, rangeEnd: end, prevKv } };
    }
    case 'txn':
      return { requestTxn: wireTxn(operation.txn) };
  }
}

/** Throws InvalidProtobuf, and GrpcError when an operation has no result. */
export function decodeTxnAnswer(bytes: Buffer): TxnAnswer {
  const { header, succeeded, responses } = txnResponse.decode(bytes);
  return { succeeded, revision: revision(header?.revision ?? 0), results: responses.map(operationAnswer) };
}

function operationAnswer({ responseRange, responsePut, responseDeleteRange, responseTxn }: Partial<WireResponseOp>): OperationAnswer {
  if (responseRange !== undefined) {
    const { kvs = [], more = false, count = 0 } = responseRange;
    return { op: 'range', kvs: kvs.map(keyValueOf), more, count };
  }
  if (responsePut !== undefined) return { op: 'put', previous: responsePut.prevKv && keyValueOf(responsePut.prevKv) };
  if (responseDeleteRange !== undefined) {
    const { deleted = 0, prevKvs = [] } = responseDeleteRange;
    return { op: 'delete', deleted, previous: prevKvs.map(keyValueOf) };
  }
  if (responseTxn === undefined) throw new GrpcError(grpcCode.internal, 'received a result of no operation');
  return { op: 'txn', succeeded: responseTxn.succeeded ?? false, results: (responseTxn.responses ?? []).map(operationAnswer) };
}

const noValue = new Uint8Array();

function keyValueOf(kv: Partial<WireKeyValue>): KeyValue {
  return Object.freeze({
    key: kv.key ?? '',
    value: kv.value ?? noValue,
    createRevision: revision(kv.createRevision ?? 0),
    modRevision: revision(kv.modRevision ?? 0),
    version: kv.version ?? 0,
    lease: kv.lease ?? 0n,
  });
}

/*
 * Lists and watches are most of what is received: their decoders are written by hand. Tags are those of
 * api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.
 */

const field = (number: number, type: number = wireType.bytes): number => number * 8 + type;

function readKeyValue(from: ProtobufReader): KeyValue {
  let key = '';
  let value: Uint8Array = noValue;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let lease = 0n;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === field(1)) key = from.key();
    else if (tag === field(2, 0)) createRevision = from.revision();
    else if (tag === field(3, 0)) modRevision = from.revision();
    else if (tag === field(4, 0)) version = from.revision();
    else if (tag === field(5)) value = from.bytes();
    else if (tag === field(6, 0)) lease = from.int64();
    else from.skip(tag);
  }
  return Object.freeze({ key, value, createRevision: revision(createRevision), modRevision: revision(modRevision), version, lease });
}

function readHeaderRevision(from: ProtobufReader): Revision {
  let at = 0;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === field(3, 0)) at = from.revision();
    else from.skip(tag);
  }
  return revision(at);
}

/** Adds up the parts of one answer: all of it, or the chunks of a stream, of which only the last one has more than keys. */
export class RangeReader {
  readonly #kvs: KeyValue[] = [];
  #revision = 0;
  #more = false;
  #count = 0;

  /** Throws InvalidProtobuf. */
  read(bytes: Buffer): void {
    this.#read(new ProtobufReader(bytes));
  }

  readChunk(bytes: Buffer): void {
    const from = new ProtobufReader(bytes);
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      if (tag === field(1)) this.#read(from.message());
      else from.skip(tag);
    }
  }

  get answer(): RangeAnswer {
    return { revision: revision(this.#revision), kvs: this.#kvs, more: this.#more, count: this.#count };
  }

  #read(from: ProtobufReader): void {
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      if (tag === field(1)) this.#revision = readHeaderRevision(from.message());
      else if (tag === field(2)) this.#kvs.push(readKeyValue(from.message()));
      else if (tag === field(3, 0)) this.#more = from.bool();
      else if (tag === field(4, 0)) this.#count = from.revision();
      else from.skip(tag);
    }
  }
}

/** What a watch is told. A report of progress has no changes. */
export interface WatchAnswer {
  readonly revision: Revision;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly changes: readonly Change[];
}

/** Throws InvalidProtobuf. */
export function decodeWatchAnswer(bytes: Buffer): WatchAnswer {
  const from = new ProtobufReader(bytes);
  const changes: Change[] = [];
  let at: Revision = revision(0);
  let watchId = 0n;
  let created = false;
  let canceled = false;
  let compactRevision = 0;
  let cancelReason = '';
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === field(1)) at = readHeaderRevision(from.message());
    else if (tag === field(2, 0)) watchId = from.int64();
    else if (tag === field(3, 0)) created = from.bool();
    else if (tag === field(4, 0)) canceled = from.bool();
    else if (tag === field(5, 0)) compactRevision = from.revision();
    else if (tag === field(6)) cancelReason = from.string();
    else if (tag === field(11)) changes.push(readEvent(from.message()));
    else from.skip(tag);
  }
  return { revision: at, watchId, created, canceled, compactRevision, cancelReason, changes };
}

function readEvent(from: ProtobufReader): Change {
  let isDelete = false;
  let kv: KeyValue | undefined;
  let previous: KeyValue | undefined;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === field(1, 0)) isDelete = from.int32() === 1;
    else if (tag === field(2)) kv = readKeyValue(from.message());
    else if (tag === field(3)) previous = readKeyValue(from.message());
    else from.skip(tag);
  }
  if (kv === undefined) throw new GrpcError(grpcCode.internal, 'received an event of no key');
  return Object.freeze({ revision: kv.modRevision, key: kv.key, current: isDelete ? undefined : kv, previous });
}
